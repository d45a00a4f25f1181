/** The service managers that Flow knows, and what each is asked to do. Programs are run without a shell, bounded. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '#src/config.ts';
import { type ProgramEnd, runProgram } from '#src/engines/run-program.ts';
import { Fault } from '#src/faults.ts';
import { AGENT_LABEL, launchAgent, programOfAgent } from './launch-agent.ts';
import type { ServicePlan } from './plan.ts';
import { programOfUnit, systemdUnit, UNIT_NAME } from './systemd-unit.ts';

export type ManagerName = 'systemd' | 'launchd';

/** What the manager says of the service. `pid` null when nothing runs. */
export type ServiceState = { readonly state: string; readonly isRunning: boolean; readonly pid: number | null };

/** One service manager. */
export interface Manager {
  readonly name: ManagerName;
  /** Where the service's file belongs. */
  readonly path: string;
  fileFor(plan: ServicePlan): string;
  programIn(text: string): readonly string[];
  /** Whether it is here and listens to this user. */
  isThere(): Promise<boolean>;
  /** Takes the file that was written, and starts what it says, now and at each login. Throws Fault('internal'). */
  start(): Promise<void>;
  /** Stops it, and never starts it again. The file is still there. Throws Fault('internal'). */
  stop(): Promise<void>;
  /** To be called when the file has gone. */
  forget(): Promise<void>;
  state(): Promise<ServiceState>;
  /** What the user should know of it, or null. */
  remark(): Promise<string | null>;
}

/** A stop waits for answers that run. */
const STOP_MS_MAX = 60_000;
const ASK_MS_MAX = 10_000;

/** The manager of that name, for the user whose environment this is. */
export function managerNamed(name: ManagerName, environment: Environment): Manager {
  const home = environment.HOME ?? homedir();
  return name === 'systemd' ? new Systemd(home, environment) : new Launchd(home, environment);
}

/** Asks one program, by its name on the user's PATH. */
class Desk {
  readonly #program: string;
  readonly #environment: Environment;

  constructor(program: string, environment: Environment) {
    this.#program = program;
    this.#environment = environment;
  }

  async ask(...words: string[]): Promise<ProgramEnd> {
    const found = Bun.which(this.#program, { PATH: this.#environment.PATH ?? '' });
    if (found === null) return { kind: 'not-started', code: 'ENOENT' };
    const given = Object.entries(this.#environment).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, value]],
    );
    const boundMs = /^(disable|restart|bootout)$/.test(words.find((word) => !word.startsWith('-')) ?? '')
      ? STOP_MS_MAX
      : ASK_MS_MAX;
    return runProgram([found, ...words], { env: Object.fromEntries(given), boundMs });
  }

  /** Its output. Throws Fault('internal') with what it said when it would not. */
  async tell(...words: string[]): Promise<string> {
    const end = await this.ask(...words);
    if (end.kind === 'exited' && end.code === 0) return end.stdout;
    const said = end.kind === 'exited' ? end.stderr.trim() || `code ${end.code}` : end.kind;
    throw new Fault('internal', `${this.#program} ${words.join(' ')} did not work: ${said}.`);
  }
}

class Systemd implements Manager {
  readonly name = 'systemd';
  readonly path: string;
  readonly #control: Desk;
  readonly #login: Desk;

  constructor(home: string, environment: Environment) {
    const folder = environment.XDG_CONFIG_HOME || join(home, '.config');
    this.path = join(folder, 'systemd', 'user', UNIT_NAME);
    this.#control = new Desk('systemctl', environment);
    this.#login = new Desk('loginctl', environment);
  }

  readonly fileFor = systemdUnit;
  readonly programIn = programOfUnit;

  async isThere(): Promise<boolean> {
    const end = await this.#control.ask('--user', 'show', '--property=Version');
    return end.kind === 'exited' && end.code === 0;
  }

  async start(): Promise<void> {
    await this.#control.tell('--user', 'daemon-reload');
    const { isRunning } = await this.state();
    await this.#control.tell('--user', 'enable', '--now', UNIT_NAME);
    // What ran already runs by the file that was there before.
    if (isRunning) await this.#control.tell('--user', 'restart', UNIT_NAME);
  }

  async stop(): Promise<void> {
    await this.#control.tell('--user', 'disable', '--now', UNIT_NAME);
  }

  async forget(): Promise<void> {
    await this.#control.ask('--user', 'daemon-reload');
    await this.#control.ask('--user', 'reset-failed', UNIT_NAME);
  }

  async state(): Promise<ServiceState> {
    const end = await this.#control.ask('--user', 'show', UNIT_NAME, '--property=ActiveState,SubState,MainPID');
    const said = end.kind === 'exited' ? end.stdout : '';
    const field = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(said)?.[1] ?? '';
    const pid = Number(field('MainPID'));
    return {
      state: [field('ActiveState'), field('SubState')].filter(Boolean).join(', ') || 'unknown',
      isRunning: field('ActiveState') === 'active',
      pid: pid > 0 ? pid : null,
    };
  }

  async remark(): Promise<string | null> {
    const end = await this.#login.ask('show-user', String(process.getuid?.() ?? ''), '--property=Linger');
    if (end.kind !== 'exited' || !end.stdout.includes('Linger=no')) return null;
    return 'It runs while you are logged in; to keep it beyond that: loginctl enable-linger';
  }
}

class Launchd implements Manager {
  readonly name = 'launchd';
  readonly path: string;
  readonly #control: Desk;
  readonly #domain: string;

  constructor(home: string, environment: Environment) {
    this.path = join(home, 'Library', 'LaunchAgents', `${AGENT_LABEL}.plist`);
    this.#control = new Desk('launchctl', environment);
    this.#domain = `gui/${process.getuid?.() ?? 0}`;
  }

  readonly fileFor = launchAgent;
  readonly programIn = programOfAgent;

  async isThere(): Promise<boolean> {
    const end = await this.#control.ask('print', this.#domain);
    return end.kind === 'exited' && end.code === 0;
  }

  async start(): Promise<void> {
    // One that is loaded already keeps what its old file said.
    await this.#control.ask('bootout', `${this.#domain}/${AGENT_LABEL}`);
    await this.#control.tell('enable', `${this.#domain}/${AGENT_LABEL}`);
    await this.#control.tell('bootstrap', this.#domain, this.path);
  }

  async stop(): Promise<void> {
    const { state } = await this.state();
    if (state !== 'not loaded') await this.#control.tell('bootout', `${this.#domain}/${AGENT_LABEL}`);
  }

  async forget(): Promise<void> {}

  async state(): Promise<ServiceState> {
    const end = await this.#control.ask('print', `${this.#domain}/${AGENT_LABEL}`);
    if (end.kind !== 'exited' || end.code !== 0) return { state: 'not loaded', isRunning: false, pid: null };
    const state = /^\s*state = (.*)$/m.exec(end.stdout)?.[1] ?? 'unknown';
    const pid = Number(/^\s*pid = (\d+)$/m.exec(end.stdout)?.[1] ?? 0);
    return { state, isRunning: state === 'running', pid: pid > 0 ? pid : null };
  }

  async remark(): Promise<string | null> {
    return null;
  }
}
