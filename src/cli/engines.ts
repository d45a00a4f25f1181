/** `flow engines`: which there are, and to install, choose and remove one. */

import { readConfig } from '#src/config.ts';
import type { StartedKind } from '#src/engines/engine.ts';
import type { InstallSourceName } from '#src/engines/install-source.ts';
import { isMlxKind, MLX_KINDS } from '#src/engines/mlx/kinds.ts';
import { asFault, Fault, type FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { dataDirHolder } from '#src/store/data-dir.ts';
import { type Command, type Context, EXIT, print } from './command.ts';
import { type EngineDesk, localDesk, partOf, remoteDesk, type Wish } from './engine-desk.ts';
import { pruneEngines, rollBackEngine, updateEngine } from './engine-updates.ts';
import { NotRunning } from './gateway-api.ts';
import { objects } from './models.ts';
import { bytes, ProgressBar, safe, table } from './terminal.ts';
import { wordsOf } from './trouble.ts';

const SOURCES: Readonly<Record<string, InstallSourceName | null>> = {
  'llama.cpp': null,
  release: 'release',
  wheel: 'wheel',
  homebrew: 'homebrew',
};
/** What `engines choose` calls the wish to leave it to Flow. */
const FIRST_FOUND = 'auto';
const KINDS: readonly StartedKind[] = ['llama.cpp', ...MLX_KINDS];
/** Troubles that are not the installation's: they keep their own exit codes. */
const NOT_INSTALLING: ReadonlySet<FaultKind> = new Set(['invalid-request', 'unauthorized', 'forbidden', 'conflict']);

/** `flow engines`, with and without a running Flow. */
export const enginesCommand: Command = {
  name: 'engines',
  usage: '[install [NAME] | update [NAME] | rollback [NAME] | choose ID | remove ID | prune]',
  summary: 'List engines; install, try and update, choose, remove; NAME is an engine or a source of llama.cpp',
  examples: [
    'flow engines',
    'flow engines --check                      asks for the newest release, installs nothing',
    'flow engines install llama.cpp',
    'flow engines install release --version b11434',
    'flow engines install --update             the newest, beside those that are there',
    'flow engines update                       the newest, tried on your model before it is used',
    'flow engines update --model qwen3-8b --version b11434',
    'flow engines rollback                     what was used before the last update',
    'flow engines install mlx-lm               an MLX server: mlx-lm, mlx-openai-server or mlx-vlm',
    'flow engines install mlx-lm --update      its newest version instead of the tested one',
    'flow engines choose b11434                "auto" leaves it to Flow again ("auto mlx-lm" for that kind)',
    'flow engines remove b11434',
    'flow engines prune                        names what is neither used nor kept to go back to',
  ],
  options: {
    check: { type: 'boolean' },
    update: { type: 'boolean' },
    version: { type: 'string' },
    model: { type: 'string' },
    detach: { type: 'boolean', short: 'd' },
    yes: { type: 'boolean' },
  },
  positionals: [0, 3],
  async run(context) {
    const [verb = 'list', name, kind] = context.positionals;
    if (kind !== undefined && (verb !== 'choose' || name !== FIRST_FOUND)) throw tooMany(verb);
    switch (verb) {
      // A trial needs the scheduler's word on what runs: only a running Flow can do it.
      case 'update':
        return updateEngine(context, name);
      case 'rollback':
        return rollBackEngine(context, name);
      case 'prune':
        return pruneEngines(context);
      default:
        return arrange(context, verb, name, kind);
    }
  },
};

/** What works without a running Flow too. */
async function arrange(context: Context, verb: string, name: string | undefined, kind = 'llama.cpp'): Promise<number> {
  const desk = await deskFor(context);
  switch (verb) {
    case 'list':
      return list(context, desk);
    case 'install':
      return install(context, desk, wishOf(context, name));
    case 'choose':
      return choose(context, desk, needed(name, 'choose'), kindOf(kind));
    case 'remove':
      return remove(context, desk, needed(name, 'remove'));
    default:
      throw new Fault('invalid-request', `There is no "flow engines ${verb}".`, {
        hint: 'There are install, update, rollback, choose, remove and prune; without a word it lists.',
      });
  }
}

/**
 * The running Flow when it is the one that is meant. Who names a data directory and no address means that directory,
 * even while another Flow answers at the usual port.
 */
async function deskFor({ flags, environment, api }: Context): Promise<EngineDesk> {
  const { dataDir, fixed } = readConfig(flags, environment);
  const local = localDesk({ flags, environment });
  const isDirNamed = flags['data-dir'] !== undefined || Boolean(environment.FLOW_DATA_DIR);
  const isAddressNamed = fixed.host !== undefined || fixed.port !== undefined;
  if (isDirNamed && !isAddressNamed && dataDirHolder(dataDir) === null) return local;
  try {
    await api.json('GET', '/health');
    return remoteDesk(api);
  } catch (cause) {
    if (cause instanceof NotRunning && (!cause.isTaken || !isAddressNamed)) return local;
    throw cause;
  }
}

async function list(context: Context, desk: EngineDesk): Promise<number> {
  if (context.flags.check === true) await desk.check(context.signal);
  const found = await desk.overview();
  print(context, found, () => listing(found, context.terminal.columns));
  return EXIT.ok;
}

function listing(found: JsonObject, columns: number | null): string {
  const parts = KINDS.map((kind) => partOf(found, kind));
  const installed = parts.flatMap((part) => objects(part.installed));
  const rows = installed.map((engine) => [
    engine.is_chosen === true ? '*' : '',
    word(engine.id),
    word(engine.kind),
    word(engine.version),
    word(engine.origin),
    typeof engine.size_bytes === 'number' ? bytes(engine.size_bytes) : '',
    word(engine.executable),
  ]);
  const engines =
    rows.length > 0
      ? table(['', 'ID', 'KIND', 'VERSION', 'ORIGIN', 'SIZE', 'PATH'], rows, columns)
      : 'No engine that works. Get one: flow engines install llama.cpp\n';
  const broken = parts
    .flatMap((part) => objects(part.broken))
    .map(
      (engine) =>
        `${safe(word(engine.executable))} (${word(engine.origin)}) cannot be used: ${safe(word(engine.reason))}\n`,
    );
  return [engines, ...broken, ...KINDS.map((kind) => newest(kind, partOf(found, kind)))].join('');
}

function newest(kind: StartedKind, { updates, installed }: JsonObject): string {
  if (!isObject(updates)) return '';
  const what = kind === 'llama.cpp' ? 'The newest release' : `The newest ${kind}`;
  const latest = stringOrNull(updates.latest);
  if (latest === null) return updates.error ? `${what} is not known: ${safe(word(updates.error))}\n` : '';
  const has = objects(installed).some(({ id, version }) => id === latest || version === latest);
  const fetch = `flow engines install ${kind === 'llama.cpp' ? '' : `${kind} `}--update`;
  return `${what} is ${safe(latest)}${has ? '.' : `; ${fetch} fetches it.`}\n`;
}

const word = (value: unknown): string => stringOrNull(value) ?? '–';

function wishOf({ flags }: Context, name = 'llama.cpp'): Wish {
  const version = stringOrNull(flags.version);
  if (isMlxKind(name)) {
    return { kind: name, source: null, version: version ?? (flags.update === true ? 'newest' : null) };
  }
  const source = SOURCES[name];
  if (source === undefined) throw noSuchEngine(name);
  return { kind: 'llama.cpp', source, version };
}

function kindOf(name: string): StartedKind {
  if (name === 'llama.cpp' || isMlxKind(name)) return name;
  throw noSuchEngine(name);
}

function noSuchEngine(name: string): Fault {
  return new Fault('invalid-request', `There is no engine "${name}".`, {
    hint: `There are ${[...Object.keys(SOURCES), ...MLX_KINDS].join(', ')}.`,
  });
}

function tooMany(verb: string): Fault {
  return new Fault('invalid-request', `"flow engines ${verb}" takes one name.`);
}

function needed(name: string | undefined, verb: string): string {
  if (name) return name;
  throw new Fault('invalid-request', `Usage: flow engines ${verb} ID`, { hint: '"flow engines" lists the ids.' });
}

async function install(context: Context, desk: EngineDesk, wish: Wish): Promise<number> {
  const look = async () => objects(partOf(await desk.overview(), wish.kind).installed);
  const before = await look();
  const present = context.flags.update === true ? null : presentFor(wish, before);
  if (present) {
    print(
      context,
      present,
      () => `${wish.kind} ${nameOf(present)} is already installed: ${word(present.executable)}\n`,
    );
    return EXIT.ok;
  }
  const bar = new ProgressBar(context.terminal);
  try {
    await desk.install(wish, (step) => showStep(bar, step), context.signal);
  } catch (cause) {
    bar.end();
    return installTrouble(context, cause);
  }
  bar.end();
  const known = new Set(before.map(({ id }) => id));
  const installed = await look();
  const engine = installed.find(({ id }) => !known.has(id)) ?? presentFor(wish, installed);
  print(context, engine ?? {}, () =>
    engine ? `${wish.kind} ${nameOf(engine)} is installed: ${word(engine.executable)}\n` : 'It is installed.\n',
  );
  return EXIT.ok;
}

/** The engine that a wish would only fetch again: Flow's own, or Homebrew's when that was asked for. */
function presentFor({ source, version }: Wish, installed: readonly JsonObject[]): JsonObject | null {
  const origin = source === 'homebrew' ? 'homebrew' : 'installed';
  const fitting = installed.filter((engine) => engine.origin === origin);
  const isAny = version === null || version === 'newest';
  return fitting.find((engine) => isAny || engine.id === version || engine.version === version) ?? null;
}

function nameOf(engine: JsonObject): string {
  return stringOrNull(engine.version) ?? word(engine.id);
}

function showStep(bar: ProgressBar, step: JsonObject): void {
  const total = numberOrNull(step.total_bytes);
  const done = numberOrNull(step.bytes);
  const message = stringOrNull(step.message);
  // What came of it is said when it is over.
  if (message === null || step.phase === 'done' || step.phase === 'failed') return;
  if (total === null || total === 0 || done === null) bar.show(message, null);
  else bar.show(`${bytes(done)} of ${bytes(total)}: ${message}`, done / total);
}

function installTrouble({ terminal, signal }: Context, cause: unknown): number {
  const isElsewhere = cause instanceof NotRunning || NOT_INSTALLING.has(asFault(cause).kind);
  if (isElsewhere && !signal.aborted) throw cause;
  terminal.say(wordsOf(cause));
  return signal.aborted ? EXIT.interrupted : EXIT.engine;
}

async function choose(context: Context, desk: EngineDesk, name: string, kind: StartedKind): Promise<number> {
  await desk.choose(name === FIRST_FOUND ? '' : name, kind);
  const chosen = name === FIRST_FOUND ? partOf(await desk.overview(), kind).chosen : name;
  print(context, { chosen }, () => `${safe(word(chosen))} is used from the next load on.\n`);
  return EXIT.ok;
}

async function remove(context: Context, desk: EngineDesk, id: string): Promise<number> {
  await desk.remove(id);
  print(context, { removed: id }, () => `${safe(id)} is removed.\n`);
  return EXIT.ok;
}
