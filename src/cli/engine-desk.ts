/** What `flow engines` asks for, of the Flow that runs or, when none does, of the data directory itself. */
import type { StartedKind } from '#src/engines/engine.ts';
import type { InstallProgress, InstallSourceName } from '#src/engines/install-source.ts';
import { isMlxKind } from '#src/engines/mlx/kinds.ts';
import { allShelves, overview, progressOnWire, shelfOf, shelfWith } from '#src/engines/overview.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { GatewayApi } from './gateway-api.ts';
import { holdEngines, type LocalEngines, type Place, readEngines } from './local-engines.ts';

/**
 * What to install: llama.cpp from one source or (null) the first that can, one release or (null) the newest; or an MLX
 * server, of which null means the tested version and `newest` the newest.
 */
export type Wish = {
  readonly kind: StartedKind;
  readonly source: InstallSourceName | null;
  readonly version: string | null;
};

/** Hears each step in the wire's names: `phase`, `bytes`, `total_bytes`, `message`. */
export type OnStep = (step: JsonObject) => void;

/** Answers are those of `/api/engines`. All throw Faults. */
export interface EngineDesk {
  overview(): Promise<JsonObject>;
  /** Looks for a newer release; it is in the next `overview`. Installs nothing. */
  check(signal: AbortSignal): Promise<void>;
  /** Installs, to the end. An abort cancels the installation and rejects with Fault('cancelled'). */
  install(wish: Wish, onStep: OnStep, signal: AbortSignal): Promise<void>;
  /** Empty = the first found of this kind, which only counts then. */
  choose(id: string, kind: StartedKind): Promise<void>;
  remove(id: string): Promise<void>;
}

const POLL_MS = 250;
/** The gateway gives a look for a newer release 30 s. */
const CHECK_POLLS_MAX = 140;
/** One of a kind's part of an overview; an older gateway knows llama.cpp only. */
export function partOf(found: JsonObject, kind: StartedKind): JsonObject {
  const part = isObject(found.kinds) ? found.kinds[kind] : undefined;
  return isObject(part) ? part : kind === 'llama.cpp' ? found : {};
}

/** An installation has bounds of its own; this is for a gateway that forgot it. */
const INSTALL_POLLS_MAX = (2 * 3600 * 1000) / POLL_MS;
const LLAMA_HELP = 'Install llama.cpp by your package manager, or set FLOW_LLAMA_SERVER to a llama-server of yours.';
const MLX_HELP = 'Install it yourself, and name its Python in FLOW_MLX_PYTHON.';

/** By way of a running Flow. */
export function remoteDesk(api: GatewayApi): EngineDesk {
  const look = () => api.json('GET', '/api/engines');
  return {
    overview: look,
    async check(signal) {
      await api.json('POST', '/api/check-updates', {});
      for (let poll = 0; poll < CHECK_POLLS_MAX && !signal.aborted; poll += 1) {
        if (!isChecking(await look())) return;
        await Bun.sleep(POLL_MS);
      }
    },
    async install({ kind, source, version }, onStep, signal) {
      const body = { name: source ?? kind, ...(version === null ? {} : { version }) };
      await api.json('POST', '/api/engines/install', body).catch(joinOther);
      await followInstall(api, kind, onStep, signal);
    },
    choose: async (id, kind) => {
      await api.json('POST', '/api/engines/choose', id === '' && kind !== 'llama.cpp' ? { id, name: kind } : { id });
    },
    remove: async (id) => void (await api.json('DELETE', `/api/engines/${encodeURIComponent(id)}`)),
  };
}

function isChecking(found: JsonObject): boolean {
  const parts = isObject(found.kinds) ? Object.values(found.kinds) : [found];
  return parts.some((part) => isObject(part) && isObject(part.updates) && part.updates.checking === true);
}

/** An installation that somebody else has begun is as good as one's own. */
function joinOther(cause: unknown): void {
  if (asFault(cause).kind !== 'conflict') throw cause;
}

async function followInstall(api: GatewayApi, kind: StartedKind, onStep: OnStep, signal: AbortSignal): Promise<void> {
  for (let poll = 0; poll < INSTALL_POLLS_MAX; poll += 1) {
    if (signal.aborted) {
      await api.json('DELETE', `/api/engines/install?name=${kind}`);
      throw new Fault('cancelled', 'The installation was cancelled.');
    }
    const { is_installing, install } = partOf(await api.json('GET', '/api/engines'), kind);
    const step = isObject(install) ? install : {};
    if (is_installing !== true) {
      if (step.phase === 'done') return;
      const message = stringOrNull(step.message) ?? 'The installation ended without a word.';
      throw new Fault('install-failed', message, { hint: kind === 'llama.cpp' ? LLAMA_HELP : MLX_HELP });
    }
    onStep(step);
    await Bun.sleep(POLL_MS);
  }
}

/** By this process, while no Flow holds the data directory. */
export function localDesk(place: Place): EngineDesk {
  const changing = async (change: (held: LocalEngines) => Promise<void>): Promise<void> => {
    using held = await holdEngines(place);
    await change(held);
  };
  let checked: ReadonlyMap<string, JsonObject> = new Map();
  return {
    async overview() {
      using local = await readEngines(place);
      return withUpdates(await overview(local), checked);
    },
    async check(signal) {
      using local = await readEngines(place);
      const shelves = allShelves(local);
      const present = await Promise.all(
        shelves.map(async (shelf) => shelf.kind === 'llama.cpp' || (await shelf.list()).installed.length > 0),
      );
      const asked = shelves.filter((_, index) => present[index]);
      for (const shelf of asked) shelf.checkUpdates();
      const isWaiting = () => asked.some(({ updates }) => updates.isChecking);
      for (let poll = 0; poll < CHECK_POLLS_MAX && !signal.aborted && isWaiting(); poll += 1) await Bun.sleep(POLL_MS);
      checked = new Map(
        asked.map(({ kind, updates: { latest, trouble } }) => [kind, { checking: false, latest, error: trouble }]),
      );
    },
    install: (wish, onStep, signal) => changing((held) => installHere(held, wish, onStep, signal)),
    choose: (id, kind) =>
      changing(async (held) => (id === '' ? shelfOf(kind, held) : await shelfWith(id, held)).choose(id)),
    remove: (id) => changing(async (held) => (await shelfWith(id, held)).remove(id)),
  };
}

/** What was looked up is told by the overviews that follow. */
function withUpdates(found: JsonObject, checked: ReadonlyMap<string, JsonObject>): JsonObject {
  const told = (part: unknown, kind: string) =>
    isObject(part) && checked.has(kind) ? { ...part, updates: checked.get(kind) } : part;
  const kinds = isObject(found.kinds)
    ? Object.entries(found.kinds).map(([kind, part]) => [kind, told(part, kind)])
    : [];
  const updates = checked.get('llama.cpp');
  return { ...found, ...(updates ? { updates } : {}), kinds: Object.fromEntries(kinds) };
}

async function installHere(
  { engines, mlx }: LocalEngines,
  { kind, source, version }: Wish,
  onStep: OnStep,
  signal: AbortSignal,
): Promise<void> {
  const shelf = isMlxKind(kind) ? mlx.shelfOf(kind) : null;
  const { installer } = shelf ?? engines;
  const forget = installer.onProgress((step: InstallProgress) => onStep(progressOnWire(step) ?? {}));
  const cancel = () => installer.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    await (shelf ? shelf.installer.start(shelf.wishOf(version)) : engines.installer.start({ source, version }));
  } finally {
    forget();
    signal.removeEventListener('abort', cancel);
  }
}
