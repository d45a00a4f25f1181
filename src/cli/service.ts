/** `flow service`: Flow as a service of the user's own, started at login and after a crash. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { Fault } from '#src/faults.ts';
import { hasStoredKeys } from '#src/store/stored-keys.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { planService, type ServicePlan } from './service/plan.ts';
import { refuseForeign, removeService, standingAt, writeService } from './service/service-file.ts';
import { type Manager, type ManagerName, managerNamed } from './service/service-managers.ts';
import { safe } from './terminal.ts';

/** Installs, removes and looks at the service. */
export const serviceCommand: Command = {
  name: 'service',
  usage: 'install|uninstall|status',
  summary: 'Start Flow at login and again after a crash: a systemd user unit, or a launch agent on macOS',
  examples: [
    'flow service install',
    'flow service install --port 4000 --dry-run',
    'flow service install --for launchd --dry-run',
    'flow service status',
    'flow service uninstall',
  ],
  options: { 'dry-run': { type: 'boolean' }, for: { type: 'string' } },
  positionals: [1, 1],
  async run(context) {
    const [verb] = context.positionals;
    const manager = managerNamed(managerWished(context), context.environment);
    if (verb === 'install') return install(context, manager);
    if (verb === 'uninstall') return uninstall(context, manager);
    if (verb === 'status') return status(context, manager);
    throw new Fault('invalid-request', `Usage: flow service ${serviceCommand.usage}`);
  },
};

function managerWished({ flags }: Context): ManagerName {
  const wished = flags.for ?? (process.platform === 'darwin' ? 'launchd' : 'systemd');
  if (wished === 'systemd' || wished === 'launchd') return wished;
  throw new Fault('invalid-request', `--for is "${wished}"; it must be systemd or launchd.`);
}

async function install(context: Context, manager: Manager): Promise<number> {
  const plan = planFor(context);
  const text = manager.fileFor(plan);
  if (context.flags['dry-run'] === true) {
    print(context, { manager: manager.name, path: manager.path, text, is_installed: false }, () => text);
    if (!context.isJson) context.terminal.say(`This would be written to ${safe(manager.path)}.\n`);
    return EXIT.ok;
  }
  refuseForeign(manager.path);
  if (!(await manager.isThere())) return absent(context, manager, text);
  // The manager opens this file before Flow makes its folders.
  mkdirSync(dirname(plan.outputPath), { recursive: true, mode: 0o700 });
  writeService(manager.path, text);
  await manager.start();
  const remark = await manager.remark();
  print(context, { manager: manager.name, path: manager.path, text, is_installed: true, remark }, () =>
    [
      `Flow is a service of ${manager.name} now: it runs, and starts at each login.`,
      `Its file is ${safe(manager.path)}`,
      ...(remark === null ? [] : [remark]),
      '',
    ].join('\n'),
  );
  return EXIT.ok;
}

/** Nothing was done: here is what could be taken to a manager that Flow does not know. */
function absent(context: Context, manager: Manager, text: string): number {
  const message = `${manager.name} does not answer here (a container, or no login of yours): nothing was installed.`;
  print(
    context,
    { manager: manager.name, path: manager.path, text, is_installed: false, error: { message } },
    () => text,
  );
  context.terminal.say(`${message} Above is the file for ${safe(manager.path)}.\n`);
  return EXIT.failed;
}

/** Throws Fault('invalid-request') for what would run as somebody else, or would refuse to start. */
function planFor({ flags, environment, terminal }: Context): ServicePlan {
  if (environment.SUDO_USER) {
    throw new Fault('invalid-request', 'The service belongs to the user who installs it; run this without sudo.');
  }
  const plan = planService(flags, environment);
  if (flags['api-key'] !== undefined || environment.FLOW_API_KEY) {
    const has = hasStoredKeys(`${plan.environment.FLOW_DATA_DIR}/flow.db`, Date.now());
    const advice = has ? '' : ' Make one for whoever needs it: flow keys create NAME';
    terminal.say(`FLOW_API_KEY is not put into the file: a service needs no secret in plain sight.${advice}\n`);
  }
  return plan;
}

async function uninstall(context: Context, manager: Manager): Promise<number> {
  const standing = standingAt(manager.path);
  if (standing.kind === 'absent') {
    throw new Fault('not-found', `Flow is no service of ${manager.name} here: ${manager.path} is not there.`);
  }
  refuseForeign(manager.path);
  if (context.flags['dry-run'] === true) {
    print(context, { manager: manager.name, path: manager.path, is_removed: false }, () => '');
    if (!context.isJson) context.terminal.say(`This would stop Flow and remove ${safe(manager.path)}.\n`);
    return EXIT.ok;
  }
  if (await manager.isThere()) await manager.stop();
  removeService(manager.path);
  await manager.forget();
  print(
    context,
    { manager: manager.name, path: manager.path, is_removed: true },
    () => `Flow is no service any more; ${safe(manager.path)} is gone. Models, settings and records stay.\n`,
  );
  return EXIT.ok;
}

/** Code 0 when it runs, 3 when it does not, 4 when there is none. */
async function status(context: Context, manager: Manager): Promise<number> {
  const standing = standingAt(manager.path);
  const isThere = await manager.isThere();
  const { state, isRunning, pid } = await manager.state();
  const program = standing.kind === 'ours' ? manager.programIn(standing.text) : [];
  const gone = goneFrom(program);
  const about = { manager: manager.name, is_available: isThere, path: manager.path, file: standing.kind };
  print(context, { ...about, program, gone, state, is_running: isRunning, pid }, () => {
    if (standing.kind === 'absent') return `Flow is no service of ${manager.name} here.\n`;
    const runs = isThere ? `${state}${pid === null ? '' : `, process ${pid}`}` : `${manager.name} does not answer`;
    const lines = [`${safe(manager.path)}: ${safe(runs)}`];
    if (standing.kind === 'foreign') lines.push('Flow did not write this file.');
    if (gone.length > 0) lines.push(`It starts what is no longer there: ${gone.map(safe).join(', ')}`);
    return `${lines.join('\n')}\n`;
  });
  if (standing.kind === 'absent') return EXIT.notFound;
  return isRunning ? EXIT.ok : EXIT.notRunning;
}

/** Files that a service's program needs and that are not there any more. */
export function goneFrom(program: readonly string[]): readonly string[] {
  return program.filter((word) => isAbsolute(word) && !existsSync(word));
}
