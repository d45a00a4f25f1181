/** The models as the Monitor shows them: in which order, with which lanes, and what stands in them. */
import type { Model, ModelId } from '#src/models/model.ts';
import type { RequestView } from '#src/requests/request.ts';
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import type { ModelCardData } from '#views/monitor/model-card.tsx';
import type { RequestRowData } from '#views/monitor/request-row.tsx';
import { EMPTY_LANES_MAX, lanesOf } from './lanes.ts';
import type { Moment, Pace } from './pace.ts';
import { contextUsed, modelCard, REQUEST_ROWS_MAX, requestRow } from './present.ts';
import type { MonitorSources } from './sources.ts';

/** So few models are all shown with their lanes from the beginning. */
const FEW_MODELS = 4;

/**
 * Models that were up since Flow started come first, and keep their lanes while they are not: what is loaded or
 * unloaded a second time moves nothing on the page.
 */
export class Cards {
  readonly #sources: MonitorSources;
  readonly #pace: Pace;
  readonly #stirred = new Set<ModelId>();
  readonly #lanes = new Map<ModelId, readonly (string | null)[]>();

  constructor(sources: MonitorSources, pace: Pace) {
    this.#sources = sources;
    this.#pace = pace;
  }

  /** All of them, in their order. */
  all(now: Moment): readonly ModelCardData[] {
    const fleet = this.#sources.lender.snapshot();
    const byId = new Map(fleet.models.map((model) => [model.modelId, model]));
    for (const model of fleet.models) this.noteStirred(model);
    const rank = ({ id }: Model): number => (this.#stirred.has(id) ? 0 : 1);
    const models = this.#sources.models();
    const isFew = models.length <= FEW_MODELS;
    return [...models]
      .sort((a, b) => (isFew ? 0 : rank(a) - rank(b)) || a.name.localeCompare(b.name))
      .map((model) => this.#card(model, byId.get(model.id) ?? null, isFew || this.#stirred.has(model.id), now));
  }

  /** One of them; null when there is no such model. */
  find(modelId: ModelId, now: Moment): ModelCardData | null {
    const models = this.#sources.models();
    const model = models.find(({ id }) => id === modelId);
    if (!model) return null;
    const isFull = models.length <= FEW_MODELS || this.#stirred.has(modelId);
    return this.#card(model, this.#fleetModel(this.#sources.lender.snapshot(), modelId), isFull, now);
  }

  /** A request's row. */
  row(view: RequestView, now: Moment): RequestRowData {
    const fleetModel = view.modelId === null ? null : this.#fleetModel(this.#sources.lender.snapshot(), view.modelId);
    return this.#row(view, fleetModel, this.#names(), now);
  }

  /** Whether this model was never seen up before: then the order of all changes. */
  noteStirred({ modelId, state, lastUsedAtMs }: FleetModel): boolean {
    if (this.#stirred.has(modelId) || (state.phase === 'idle' && lastUsedAtMs === null)) return false;
    this.#stirred.add(modelId);
    return true;
  }

  forget(modelId: ModelId): void {
    this.#stirred.delete(modelId);
    this.#lanes.delete(modelId);
  }

  #card(model: Model, fleetModel: FleetModel | null, isFull: boolean, now: Moment): ModelCardData {
    const views = this.#sources.tracker.list().filter(({ modelId }) => modelId === model.id);
    const shown = views.slice(0, REQUEST_ROWS_MAX);
    const lanes = this.#assign(model, fleetModel, shown, isFull);
    const byId = new Map(shown.map((view) => [view.id, view]));
    const names = this.#names();
    const inLane = (id: string | null): RequestRowData | null => {
      const view = id === null ? undefined : byId.get(id);
      return view === undefined ? null : this.#row(view, fleetModel, names, now);
    };
    const facts = {
      lanes: lanes.map(inLane),
      moreRequests: views.length - shown.length,
      usage: this.#sources.usages().get(model.id) ?? null,
      rates: this.#pace.modelPoints(model.id, now.monotonicMs),
      isOutdated: fleetModel !== null && this.#sources.isOutdated(model, fleetModel),
      contextUsedTokens: contextUsed(views),
    };
    return modelCard(model, fleetModel, facts, now);
  }

  #assign(
    model: Model,
    fleetModel: FleetModel | null,
    views: readonly RequestView[],
    isFull: boolean,
  ): readonly (string | null)[] {
    const slots = fleetModel?.state.phase === 'ready' ? fleetModel.state.slots : this.#sources.slotsOf(model);
    const users = views.map(({ id, endedAtMs }) => ({ id, isOver: endedAtMs !== null }));
    // What failed has its reasons to show instead.
    const count = isFull && fleetModel?.state.phase !== 'failed' ? Math.min(EMPTY_LANES_MAX, Math.max(1, slots)) : 0;
    const lanes = lanesOf(this.#lanes.get(model.id) ?? [], users, count);
    this.#lanes.set(model.id, lanes);
    return lanes;
  }

  #row(view: RequestView, fleetModel: FleetModel | null, names: Names, now: Moment): RequestRowData {
    const state = fleetModel?.state;
    const endedMs = view.endedAtMs === null ? now.monotonicMs : now.monotonicMs - (now.wallMs - view.endedAtMs);
    const facts = {
      contextTokens: state?.phase === 'ready' ? state.contextTokens : null,
      rates: this.#pace.requestPoints(view.id, endedMs),
      nameOf: (modelId: string) => names.get(modelId) ?? modelId,
    };
    return requestRow(view, facts, now);
  }

  #names(): Names {
    return new Map(this.#sources.models().map(({ id, name }) => [id, name]));
  }

  #fleetModel({ models }: FleetSnapshot, modelId: ModelId): FleetModel | null {
    return models.find((model) => model.modelId === modelId) ?? null;
  }
}

type Names = ReadonlyMap<string, string>;
