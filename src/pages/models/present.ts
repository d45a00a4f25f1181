/** From a registered model and what is known of it to its row in the list. Pure. */
import { basename } from 'node:path';
import { isOutdated } from '#src/models/launch.ts';
import type { Footprint, LaunchSettings, Model } from '#src/models/model.ts';
import type { Missing } from '#src/models/presence.ts';
import { heldBytes } from '#src/pages/figures.ts';
import { doingOf, type Now } from '#src/pages/monitor/present.ts';
import type { ModelUsage } from '#src/requests/model-usage.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { ModelRowData, RowDoing } from '#views/models/row.tsx';
import { nameParts } from './name-parts.ts';

/** What is known of one model. */
export type Known = {
  readonly model: Model;
  readonly fleetModel: FleetModel;
  readonly missing: Missing | null;
  /** What a load would take; null when nobody can tell. */
  readonly need: Footprint | null;
  /** How it would be started now. */
  readonly launch: LaunchSettings;
  /** Its engine was installed anew since it was started. */
  readonly isEngineReplaced: boolean;
  readonly usage: ModelUsage | null;
  /** End of its last request as far as records go; null when none tells. */
  readonly lastUsedAtMs: number | null;
  /** Days without use after which that is worth a hint. */
  readonly unusedDays: number;
};

const DAY_S = 86_400;

/** Its row. */
export function modelRow(known: Known, now: Now): ModelRowData {
  const { model, fleetModel, usage } = known;
  const lastUsedAtMs = Math.max(fleetModel.lastUsedAtMs ?? 0, usage?.lastUsedAtMs ?? 0, known.lastUsedAtMs ?? 0);
  const restsS = (now.wallMs - (lastUsedAtMs || model.createdAtMs)) / 1000;
  const isKept = model.isDemo || model.config.is_pinned || model.endpoint !== null;
  return {
    id: model.id,
    name: model.name,
    ...nameParts(model.name),
    file: model.endpoint === null ? basename(model.path) : null,
    isLongUnused: !isKept && restsS >= known.unusedDays * DAY_S,
    format: model.format,
    quantization: model.quantization,
    abilities: abilitiesOf(model),
    otherNames: [...model.aliases, ...model.config.variants.map(({ name }) => name)],
    place: model.endpoint?.baseUrl ?? model.path,
    isDemo: model.isDemo,
    isManaged: model.isManaged,
    isExternal: model.endpoint !== null,
    isPinned: model.config.is_pinned,
    sizeBytes: model.sizeBytes,
    memory: memoryOf(known),
    contextTokens: contextOf(known),
    doing: rowDoing(known, now),
    isOutdated: needsRestart(known),
    unusedS: lastUsedAtMs === 0 ? null : (now.wallMs - lastUsedAtMs) / 1000,
    requests: usage?.requests ?? 0,
    tokensPerS: usage?.tokensPerS ?? null,
  };
}

/** Whether a model runs otherwise than it would be started now: with other settings, or an engine that was replaced. */
export function needsRestart({ model, fleetModel: { state }, launch, isEngineReplaced }: Known): boolean {
  return isOutdated({ model, running: state.phase === 'ready' ? state.launch : null, launch, isEngineReplaced });
}

/** What a model can do, in words. */
export function abilitiesOf({ capabilities }: Model): readonly string[] {
  return [
    ...(capabilities.tools ? ['tools'] : []),
    ...(capabilities.thinking ? ['thinking'] : []),
    ...(capabilities.vision ? ['images'] : []),
    ...(capabilities.embedding ? ['embeddings'] : []),
  ];
}

/** What runs may go on without its files for a while: the engine has them open. */
function rowDoing({ missing, fleetModel }: Known, now: Now): RowDoing {
  const { phase } = fleetModel.state;
  if (missing !== null && (phase === 'idle' || phase === 'failed')) {
    return { phase: 'missing', message: missing.message, hint: missing.hint };
  }
  return doingOf(fleetModel.state, fleetModel, now);
}

function memoryOf({ fleetModel, need }: Known): ModelRowData['memory'] {
  const held = heldBytes(fleetModel);
  if (held > 0) {
    const source = fleetModel.measuredBytes === null ? (fleetModel.reserved?.source ?? 'formula') : 'measured';
    return { bytes: held, source, isHeld: true };
  }
  return need === null ? null : { bytes: need.totalBytes, source: need.source, isHeld: false };
}

function contextOf({ model, fleetModel: { state }, launch }: Known): number | null {
  if (state.phase === 'ready') return state.contextTokens;
  if (model.endpoint !== null) return model.trainedContextTokens;
  return launch.ctx_size === 0 ? model.trainedContextTokens : launch.ctx_size;
}
