/** Updates of engines on the real parts of Flow: which models there are to try them on, and what those may take. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { desc, eq } from 'drizzle-orm';
import type { Clock } from '#src/clock.ts';
import type { StartedKind } from '#src/engines/engine.ts';
import type { EngineShelf } from '#src/engines/shelf.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { DEMO_ID, makeDemoModel } from '#src/models/demo.ts';
import { launchFor } from '#src/models/launch.ts';
import type { Measurements } from '#src/models/measurements.ts';
import { EMPTY_CONFIG, type LaunchSettings, type Model, type ModelId } from '#src/models/model.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { Store } from '#src/store/open.ts';
import { requests } from '#src/store/schema.ts';
import type { RunDeps } from '#src/supervision/engine-run.ts';
import type { EngineClient } from '#src/transport/exchange.ts';
import { AutoUpdate } from './auto-update.ts';
import { UpgradeRecords } from './records.ts';
import { type TrialRoom, type TrialWish, tryEngine } from './trial.ts';
import { type Candidate, gigabytes } from './trial-model.ts';
import type { TrialNeed, TrialPlaces } from './trial-places.ts';
import { Upgrades } from './upgrades.ts';

export type OpenUpgradesParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly store: Store;
  readonly logs: RunDeps['logs'];
  readonly settings: () => Settings;
  readonly shelves: readonly EngineShelf[];
  readonly room: TrialRoom;
  readonly places: TrialPlaces;
  readonly client: EngineClient;
  readonly models: () => readonly Model[];
  readonly measurements: Pick<Measurements, 'needOf'>;
  readonly fleet: () => Pick<FleetSnapshot, 'models' | 'queue' | 'memory'>;
  /** Memory of the machine that nobody uses now. */
  readonly availableBytes: () => number;
  readonly fixedBy: (kind: StartedKind) => string | null;
  readonly sweep: () => Promise<void>;
};

/** Enough for the questions of a trial, and little memory for the model's cache. */
const CONTEXT_TOKENS = 4_096;

/** Builds them; nothing is started. */
export function openUpgrades(parts: OpenUpgradesParts): { upgrades: Upgrades; autoUpdate: AutoUpdate } {
  const { clock, bus, settings, client, room, logs, fleet } = parts;
  const launchOf = (model: Model) => trialLaunch(launchFor(model, settings(), {}));
  const trial = { clock, client, room, logs, boundS: () => settings().load_stall_seconds };
  const freeBytes = () => {
    const { budgetBytes, reservedBytes } = fleet().memory;
    const headroomBytes = settings().memory_headroom_gb * 1e9;
    return Math.min(budgetBytes - reservedBytes, parts.availableBytes() - headroomBytes);
  };
  const upgrades = new Upgrades({
    ...{ clock, bus, launchOf },
    records: new UpgradeRecords(parts.store),
    shelves: parts.shelves,
    fixedBy: parts.fixedBy,
    async tryEngine(wish, signal, listener) {
      const need = needFor(wish, parts);
      const whyNot = () => whyNoPlace(need, freeBytes(), parts);
      using _place = await parts.places.take(need, { whyNot, signal, onWait: listener.onWait });
      return await tryEngine(wish, trial, signal, listener);
    },
    candidates: (kind) => candidates(kind, parts, launchOf),
    makeModel: async (kind) => (kind === 'llama.cpp' ? await temporaryDemo() : null),
    freeBytes,
    sweep: parts.sweep,
  });
  const isIdle = () => {
    const { models, queue } = fleet();
    return queue.length === 0 && models.every(({ inFlight, waiting }) => inFlight === 0 && waiting === 0);
  };
  return { upgrades, autoUpdate: new AutoUpdate({ clock, bus, upgrades, settings, isIdle }) };
}

/** As the user would start it, but for one conversation of a few sentences. */
function trialLaunch(launch: LaunchSettings): LaunchSettings {
  const ctx_size = launch.ctx_size === 0 ? CONTEXT_TOKENS : Math.min(launch.ctx_size, CONTEXT_TOKENS);
  return { ...launch, ctx_size, n_parallel: 1, cache_ram_mib: 0, mlock: false };
}

function needFor({ engine, model, launch }: TrialWish, { measurements }: OpenUpgradesParts): TrialNeed {
  const bytes = needOrNull(() => measurements.needOf(model, launch).totalBytes) ?? 0;
  return { kind: engine.kind, bytes, mlxProcesses: engine.kind === 'llama.cpp' ? 0 : 1 };
}

/** Null when there is one. What was loaded since the model was picked may have taken its memory, or an MLX place. */
export function whyNoPlace(
  { bytes, mlxProcesses }: TrialNeed,
  freeBytes: number,
  { models, fleet, settings }: Pick<OpenUpgradesParts, 'models' | 'fleet' | 'settings'>,
): string | null {
  if (bytes > freeBytes) return `it needs ${gigabytes(bytes)}, and ${gigabytes(freeBytes)} are free.`;
  const { mlx_processes_max: most } = settings();
  if (mlxProcesses === 0 || most === 0) return null;
  const ofMlx = new Set(models().flatMap(({ id, format, endpoint }) => (format === 'mlx' && !endpoint ? [id] : [])));
  const running = fleet().models.filter(({ modelId, reserved }) => ofMlx.has(modelId) && reserved !== null);
  if (running.length < most) return null;
  const names = running.map(({ modelId }) => modelId).join(', ');
  return `${names} runs, and only ${most === 1 ? 'one MLX server' : `${most} MLX servers`} may (mlx_processes_max).`;
}

function candidates(
  kind: StartedKind,
  { models, measurements, store }: OpenUpgradesParts,
  launchOf: (model: Model) => LaunchSettings,
): readonly Candidate[] {
  const format = kind === 'llama.cpp' ? 'gguf' : 'mlx';
  const served = models().filter((model) => model.format === format && model.endpoint === null);
  return served.map((model) => ({
    model,
    needBytes: needOrNull(() => measurements.needOf(model, launchOf(model)).totalBytes),
    usedAtMs: lastUseMs(store, model.id),
  }));
}

function needOrNull(needOf: () => number): number | null {
  try {
    return needOf();
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}

function lastUseMs(store: Store, modelId: ModelId): number | null {
  const rows = store.select({ startedAtMs: requests.startedAtMs }).from(requests).where(eq(requests.modelId, modelId));
  return rows.orderBy(desc(requests.id)).limit(1).get()?.startedAtMs ?? null;
}

/** For those who have deleted the demo and have no model yet. */
async function temporaryDemo(): Promise<AsyncDisposable & { readonly model: Model }> {
  const folder = await mkdtemp(join(tmpdir(), 'flow-trial-'));
  const path = join(folder, `${DEMO_ID}.gguf`);
  await makeDemoModel(path);
  const model: Model = {
    ...{ id: DEMO_ID, name: 'Flow Demo', format: 'gguf', path, endpoint: null, hfId: null, quantization: null },
    ...{ sizeBytes: Bun.file(path).size, trainedContextTokens: CONTEXT_TOKENS, aliases: [], config: EMPTY_CONFIG },
    capabilities: { tools: true, thinking: true, vision: false, embedding: false },
    ...{ isDemo: true, isManaged: true, createdAtMs: 0, updatedAtMs: 0 },
  };
  return { model, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
