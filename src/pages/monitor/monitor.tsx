/** @jsxImportSource @kitajs/html */
/** The Monitor's parts, rendered from the present state, and which of them an event makes stale. */
import type { Clock } from '#src/clock.ts';
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Model } from '#src/models/model.ts';
import { figures } from '#src/pages/figures.ts';
import type { RequestView, Tracker } from '#src/requests/request.ts';
import type { FleetSnapshot, Lender } from '#src/scheduling/lease.ts';
import { markupOf } from '#src/web/markup.ts';
import { Figures, figuresId } from '#views/monitor/figures.tsx';
import { Memory, type MemoryData, memoryId } from '#views/monitor/memory.tsx';
import { ModelCard, type ModelCardData, modelCardId } from '#views/monitor/model-card.tsx';
import { Arrivals, arrivalsId, ModelList, type MonitorData, modelListId } from '#views/monitor/page.tsx';
import { Recent, type RecentData, recentId } from '#views/monitor/recent.tsx';
import { RequestRow, type RequestRowData, requestRowId } from '#views/monitor/request-row.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { type MachineMemory, memoryStory } from './memory-story.ts';
import { modelCard, type Now, REQUEST_ROWS_MAX, rankOf, recentRequest, requestRow } from './present.ts';
import { RecentRequests } from './recent-requests.ts';

/** What the Monitor reads. */
export type MonitorSources = {
  readonly models: () => readonly Model[];
  readonly lender: Pick<Lender, 'snapshot'>;
  readonly tracker: Pick<Tracker, 'list' | 'find' | 'openCount' | 'tokensPerS'>;
  /** The machine's memory, measured lately; null when it cannot be told. */
  readonly memory: () => MachineMemory | null;
  readonly clock: Clock;
};

/** Fragment keys that always exist; the others are `model:<id>` and `request:<id>`. */
const STANDING_KEYS: readonly FragmentKey[] = ['memory', 'figures', 'arrivals', 'models', 'recent'];
/** Neither contain others nor stand in others. */
const ALONE_KEYS: ReadonlySet<FragmentKey> = new Set(['memory', 'figures', 'recent']);
const MODEL_PREFIX = 'model:';
const REQUEST_PREFIX = 'request:';
/** Where a request stands that no known model serves. */
const NO_MODEL = '';

/** Keeps what pages show of the fleet and its requests. */
export class Monitor implements LiveTopic {
  readonly fadingKeys: readonly FragmentKey[] = ['memory', 'figures'];
  readonly #sources: MonitorSources;
  readonly #recent = new RecentRequests();
  /** Under which model each request was last shown: a move makes two lists stale, anything else one row. */
  readonly #places = new Map<string, string>();
  readonly #ranks = new Map<string, number>();

  constructor(sources: MonitorSources) {
    this.#sources = sources;
  }

  /** Everything, for a whole page. */
  data(): MonitorData {
    return {
      memory: this.#memory(),
      figures: this.#figures(),
      models: this.#cards(),
      arrivals: this.#arrivals(),
      recent: this.#recentRows(),
      hasDemo: this.#sources.models().some(({ isDemo }) => isDemo),
    };
  }

  all(): readonly FragmentKey[] {
    return STANDING_KEYS;
  }

  isAlone(key: FragmentKey): boolean {
    return ALONE_KEYS.has(key);
  }

