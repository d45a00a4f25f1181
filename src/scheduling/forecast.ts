/** What will be unloaded next and for whom, as one sentence for the Monitor. Pure. */
import { impossible } from '#src/assert.ts';
import type { ModelId } from '#src/models/model.ts';
import type { Admission } from './admission.ts';
import type { FleetModel, FleetSnapshot } from './lease.ts';
import { gigabytes } from './refusals.ts';

/** What admission intends for one model that is wanted and does not run. */
export type Plan = { readonly modelId: ModelId; readonly needBytes: number; readonly admission: Admission };

/** One sentence a plan, in the order of their turns. */
export function forecast(snapshot: FleetSnapshot, plans: readonly Plan[], wallMs: number): readonly string[] {
  return plans.map((plan) => {
    const need = `${plan.modelId} needs ${gigabytes(plan.needBytes)}`;
    return `${need}: ${intention(plan.admission, snapshot.models, wallMs)}${because(plan.admission)}`;
  });
}

function intention(admission: Admission, models: readonly FleetModel[], wallMs: number): string {
  const named = (ids: readonly ModelId[]): string => ids.map((id) => described(id, models, wallMs)).join(' and ');
  switch (admission.decision) {
    case 'start':
      return admission.leaving.length === 0 ? 'starts now' : `unloads ${named(admission.leaving)}`;
    case 'refuse':
      return admission.pinned.length > 0 ? `cannot load beside ${admission.pinned.join(', ')} (pinned)` : 'cannot load';
    case 'wait':
      if (admission.close.length > 0) return `will unload ${named(admission.leaving)}, which gets no new requests`;
      return admission.leaving.length > 0
        ? `would unload ${named(admission.leaving)}`
        : `waits behind ${named(admission.for)}`;
    default:
      return impossible(admission);
  }
}

/** What is in the way, when it is not memory. */
function because(admission: Admission): string {
  return admission.lacks === 'mlx-process' ? ', since no more MLX models are kept loaded at a time' : '';
}

function described(modelId: ModelId, models: readonly FleetModel[], wallMs: number): string {
  const model = models.find((one) => one.modelId === modelId);
  if (!model) return modelId;
  if (model.state.phase === 'stopping') return `${modelId} (stopping)`;
  if (model.state.phase === 'starting') return `${modelId} (loading)`;
  if (model.inFlight > 0) return `${modelId} (${model.inFlight === 1 ? '1 request' : `${model.inFlight} requests`})`;
  if (model.lastUsedAtMs === null) return `${modelId} (not used yet)`;
  return `${modelId} (idle ${minutesAndSeconds(wallMs - model.lastUsedAtMs)})`;
}

function minutesAndSeconds(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
