/** The scheduler with all that it lends: engines that Flow starts, and those that somebody else has started. */
import { join } from 'node:path';
import type { Chronicle } from './chronicle/chronicle.ts';
import type { Clock } from './clock.ts';
import type { EngineRoom } from './engine-room.ts';
import type { Bus } from './events.ts';
import { ExternalDesk } from './external/external-desk.ts';
import { ExternalKeys } from './external/external-keys.ts';
import { externalSupervisors } from './external/external-supervisor.ts';
import { systemLookUp } from './external/look-up.ts';
import { OwnPlaces } from './external/own-places.ts';
import { Places } from './external/places.ts';
import type { Hardware } from './host/hardware.ts';
import type { Logs } from './logs/logs.ts';
import { stampOf } from './models/header-cache.ts';
import type { Measurements } from './models/measurements.ts';
import type { Footprint, LaunchOverrides, LaunchSettings, Model } from './models/model.ts';
import type { Registry } from './models/registry.ts';
import type { Meters } from './requests/meters.ts';
import type { Telemetry } from './requests/telemetry.ts';
import { Fleet } from './scheduling/fleet.ts';
import type { LoadRecords } from './scheduling/fleet-needs.ts';
import type { SettingsFile } from './settings/store.ts';
import type { SupervisorFactory } from './supervision/model-state.ts';
import { SocketEngineClient } from './transport/client.ts';
import type { TrialPlaces } from './upgrades/trial-places.ts';

/** What a load of a model's files would take, as they lie there now; throws a Fault when it cannot be told. */
export type NeedOf = (model: Model, overrides: LaunchOverrides) => Footprint;

export type FleetRoomParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly logs: Logs;
  readonly settings: SettingsFile;
  readonly dataDir: string;
  readonly hardware: Hardware;
  readonly registry: Registry;
  readonly room: EngineRoom;
  /** Of engines on trial. */
  readonly places: TrialPlaces;
  readonly measurements: Measurements;
  readonly needOf: NeedOf;
  readonly records: { readonly telemetry: Telemetry; readonly meters: Meters; readonly chronicle: Chronicle };
  readonly launch: (model: Model, overrides: LaunchOverrides) => LaunchSettings;
};

export type FleetRoom = {
  readonly fleet: Fleet;
  readonly client: SocketEngineClient;
  readonly external: ExternalDesk;
};

/** Builds it; nothing is started or looked for yet. */
export function openFleetRoom(parts: FleetRoomParts): FleetRoom {
  const { clock, bus, logs, settings, registry, room, launch } = parts;
  const client = new SocketEngineClient();
  const places = new Places(client);
  const keys = new ExternalKeys({
    path: join(parts.dataDir, 'external-keys.json'),
    protect: (secret) => void logs.protect(secret),
  });
  const own = new OwnPlaces(() => room.processRegistry.running());
  const shared = { clock, client, places, keys, own, lookUp: systemLookUp };
  const watched = externalSupervisors({
    ...shared,
    logs,
    findModel: (modelId) => registry.find(modelId),
    describe: (modelId, facts) => registry.describe(modelId, facts),
    launchFor: launch,
    isBusy: (modelId) => fleet.model(modelId).inFlight > 0,
  });
  const fleet = openFleet(parts, (modelId, onChange) =>
    registry.find(modelId)?.endpoint ? watched(modelId, onChange) : room.supervisors(modelId, onChange),
  );
  const external = new ExternalDesk({
    ...shared,
    bus,
    registry,
    fleet,
    adoptsRunning: () => settings.current.adopt_running,
    log: (text) => logs.info(text),
  });
  return { fleet, client, external };
}

function openFleet(parts: FleetRoomParts, makeSupervisor: SupervisorFactory): Fleet {
  const { registry, measurements, records, room } = parts;
  const loadRecords: LoadRecords = {
    usualLoadMs: (modelId) => records.telemetry.usualLoadMs(modelId),
    recordLoad: (load) => {
      records.meters.countLoad(load);
      records.telemetry.recordLoad(load);
    },
    recordMemory: ({ modelId, launch, residentBytes }) => {
      const model = registry.find(modelId);
      if (model) measurements.recordResident(model, launch, residentBytes);
    },
    recordShortage: ({ modelId, overrides, givenBytes }) => {
      const model = registry.find(modelId);
      if (model) measurements.recordShortage(model, parts.launch(model, overrides), givenBytes);
    },
    recordEnd: (end) => {
      records.meters.countEnd(end.kind === 'crash' ? 'crash' : end.reason);
      records.chronicle.recordEnd(end);
    },
  };
  return new Fleet({
    clock: parts.clock,
    bus: parts.bus,
    makeSupervisor,
    settings: () => parts.settings.current,
    findModel: (modelId) => registry.find(modelId),
    needOf: parts.needOf,
    fileStateOf: ({ path }) => {
      const stamp = stampOf(path);
      const edition = `${room.engines.edition}:${room.mlx.edition}`;
      return stamp === null ? null : `${stamp.sizeBytes}:${stamp.modifiedMs}:${edition}`;
    },
    budgetBytes: () => parts.hardware.budgetBytes,
    guests: () => parts.places.guests(),
    records: loadRecords,
  });
}
