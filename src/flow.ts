/**
 * The composition: builds each service once, in the order of need. Nothing else constructs services; `serve.ts` starts
 * and stops.
 */
import { join } from 'node:path';
import { PresetBook } from './behaviour/preset-book.ts';
import { writeTemplates } from './behaviour/template-files.ts';
import { Chronicle } from './chronicle/chronicle.ts';
import { MemoryHistory } from './chronicle/memory-history.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Config } from './config.ts';
import { Downloads } from './downloads/downloads.ts';
import { openLibrary } from './downloads/library.ts';
import { RecordFiles } from './downloads/record.ts';
import { type EngineRoom, openEngineRoom, templatesFolder } from './engine-room.ts';
import type { Engines } from './engines/engines.ts';
import type { MlxEngines } from './engines/mlx/mlx-engines.ts';
import { Bus } from './events.ts';
import type { ExternalDesk } from './external/external-desk.ts';
import { type NeedOf, openFleetRoom } from './fleet-room.ts';
import { Hardware } from './host/hardware.ts';
import { KeepAwake } from './host/keep-awake.ts';
import { LoopLag } from './host/loop-lag.ts';
import { Mishaps } from './host/mishaps.ts';
import { Notices } from './host/notices.ts';
import type { Hub } from './hub/hub.ts';
import { type HubLibrary, openHubLibrary } from './hub/library.ts';
import { pythonDatabase } from './imports/python-flow.ts';
import { type KeyRoom, openKeyRoom } from './key-room.ts';
import { Logs } from './logs/logs.ts';
import type { SaidLine } from './logs/said-line.ts';
import { HeaderCache } from './models/header-cache.ts';
import { launchFor } from './models/launch.ts';
import { Measurements } from './models/measurements.ts';
import type { LaunchOverrides, LaunchSettings, Model } from './models/model.ts';
import { Presence } from './models/presence.ts';
import { Registry } from './models/registry.ts';
import { openRemovals, type Removals } from './models/removals.ts';
import { TraitBook } from './models/trait-book.ts';
import { Volumes } from './models/volumes.ts';
import { noteEnd } from './requests/end-note.ts';
import { measuredSpeeds } from './requests/measured-speeds.ts';
import { Meters } from './requests/meters.ts';
import { RepairLog } from './requests/repair-log.ts';
import { Telemetry } from './requests/telemetry.ts';
import { RequestTracker } from './requests/tracker.ts';
import { ResponseStore } from './responses/response-store.ts';
import type { Fleet } from './scheduling/fleet.ts';
import { openSettings, type SettingsFile } from './settings/store.ts';
import { closeStore, openSoundStore, type Store } from './store/open.ts';
import { RecordWriter } from './store/writer.ts';
import { Pulse } from './stream/pulse.ts';
import type { ProcessRegistry } from './supervision/process-registry.ts';
import { Renderer } from './templates/renderer.ts';
import { TemplateBook } from './templates/template-book.ts';
import { watchTemplates } from './templates/watch.ts';
import type { SocketEngineClient } from './transport/client.ts';
import type { AutoUpdate } from './upgrades/auto-update.ts';
import { openUpgrades } from './upgrades/open.ts';
import { TrialPlaces } from './upgrades/trial-places.ts';
import type { Upgrades } from './upgrades/upgrades.ts';