  /** The keys that an event makes stale. Call it for every event, also while nobody looks: it notes what ended. */
  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    switch (event.type) {
      case 'model-changed':
        return [this.#modelOrList(event.modelId), 'memory', 'figures'];
      case 'model-added':
      case 'model-removed':
      case 'settings-changed':
        return ['models', 'memory'];
      case 'request-changed':
        return this.#staleByRequest(event.requestId);
      case 'request-removed':
        return [this.#leave(event.requestId), 'figures'];
      case 'queue-changed':
        return ['figures', ...this.#waitingKeys()];
      case 'memory-changed':
        return ['memory'];
      default:
        return [];
    }
  }

  render(key: FragmentKey): string {
    return markupOf(this.#partial(key));
  }

  #partial(key: FragmentKey): JSX.Element {
    if (key.startsWith(REQUEST_PREFIX)) return this.#requestPartial(key.slice(REQUEST_PREFIX.length));
    if (key.startsWith(MODEL_PREFIX)) return this.#modelPartial(key.slice(MODEL_PREFIX.length));
    switch (key) {
      case 'memory':
        return this.#memoryPartial();
      case 'figures':
        return (
          <Partial target={figuresId} swap="outerMorph">
            <Figures figures={this.#figures()} />
          </Partial>
        );
      case 'arrivals':
        return (
          <Partial target={arrivalsId} swap="outerMorph">
            <Arrivals requests={this.#arrivals()} />
          </Partial>
        );
      case 'models':
        return (
          <Partial target={modelListId} swap="outerMorph">
            <ModelList models={this.#cards()} />
          </Partial>
        );
      case 'recent':
        return (
          <Partial target={recentId} swap="outerMorph">
            <Recent requests={this.#recentRows()} />
          </Partial>
        );
      default:
        return '';
    }
  }

  #memoryPartial(): JSX.Element {
    const memory = this.#memory();
    if (memory === null) return '';
    return (
      <Partial target={memoryId} swap="outerMorph">
        <Memory memory={memory} />
      </Partial>
    );
  }

  #modelPartial(modelId: string): JSX.Element {
    const model = this.#sources.models().find(({ id }) => id === modelId);
    if (!model) return '';
    return (
      <Partial target={modelCardId(modelId)} swap="outerMorph">
        <ModelCard model={this.#card(model, this.#sources.lender.snapshot())} />
      </Partial>
    );
  }

  #requestPartial(requestId: string): JSX.Element {
    const view = this.#sources.tracker.find(requestId);
    if (!view) return '';
    return (
      <Partial target={requestRowId(requestId)} swap="outerMorph">
        <RequestRow request={requestRow(view, this.#now())} />
      </Partial>
    );
  }

  #memory(): MemoryData | null {
    const machine = this.#sources.memory();
    if (machine === null) return null;
    const names = new Map(this.#sources.models().map(({ id, name }) => [id, name]));
    const nameOf = (modelId: string) => names.get(modelId) ?? modelId;
    return memoryStory(machine, this.#sources.lender.snapshot(), nameOf, this.#sources.clock.wallMs());
  }

  #figures() {
    const { lender, tracker } = this.#sources;
    return figures(lender.snapshot(), tracker.openCount, tracker.tokensPerS, this.#now().monotonicMs);
  }

  #cards(): readonly ModelCardData[] {
    const fleet = this.#sources.lender.snapshot();
    const ranks = new Map(fleet.models.map(({ modelId, state }) => [modelId, rankOf(state)]));
    const rank = ({ id }: Model) => ranks.get(id) ?? rankOf(null);
    return [...this.#sources.models()]
      .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name))
      .map((model) => this.#card(model, fleet));
  }

  #card(model: Model, fleet: FleetSnapshot): ModelCardData {
    const fleetModel = fleet.models.find(({ modelId }) => modelId === model.id) ?? null;
    const requests = this.#sources.tracker.list().filter(({ modelId }) => modelId === model.id);
    return modelCard(model, fleetModel, requests, this.#now());
  }

  #arrivals(): readonly RequestRowData[] {
    const known = new Set(this.#sources.models().map(({ id }) => id));
    return this.#sources.tracker
      .list()
      .filter(({ modelId, endedAtMs }) => endedAtMs === null && (modelId === null || !known.has(modelId)))
      .slice(0, REQUEST_ROWS_MAX)
      .map((view) => requestRow(view, this.#now()));
  }

  #recentRows(): readonly RecentData[] {
    return this.#recent.list().flatMap((view) => recentRequest(view) ?? []);
  }

  #staleByRequest(requestId: string): readonly FragmentKey[] {
    const view = this.#sources.tracker.find(requestId);
    if (!view) return [this.#leave(requestId), 'figures'];
    const before = this.#places.get(requestId);
    const place = this.#placeOf(view);
    this.#places.set(requestId, place);
    const row = before === place ? [`${REQUEST_PREFIX}${requestId}`] : [listKey(place), ...movedFrom(before)];
    if (view.endedAtMs === null) return [...row, 'figures'];
    this.#recent.add(view);
    // An ended arrival is shown among the recent ones only.
    return [...row, ...(place === NO_MODEL ? ['arrivals'] : []), 'recent', 'figures'];
  }

  #placeOf({ modelId }: RequestView): string {
    const isKnown = modelId !== null && this.#sources.models().some(({ id }) => id === modelId);
    return isKnown ? modelId : NO_MODEL;
  }

  #leave(requestId: string): FragmentKey {
    const place = this.#places.get(requestId) ?? NO_MODEL;
    this.#places.delete(requestId);
    return listKey(place);
  }

  #waitingKeys(): readonly FragmentKey[] {
    const { queue } = this.#sources.lender.snapshot();
    const shown = queue.slice(0, REQUEST_ROWS_MAX);
    return shown.flatMap(({ requestId, modelId }) => [`${REQUEST_PREFIX}${requestId}`, `${MODEL_PREFIX}${modelId}`]);
  }

  /** A model that moves up or down makes the list stale, not only its card. */
  #modelOrList(modelId: string): FragmentKey {
    const fleetModel = this.#sources.lender.snapshot().models.find((one) => one.modelId === modelId);
    const rank = rankOf(fleetModel?.state ?? null);
    const before = this.#ranks.get(modelId);
    this.#ranks.set(modelId, rank);
    return before === rank ? `${MODEL_PREFIX}${modelId}` : 'models';
  }

  #now(): Now {
    const { clock } = this.#sources;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }
}

function listKey(place: string): FragmentKey {
  return place === NO_MODEL ? 'arrivals' : `${MODEL_PREFIX}${place}`;
}

function movedFrom(place: string | undefined): readonly FragmentKey[] {
  return place === undefined ? [] : [listKey(place)];
}
