/** Runs the gateway: from an empty data directory to the ready line, until somebody ends it. */
import packageFile from '../package.json' with { type: 'json' };
import { openApp } from './app.ts';
import { type Context, EXIT } from './cli/command.ts';
import { NotRunning } from './cli/gateway-api.ts';
import { type Config, readConfig } from './config.ts';
import { asFault, Fault } from './faults.ts';
import { type Flow, openFlow } from './flow.ts';
import { keepTidy } from './host/tidy-memory.ts';
import { asJsonLine, type SaidLine } from './logs/said-line.ts';
import { lockDataDir, prepareDataDir } from './store/data-dir.ts';
import { type Listener, listen, requireKeyBeyondLoopback } from './web/listen.ts';

/** How long running requests may go on after the first signal. */
const DRAIN_MS = 30_000;
/** How long engines may take after the second, and answers that are still on their way out after either. */
const LAST_MS = 1_000;
/** How long error events may take to leave after the second. */
const LAST_WORDS_MS = 200;
/** After this the second signal ends Flow wherever it is; guards end what engines are left. */
const INSIST_MS = 1_800;

/**
 * Serves until SIGINT or SIGTERM; returns the exit code. `isAsked` tells `flow serve` from plain `flow`, for which
 * a Flow that already runs is no failure.
 */
export async function serve(context: Context, isAsked: boolean): Promise<number> {
  // First of all: whatever Flow or its libraries create is for this user only.
  process.umask(0o077);
  // And before there is anything to leave behind: a signal during the start ends it in good order too.
  const signals = new Signals();
  const config = readConfig(context.flags, context.environment);
  const lock = prepareDataDir(config.dataDir) ? await holdDataDir(context, config, isAsked) : NO_LOCK;
  if (typeof lock === 'number') return lock;
  try {
    const flow = await openFlow(config, packageFile.version, process.env, teller(context, config));
    try {
      if (lock === NO_LOCK) tellReadOnly(flow);
      return await run(context, flow, signals, isAsked);
    } finally {
      await flow.close();
    }
  } finally {
    lock[Symbol.dispose]();
  }
}

/** Where nothing can be written, nothing can be spoilt by a second Flow. */
const NO_LOCK: Disposable = { [Symbol.dispose]: () => {} };

/**
 * Whoever runs Flow in a terminal or under a service manager reads its own lines on stderr; stdout has the ready line
 * only.
 */
function teller({ terminal }: Context, { logFormat }: Config): (line: SaidLine) => void {
  // Whoever read our lines may go (`flow 2>&1 | head`), which is no mistake of ours.
  process.stderr.on('error', () => {});
  if (logFormat === 'off') return () => {};
  if (logFormat === 'json') return (line) => terminal.say(`${asJsonLine(line)}\n`);
  return ({ level, text }) => terminal.say(`${level} ${text}\n`);
}

function tellReadOnly({ bus, config }: Flow): void {
  const text = `Flow cannot write to ${config.dataDir}: for now settings cannot be saved, and records and new models last for this run only.`;
  bus.publish({ type: 'notice', tone: 'warning', text });
}

async function holdDataDir(context: Context, config: Config, isAsked: boolean): Promise<Disposable | number> {
  try {
    return lockDataDir(config.dataDir);
  } catch (cause) {
    if (cause instanceof Fault && cause.kind === 'disk-full') return NO_LOCK;
    return alreadyRuns(context, isAsked, cause);
  }
}

/** The code to end with when a Flow already answers where this one would. Throws `cause` again when none does. */
async function alreadyRuns(context: Context, isAsked: boolean, cause: unknown): Promise<number> {
  const isFlow = await context.api
    .json('GET', '/health')
    .then((answer) => answer.service === 'flow')
    .catch((trouble) => !(trouble instanceof NotRunning) && asFault(trouble).kind === 'unauthorized');
  if (!isFlow) throw cause;
  context.terminal.out(`Flow already runs at ${context.api.baseUrl}\n`);
  return isAsked ? EXIT.notRunning : EXIT.ok;
}