/** Everything Flow consists of, but for its doors (`app.ts`). */
export type Flow = {
  readonly config: Config;
  /** The environment that Flow was started in. */
  readonly environment: NodeJS.ProcessEnv;
  readonly version: string;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly logs: Logs;
  readonly mishaps: Mishaps;
  readonly notices: Notices;
  readonly settings: SettingsFile;
  readonly store: Store;
  readonly writer: RecordWriter;
  readonly telemetry: Telemetry;
  readonly meters: Meters;
  readonly repairs: RepairLog;
  readonly chronicle: Chronicle;
  readonly memoryHistory: MemoryHistory;
  readonly hardware: Hardware;
  readonly loopLag: LoopLag;
  readonly headers: HeaderCache;
  readonly keys: KeyRoom['keys'];
  /** Which key a request was let in with. */
  readonly callers: KeyRoom['callers'];
  readonly credentials: KeyRoom['credentials'];
  /** Who shows it is the user whom Flow runs for; null where it could not be written. */
  readonly localKey: string | null;
  readonly registry: Registry;
  readonly removals: Removals;
  readonly presence: Presence;
  readonly traits: TraitBook;
  readonly templates: TemplateBook;
  readonly presets: PresetBook;
  readonly measurements: Measurements;
  readonly engines: Engines;
  readonly mlx: MlxEngines;
  readonly commandOf: EngineRoom['commandOf'];
  readonly versionNow: EngineRoom['versionNow'];
  readonly upgrades: Upgrades;
  readonly autoUpdate: AutoUpdate;
  readonly processRegistry: ProcessRegistry;
  readonly fleet: Fleet;
  readonly external: ExternalDesk;
  readonly tracker: RequestTracker;
  readonly responses: ResponseStore;
  readonly hub: HubLibrary;
  readonly downloads: Downloads;
  readonly client: SocketEngineClient;
  readonly pulse: Pulse;
  /** Writes down what is still in memory, and lets go of files. To be called once, when nothing runs any more. */
  close(): Promise<void>;
};

type Variables = NodeJS.ProcessEnv;
type Hear = (line: SaidLine) => void;

/** Builds all of it. The data directory exists and is held (`store/data-dir.ts`). `onSaid` hears Flow's own lines. */
export async function openFlow(config: Config, version: string, environment: Variables, onSaid?: Hear): Promise<Flow> {
  const ground = await openGround(config, onSaid);
  const { clock, bus, logs, settings, store } = ground;
  const records = openRecords(ground);
  const hardware = new Hardware({ clock, settings: () => settings.current });
  const headers = new HeaderCache();
  const { registry, volumes, presence } = openModels(ground, headers);
  const launch: Launch = (model, overrides) => launchFor(model, settings.current, overrides);
  const room = openEngineRoom({
    ...{ config, environment, clock, bus, logs, settings, launch },
    traitsOf: (model) => habits.traits.of(model),
    onMemory: (model, launched, taken) => measurements.recordEngineWord(model, launched, taken),
  });
  const { engines, mlx } = room;
  const engineVersion = (model: Model) => versionFor(model, engines);
  const measurements = new Measurements({
    ...{ store, clock, headers, engineVersion },
    budgetBytes: () => hardware.budgetBytes,
  });
  const removals = openRemovals(ground, registry, config.dataDir, [measurements, records.repairs]);
  const places = new TrialPlaces(ground);
  const parts = { ...ground, hardware, registry, engines, measurements, launch, room, places };
  const needOf: NeedOf = (known, overrides) => {
    const model = registry.asItLies(presence.need(known).id);
    return measurements.needOf(model, launch(model, overrides));
  };
  const lending = openFleetRoom({ ...parts, records, needOf, dataDir: config.dataDir });
  const { fleet, client } = lending;
  const habits = openHabits({ ...ground, headers, registry, fleet });
  const hub = openHub({ ...ground, config, hardware, registry, headers, telemetry: records.telemetry });
  const updates = openEngineUpdates({ ...parts, client, fleet });
  const responses = openResponseStore(ground);
  const door = openKeyRoom({ ...ground, config, registry, cancel: (id) => void tracker.cancel(id) });
  const tracker = openTracker({ ...parts, records, fleet, keys: door.keys });
  const watches = openWatches({ ...ground, ...records, hardware, fleet, tracker, environment });
  return {
    ...ground,
    ...records,
    ...{ config, environment, version, hardware, headers, registry, removals, presence },
    ...watches,
    ...door,
    traits: habits.traits,
    templates: habits.templates,
    presets: openPresets(ground, config.dataDir),
    measurements,
    ...room,
    ...updates,
    ...lending,
    responses,
    hub,
    downloads: openDownloads(ground, { registry, volumes }, hub.direct, config.dataDir),
    tracker,
    pulse: new Pulse({ clock }),
    async close() {
      updates.autoUpdate[Symbol.dispose]();
      await updates.upgrades.cancel();
      // pip, brew and tar run in groups of their own, and would go on without us.
      engines.installer.cancel();
      mlx.cancelInstalls();
      habits.close();
      for (const watched of [removals, presence, ...Object.values(watches), settings]) watched[Symbol.dispose]();
      lending.external.close();
      client.close();
      for (const kept of [responses, door.keys, records.chronicle, records.writer]) kept.close();
      closeStore(store);
      await logs.close();
    },
  };
}

