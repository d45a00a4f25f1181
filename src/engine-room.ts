/**
 * Everything that starts engines: which programs there are for which models, how each kind is run, and the supervisors
 * that run them.
 */
import { join } from 'node:path';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { EngineAdapter, StartedKind } from './engines/engine.ts';
import { type Engines, openEngines } from './engines/engines.ts';
import { llamaServer } from './engines/llama-server.ts';
import { mlxAdapters } from './engines/mlx/adapters/adapters.ts';
import { type MlxEngines, openMlxEngines } from './engines/mlx/mlx-engines.ts';
import { previewCommand } from './engines/preview.ts';
import type { EngineShelf } from './engines/shelf.ts';
import { fixedWords } from './engines/shelf-rules.ts';
import type { Bus } from './events.ts';
import type { Logs } from './logs/logs.ts';
import type { LaunchOverrides, LaunchSettings, Model } from './models/model.ts';
import type { ModelTraits } from './models/traits.ts';
import type { SettingsFile } from './settings/store.ts';
import type { MemoryTaken, RunDeps } from './supervision/engine-run.ts';
import type { SupervisorFactory } from './supervision/model-state.ts';
import { Ports } from './supervision/ports.ts';
import { ProcessRegistry } from './supervision/process-registry.ts';
import { makeSupervisor } from './supervision/supervisor.ts';
import type { TrialRoom } from './upgrades/trial.ts';

export type EngineRoomParts = {
  readonly config: Config;
  /** Flow's own environment. */
  readonly environment: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly logs: Logs;
  readonly settings: SettingsFile;
  readonly launch: (model: Model, overrides: LaunchOverrides) => LaunchSettings;
  readonly onMemory: (model: Model, launch: LaunchSettings, taken: MemoryTaken) => void;
  /** How a model calls tools and thinks: what parsers are chosen by. */
  readonly traitsOf: (model: Model) => ModelTraits;
};

export type EngineRoom = {
  readonly engines: Engines;
  readonly mlx: MlxEngines;
  /** Those of all kinds. */
  readonly shelves: readonly EngineShelf[];
  readonly processRegistry: ProcessRegistry;
  readonly supervisors: SupervisorFactory;
  /** The arguments of a load, without starting or installing anything; null when no engine is there. */
  readonly commandOf: (model: Model, launch: LaunchSettings) => Promise<readonly string[] | null>;
  /** For trying one engine beside whatever runs. */
  readonly trials: TrialRoom;
  /** Version of the engine of a kind that the next load gets; null when that is not known. */
  readonly versionNow: (kind: StartedKind) => string | null;
  /** Why the engine of a kind is the same for all of this run; null when it can be changed. */
  readonly fixedBy: (kind: StartedKind) => string | null;
};

/** Builds it; nothing is started or looked for yet. */
export function openEngineRoom(parts: EngineRoomParts): EngineRoom {
  const { config, environment, clock, bus, logs, settings } = parts;
  const processRegistry = new ProcessRegistry({
    path: join(config.dataDir, 'engines.pids.json'),
    onFault: (cause) => logs.warning('the list of engine processes could not be written', { cause }),
  });
  const { dataDir } = config;
  const executablesInUse = () => processRegistry.executables();
  const shelf = { dataDir, environment, settings, bus, clock, executablesInUse };
  const engines = openEngines({ ...shelf, configured: config.llamaServer });
  const mlx = openMlxEngines(shelf);
  const adapters = openAdapters(parts, engines, mlx);
  const shared = {
    clock,
    adapterFor: (kind: StartedKind) => adapters[kind],
    processRegistry,
    ports: new Ports(config.enginePort === null ? {} : { first: config.enginePort }),
    settings: () => settings.current,
  };
  const supervisors = makeSupervisor({
    ...shared,
    logs,
    engines: { ensure: ensureFrom(engines, mlx) },
    launchFor: parts.launch,
    onMemory: parts.onMemory,
  });
  const trials: TrialRoom = ({ engine, launch, logs: trialLogs }) =>
    makeSupervisor({ ...shared, logs: trialLogs, engines: { ensure: async () => engine }, launchFor: () => launch });
  const commandOf: EngineRoom['commandOf'] = async (model, launch) => {
    const engine = await (model.format === 'gguf' ? engines.chosen() : mlx.chosen({ model, launch }));
    return engine && previewCommand(shared.adapterFor(engine.kind), engine, model, launch);
  };
  const shelves = [engines, ...mlx.shelves];
  const versionNow: EngineRoom['versionNow'] = (kind) => (mlx.shelfOf(kind) ?? engines).presentVersion;
  const fixedBy: EngineRoom['fixedBy'] = (kind) => fixedReason(kind, config, mlx);
  return { engines, mlx, shelves, processRegistry, supervisors, commandOf, trials, versionNow, fixedBy };
}

function fixedReason(kind: StartedKind, { llamaServer }: Config, mlx: MlxEngines): string | null {
  const isNamed = kind === 'llama.cpp' ? llamaServer !== null : (mlx.shelfOf(kind)?.isNamed ?? false);
  if (!isNamed) return null;
  return fixedWords(kind === 'llama.cpp' ? 'FLOW_LLAMA_SERVER' : 'FLOW_MLX_PYTHON');
}

type Adapters = Readonly<Record<StartedKind, EngineAdapter>>;

function openAdapters(parts: EngineRoomParts, engines: Engines, mlx: MlxEngines): Adapters {
  const { config, environment, settings, traitsOf } = parts;
  const allowedRoots = () => fileRoots(settings.current.models_dir, config.dataDir);
  return {
    'llama.cpp': llamaServer({ environment, allowedRoots, featuresOf: (engine) => engines.featuresOf(engine) }),
    ...mlxAdapters({
      environment,
      allowedRoots,
      traitsOf,
      optionsOf: (engine) => mlx.shelfOf(engine.kind)?.optionsOf(engine) ?? null,
      homeDir: join(config.dataDir, 'engines', 'mlx-home'),
    }),
  };
}

function ensureFrom(engines: Engines, mlx: MlxEngines): RunDeps['engines']['ensure'] {
  return (wish, signal, onProgress) =>
    wish.model.format === 'gguf' ? engines.ensure(signal, onProgress) : mlx.ensure(wish, signal, onProgress);
}

/** Folders that engines may read files from: never the data directory itself, which holds what is secret. */
export function fileRoots(modelsDir: string, dataDir: string): readonly string[] {
  return [modelsDir, templatesFolder(dataDir)];
}

/** Where chat templates lie that engines may read. */
export function templatesFolder(dataDir: string): string {
  return join(dataDir, 'templates');
}