async function run(context: Context, flow: Flow, signals: Signals, isAsked: boolean): Promise<number> {
  const { clock, logs, settings } = flow;
  guardProcess(flow);
  let isAccepting = true;
  const { host, port } = settings.current;
  if (!flow.config.isOpenAllowed) requireKeyBeyondLoopback(host, flow.config.apiKey !== null || flow.keys.hasLive);
  const swept = flow.processRegistry.sweep();
  if (swept.killed.length + swept.escaped.length > 0) {
    logs.warning('engines of a former Flow were still running and have been ended', { count: swept.killed.length });
  }
  // A full or read-only disk costs the demo, never the start.
  await flow.registry.ensureDemo().catch((cause) => logs.warning('the demo model could not be made', { cause }));
  const app = await openApp(flow, () => isAccepting);
  if (signals.isAsked) return signals.code;
  let listener: Listener;
  try {
    listener = await listen(app.guarded, { host, port });
  } catch (cause) {
    if (cause instanceof Fault && cause.kind === 'conflict') return portTaken(context, isAsked, cause);
    throw cause;
  }
  context.terminal.out(`Flow is listening on ${listener.url}\n`);
  logs.info('listening', { url: listener.url, version: flow.version, pid: process.pid });
  // What takes longer than a start should: looked up once the door is open.
  void flow.hardware.look();
  rememberFrom(flow);
  flow.downloads.start();
  flow.external.begin(listener.port);
  void flow.presence.look();
  void flow.upgrades.recover().then(() => flow.autoUpdate.start());
  if (settings.current.auto_update_backends) flow.engines.checkUpdates();
  void flow.engines.chosen().catch((cause) => logs.warning(asFault(cause).message));
  using _tidying = keepTidy({
    clock,
    residentBytes: () => process.memoryUsage.rss(),
    collect: () => Bun.gc(true),
    requests: flow.tracker,
    shrink: () => Bun.shrink(),
  });

  await signals.first;
  isAccepting = false;
  await stop(flow, app, listener, signals.second);
  return signals.code;
}

/** From now on what happens, and what memory is used for, is written down. */
function rememberFrom({ chronicle, memoryHistory, version, registry, versionNow }: Flow): void {
  chronicle.begin({
    version,
    models: () => registry.list(),
    findModel: (modelId) => registry.find(modelId),
    engineVersion: versionNow,
  });
  memoryHistory.begin();
}

async function portTaken(context: Context, isAsked: boolean, cause: Fault): Promise<number> {
  try {
    return await alreadyRuns(context, isAsked, cause);
  } catch {
    context.terminal.say(`${cause.message}\n${cause.hint ? `${cause.hint}\n` : ''}`);
    return EXIT.notRunning;
  }
}

/** Refuses what is new, lets what runs end, then ends it; a second signal ends it at once. */
async function stop(flow: Flow, app: { close(): void }, listener: Listener, hurry: Promise<void>): Promise<void> {
  flow.logs.info('stopping', { open: flow.tracker.openCount });
  app.close();
  // First of all, so that what has come is written down even when somebody is in a hurry.
  const halted = Promise.all([flow.downloads.close(), flow.upgrades.cancel()]);
  const drained = flow.fleet.shutdown(DRAIN_MS);
  const closed = listener.stop(false);
  // An engine that does not go at once is ended by its guard, when Flow has gone.
  const hurried = hurry.then(() => Promise.race([flow.fleet.shutdown(0), Bun.sleep(LAST_MS)]));
  await Promise.race([drained, hurried]);
  // Answers that ended with their engine are still on their way out.
  await Promise.race([closed, hurry.then(() => Bun.sleep(LAST_WORDS_MS)), Bun.sleep(LAST_MS)]);
  await Promise.race([halted, Bun.sleep(LAST_MS)]);
  await listener.stop(true);
}

/** The first signal asks, the second insists. */
class Signals {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  #count = 0;
  #last: 'SIGINT' | 'SIGTERM' = 'SIGTERM';

  constructor() {
    const { promise: first, resolve: onFirst } = Promise.withResolvers<void>();
    const { promise: second, resolve: onSecond } = Promise.withResolvers<void>();
    this.first = first;
    this.second = second;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        this.#count += 1;
        this.#last = name;
        if (this.#count === 1) return onFirst();
        onSecond();
        setTimeout(() => process.exit(this.code), INSIST_MS);
      });
    }
  }

  get isAsked(): boolean {
    return this.#count > 0;
  }

  /** 0 when it ended as asked, else 128 and the number of the signal that insisted. */
  get code(): number {
    if (this.#count < 2) return EXIT.ok;
    return this.#last === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  }
}

/** One mistake in one request must not end all the others; it is written down and counted. */
function guardProcess({ logs, mishaps }: Flow): void {
  process.on('unhandledRejection', (cause) => {
    mishaps.note('rejection');
    logs.error('a rejection that nobody handled', { cause });
  });
  process.on('uncaughtException', (cause) => {
    mishaps.note('exception');
    logs.error('an exception that nobody caught', { cause });
  });
}