/** Which MLX server serves a model is known when it is loaded; what it takes is the model's own affair. */
function versionFor({ format }: Model, engines: Engines): string | null {
  return format === 'gguf' ? engines.presentVersion : null;
}

type UpdateParts = Ground &
  Pick<Flow, 'hardware' | 'registry' | 'engines' | 'measurements' | 'client' | 'fleet'> & {
    readonly room: EngineRoom;
    readonly places: TrialPlaces;
  };

/** New engines, tried before they are used. */
function openEngineUpdates(parts: UpdateParts): Pick<Flow, 'upgrades' | 'autoUpdate'> {
  const { clock, bus, store, logs, settings, hardware, registry, engines, measurements, room } = parts;
  return openUpgrades({
    ...{ clock, bus, store, logs, measurements, client: parts.client, room: room.trials, places: parts.places },
    settings: () => settings.current,
    shelves: room.shelves,
    models: () => registry.list(),
    fleet: () => parts.fleet.snapshot(),
    availableBytes: () => hardware.memory().availableBytes,
    fixedBy: room.fixedBy,
    sweep: async () => void (await Promise.all([engines.installer.sweep(), room.mlx.sweep()])),
  });
}

type Models = { readonly registry: Registry; readonly volumes: Volumes };

/** The list of models, and whether what is on it is there. */
function openModels({ store, bus, clock, settings }: Ground, headers: HeaderCache): Models & { presence: Presence } {
  const volumes = new Volumes({ store });
  const modelsDir = (): string => {
    const folder = settings.current.models_dir;
    volumes.refuseAbsent(folder);
    return folder;
  };
  const registry = new Registry({ store, bus, clock, headers, modelsDir });
  return { registry, volumes, presence: new Presence({ registry, volumes, bus, clock }) };
}

type HubParts = Pick<
  Flow,
  'config' | 'clock' | 'logs' | 'settings' | 'hardware' | 'registry' | 'headers' | 'telemetry'
>;

/** Where models come from. */
function openHub({ config, clock, logs, settings, hardware, registry, headers, telemetry }: HubParts): HubLibrary {
  return openHubLibrary({
    clock,
    settings: () => settings.current,
    tokenPath: join(config.dataDir, 'hub-token.json'),
    protect: (secret) => void logs.protect(secret),
    budgetBytes: () => hardware.budgetBytes,
    measured: () => measuredSpeeds({ models: () => registry.list(), telemetry, headers }),
  });
}

function openDownloads(
  { clock, bus, logs, settings }: Ground,
  { registry, volumes }: Models,
  hub: Hub,
  dataDir: string,
): Downloads {
  return new Downloads({
    hub,
    records: new RecordFiles(join(dataDir, 'downloads')),
    library: openLibrary(registry),
    clock,
    bus,
    modelsDir: () => settings.current.models_dir,
    checkRoot: (root) => volumes.refuseAbsent(root),
    parallel: () => settings.current.download_parallel,
    log: (text, cause) => logs.error(text, { cause }),
  });
}

/** Models may be set up with Flow's own chat templates, so they are there before a model is started. */
function openPresets({ store, clock, logs }: Ground, dataDir: string): PresetBook {
  const templatesDir = templatesFolder(dataDir);
  try {
    writeTemplates(templatesDir);
  } catch (cause) {
    logs.warning("Flow's own chat templates could not be written", { cause });
  }
  return new PresetBook({ store, clock, templatesDir });
}

type HabitParts = Pick<Flow, 'bus' | 'clock' | 'headers' | 'registry' | 'fleet'>;

/** What is known of how models talk. Strangers' templates are rendered in a process that ends with Flow. */
function openHabits({ bus, clock, headers, registry, fleet }: HabitParts) {
  const traits = new TraitBook(headers, clock);
  const renderer = new Renderer({ clock });
  const templates = new TemplateBook({ renderer, factsOf: (model) => traits.factsOf(model) });
  const unwatch = watchTemplates({
    bus,
    book: templates,
    findModel: (modelId) => registry.find(modelId),
    isStarting: (modelId) => fleet.model(modelId).state.phase === 'starting',
  });
  return {
    traits,
    templates,
    close() {
      unwatch();
      renderer[Symbol.dispose]();
    },
  };
}

