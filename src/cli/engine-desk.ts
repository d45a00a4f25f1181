/** What `flow engines` asks for, of the Flow that runs or, when none does, of the data directory itself. */
import type { Engines } from '#src/engines/engines.ts';
import type { InstallProgress, InstallSourceName } from '#src/engines/install-source.ts';
import { overview, progressOnWire } from '#src/engines/overview.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { GatewayApi } from './gateway-api.ts';

import { holdEngines, type Place, readEngines } from './local-engines.ts';

/** From one source or (null) the first that can; one release or (null) the newest. */
export type Wish = { readonly source: InstallSourceName | null; readonly version: string | null };

/** Hears each step in the wire's names: `phase`, `bytes`, `total_bytes`, `message`. */
export type OnStep = (step: JsonObject) => void;

/** Answers are those of `/api/engines`. All throw Faults. */
export interface EngineDesk {
  overview(): Promise<JsonObject>;
  /** Looks for a newer release; it is in the next `overview`. Installs nothing. */
  check(signal: AbortSignal): Promise<void>;
  /** Installs, to the end. An abort cancels the installation and rejects with Fault('cancelled'). */
  install(wish: Wish, onStep: OnStep, signal: AbortSignal): Promise<void>;
  /** Empty = the first found. */
  choose(id: string): Promise<void>;
  remove(id: string): Promise<void>;
}

const POLL_MS = 250;
/** The gateway gives a look for a newer release 30 s. */
const CHECK_POLLS_MAX = 140;
/** An installation has bounds of its own; this is for a gateway that forgot it. */
const INSTALL_POLLS_MAX = (2 * 3600 * 1000) / POLL_MS;
const HELP = 'Install llama.cpp by your package manager, or set FLOW_LLAMA_SERVER to a llama-server of yours.';

/** By way of a running Flow. */
export function remoteDesk(api: GatewayApi): EngineDesk {
  const look = () => api.json('GET', '/api/engines');
  return {
    overview: look,
    async check(signal) {
      await api.json('POST', '/api/check-updates', {});
      for (let poll = 0; poll < CHECK_POLLS_MAX && !signal.aborted; poll += 1) {
        const { updates } = await look();
        if (!isObject(updates) || updates.checking !== true) return;
        await Bun.sleep(POLL_MS);
      }
    },
    async install({ source, version }, onStep, signal) {
      const body = { name: source ?? 'llama.cpp', ...(version === null ? {} : { version }) };
      await api.json('POST', '/api/engines/install', body).catch(joinOther);
      await followInstall(api, look, onStep, signal);
    },
    choose: async (id) => void (await api.json('POST', '/api/engines/choose', { id })),
    remove: async (id) => void (await api.json('DELETE', `/api/engines/${encodeURIComponent(id)}`)),
  };
}

/** An installation that somebody else has begun is as good as one's own. */
function joinOther(cause: unknown): void {
  if (asFault(cause).kind !== 'conflict') throw cause;
}

async function followInstall(
  api: GatewayApi,
  look: () => Promise<JsonObject>,
  onStep: OnStep,
  signal: AbortSignal,
): Promise<void> {
  for (let poll = 0; poll < INSTALL_POLLS_MAX; poll += 1) {
    if (signal.aborted) {
      await api.json('DELETE', '/api/engines/install');
      throw new Fault('cancelled', 'The installation was cancelled.');
    }
    const { is_installing, install } = await look();
    const step = isObject(install) ? install : {};
    if (is_installing !== true) {
      if (step.phase === 'done') return;
      const message = stringOrNull(step.message) ?? 'The installation ended without a word.';
      throw new Fault('install-failed', message, { hint: HELP });
    }
    onStep(step);
    await Bun.sleep(POLL_MS);
  }
}

/** By this process, while no Flow holds the data directory. */
export function localDesk(place: Place): EngineDesk {
  const changing = async (change: (engines: Engines) => Promise<void>): Promise<void> => {
    using held = await holdEngines(place);
    await change(held.engines);
  };
  let latest: { latest: string | null; error: string | null } | null = null;
  return {
    async overview() {
      using local = await readEngines(place);
      const found = await overview(local.engines);
      return latest ? { ...found, updates: { checking: false, ...latest } } : found;
    },
    async check(signal) {
      using local = await readEngines(place);
      local.engines.checkUpdates();
      for (let poll = 0; poll < CHECK_POLLS_MAX && !signal.aborted && local.engines.updates.isChecking; poll += 1) {
        await Bun.sleep(POLL_MS);
      }
      latest = { latest: local.engines.updates.latest, error: local.engines.updates.trouble };
    },
    install: (wish, onStep, signal) =>
      changing(async ({ installer }) => {
        const forget = installer.onProgress((step: InstallProgress) => onStep(progressOnWire(step) ?? {}));
        const cancel = () => installer.cancel();
        signal.addEventListener('abort', cancel, { once: true });
        try {
          await installer.start(wish);
        } finally {
          forget();
          signal.removeEventListener('abort', cancel);
        }
      }),
    choose: (id) => changing((engines) => engines.choose(id)),
    remove: (id) => changing((engines) => engines.remove(id)),
  };
}