/** What everything else stands on. */
type Ground = Pick<Flow, 'clock' | 'bus' | 'logs' | 'mishaps' | 'notices' | 'settings' | 'store'>;

async function openGround(config: Config, onSaid: Hear = () => {}): Promise<Ground> {
  const clock = systemClock;
  const mishaps = new Mishaps();
  const bus = new Bus((cause) => {
    mishaps.note('listener');
    logs.error('a listener broke', { cause });
  });
  const logs = new Logs({ clock, bus, folder: join(config.dataDir, 'logs'), level: config.logLevel, onSaid });
  if (config.apiKey) logs.protect(config.apiKey);
  // Before anything that may have something to tell: a page that is opened later learns it from here.
  const notices = new Notices({ bus, clock });
  bus.subscribe((event) => {
    if (event.type === 'notice') logs[event.tone](event.text);
  });
  const settings = await openSettings({
    path: join(config.dataDir, 'settings.json'),
    bus,
    clock,
    overrides: config.fixed,
    modelsDirDefault: join(config.dataDir, 'models'),
  });
  const { store, notice, setAside } = openSoundStore({ path: join(config.dataDir, 'flow.db'), clock });
  if (notice) bus.publish({ type: 'notice', tone: 'warning', text: notice });
  if (setAside !== null && pythonDatabase(setAside) !== null) {
    const text =
      'The database was that of the Python Flow: "flow import flow-python" takes its models and presets over.';
    bus.publish({ type: 'notice', tone: 'warning', text });
  }
  return { clock, bus, logs, mishaps, notices, settings, store };
}

type Launch = (model: Model, overrides: LaunchOverrides) => LaunchSettings;

type TrackerParts = Pick<Flow, 'clock' | 'bus' | 'logs' | 'fleet' | 'keys'> & { readonly records: Records };

function openTracker({ clock, bus, logs, records, fleet, keys }: TrackerParts): RequestTracker {
  return new RequestTracker({
    clock,
    bus,
    record: (row) => {
      records.meters.countRequest(row);
      records.writer.writeRequest(row);
      keys.ended(row);
      noteEnd(logs, row);
    },
    engineOf: (modelId) => {
      const { state } = fleet.model(modelId);
      return state.phase === 'ready' ? { engine: state.engine, version: state.engineVersion } : null;
    },
    onMended: (mended) => records.repairs.record(mended),
  });
}

function openResponseStore({ store, clock, bus }: Ground): ResponseStore {
  const onTrouble = (words: string) => bus.publish({ type: 'notice', tone: 'warning', text: words });
  return new ResponseStore({ store, clock, onTrouble });
}

type WatchParts = Ground & Pick<Flow, 'writer' | 'hardware' | 'fleet' | 'tracker' | 'environment'>;

/** How Flow itself does, and how the machine's memory was shared out. */
function openWatches(parts: WatchParts) {
  const { store, writer, clock, hardware, fleet, logs, settings, tracker } = parts;
  const memory = () => hardware.memory();
  return {
    keepAwake: new KeepAwake({
      ...parts,
      isWished: () => settings.current.keep_awake,
      openRequests: () => tracker.openCount,
      onRefused: (words) => logs.info(words),
    }),
    loopLag: new LoopLag({ clock }),
    memoryHistory: new MemoryHistory({ store, writer, clock, fleet: () => fleet.snapshot(), memory }),
  };
}

type Records = Pick<Flow, 'writer' | 'telemetry' | 'meters' | 'repairs' | 'chronicle'>;

function openRecords(parts: { store: Store; clock: Clock; bus: Bus; settings: SettingsFile }): Records {
  const { store, clock, bus, settings } = parts;
  const retention = () => {
    const { retention_days, records_limit_mb } = settings.current;
    return { days: retention_days, bytesMax: records_limit_mb * 1e6 };
  };
  const writer = new RecordWriter({ store, clock, bus, retention });
  const recordsTexts = () => settings.current.record_repair_texts;
  const repairs = new RepairLog({ store, writer, clock, recordsTexts });
  const chronicle = new Chronicle({ store, writer, bus, clock });
  return { writer, telemetry: new Telemetry({ store, writer }), meters: new Meters(), repairs, chronicle };
}
