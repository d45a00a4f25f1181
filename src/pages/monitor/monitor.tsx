/** @jsxImportSource @kitajs/html */
/** The Monitor's parts, rendered from the present state, and which of them an event makes stale. */
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import { figures } from '#src/pages/figures.ts';
import type { RequestView } from '#src/requests/request.ts';
import { markupOf } from '#src/web/markup.ts';
import {
  Figure,
  figureId,
  GpuTile,
  type PaceFigures,
  Trace,
  type TraceData,
  traceId,
  WorkTile,
} from '#views/monitor/figures.tsx';
import { Memory, type MemoryData, memoryId } from '#views/monitor/memory.tsx';
import { ModelCard, ModelNow, modelCardId, modelNowId } from '#views/monitor/model-card.tsx';
import { Arrivals, arrivalsId, ModelList, type MonitorData, modelListId } from '#views/monitor/page.tsx';
import { Recent, type RecentData, recentId } from '#views/monitor/recent.tsx';
import { RequestRow, type RequestRowData, requestRowId } from '#views/monitor/request-row.tsx';
import { Wave, waveId } from '#views/monitor/wave.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { Cards } from './cards.ts';
import { memoryStory } from './memory-story.ts';
import { type Moment, Pace, SPANS, type SpanName } from './pace.ts';
import { REQUEST_ROWS_MAX, recentRequest } from './present.ts';
import { RecentRequests } from './recent-requests.ts';
import type { MonitorSources } from './sources.ts';

/** Fragment keys that always exist; the others name a model or a request behind a colon. */
const STANDING_KEYS: readonly FragmentKey[] = [
  'memory',
  'figures',
  ...SPANS.map(({ name }) => traceKey(name)),
  'arrivals',
  'models',
  'recent',
];
/** Neither contain others nor stand in others. */
const ALONE_KEYS: ReadonlySet<FragmentKey> = new Set([
  'memory',
  'figures',
  'recent',
  ...SPANS.map(({ name }) => traceKey(name)),
]);
const MODEL = 'model';
const REQUEST = 'request';
const WAVE = 'wave';
const NOW = 'now';
/** Where a request stands that no known model serves. */
const NO_MODEL = '';
/** Most find their model within milliseconds; those need not flash up first. */
const ARRIVED_MS_MIN = 1_000;
/** A wave moves on by one point, and the two longer lines by a part of one. */
const WAVE_INTERVAL_S = 5;
const HOUR_INTERVAL_S = 30;
/** Over so long the speed of reading is told. */
const PREFILL_WINDOW_S = 3;
const TRACE_NAMES = [
  { name: 'speed', what: 'output' },
  { name: 'prefill', what: 'read' },
  { name: 'queue', what: 'queue' },
] as const;

/** Keeps what pages show of the fleet and its requests. */
export class Monitor implements LiveTopic {
  readonly fadingKeys: readonly FragmentKey[] = ['memory', 'figures'];
  readonly #sources: MonitorSources;
  readonly #pace: Pace;
  readonly #cards: Cards;
  readonly #recent = new RecentRequests();
  /** Under which model each request was last shown: a move makes two lists stale, anything else one row. */
  readonly #places = new Map<string, string>();
  #pulses = 0;

  constructor(sources: MonitorSources, pace = new Pace(sources.clock.monotonicMs())) {
    this.#sources = sources;
    this.#pace = pace;
    this.#cards = new Cards(sources, pace);
  }

  /** Everything, for a whole page. `span`: how far back its lines reach at first. */
  data(span: SpanName = SPANS[0].name): MonitorData {
    return {
      memory: this.#memory(),
      pace: {
        figures: this.#figures(),
        traces: SPANS.flatMap(({ name }) => this.#traces(name)),
        spans: SPANS.map(({ name, label }) => ({ name, label })),
        span,
      },
      models: this.#cards.all(this.#now()),
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

  /** Books the last second, and says what it made stale. To be called once a second, also while nobody looks. */
  pulse(): readonly FragmentKey[] {
    const { tracker, lender } = this.#sources;
    const views = tracker.list();
    this.#pace.take(views, lender.snapshot().queue.length, this.#now());
    this.#pulses += 1;
    const open = views.filter(({ endedAtMs }) => endedAtMs === null);
    const generating = open.filter(({ stage }) => stage === 'generating');
    const busy = new Set(open.flatMap(({ modelId, promptTokens }) => (promptTokens === null ? [] : (modelId ?? []))));
    return [
      ...this.#staleTraces(),
      // A stream that has come to a halt makes no event, and still its speed falls.
      ...generating.map(({ id }) => keyOf(REQUEST, id)),
      ...[...busy].map((modelId) => keyOf(NOW, modelId)),
      ...(open.some((view) => this.#placeOf(view) === NO_MODEL) ? ['arrivals'] : []),
    ];
  }

  /** The keys that an event makes stale. Call it for every event, also while nobody looks: it notes what ended. */
  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    switch (event.type) {
      case 'model-changed':
        return [this.#modelOrList(event.modelId), 'memory', 'figures'];
      case 'model-removed':
        this.#cards.forget(event.modelId);
        this.#pace.forgetModel(event.modelId);
        return ['models', 'memory'];
      case 'model-added':
      case 'settings-changed':
        return ['models', 'memory'];
      case 'request-changed':
        return this.#staleByRequest(event.requestId);
      case 'request-removed':
        return [this.#leave(event.requestId), 'figures'];
      case 'queue-changed':
        return ['figures', 'memory', ...this.#waitingKeys()];
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
    const colon = key.indexOf(':');
    if (colon > 0) return this.#partialOf(key.slice(0, colon), key.slice(colon + 1));
    switch (key) {
      case 'memory':
        return this.#memoryPartial();
      case 'figures':
        return this.#figuresPartial();
      case 'arrivals':
        return (
          <Partial target={arrivalsId} swap="outerMorph">
            <Arrivals requests={this.#arrivals()} />
          </Partial>
        );
      case 'models':
        return (
          <Partial target={modelListId} swap="outerMorph">
            <ModelList models={this.#cards.all(this.#now())} />
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

  #partialOf(kind: string, name: string): JSX.Element {
    switch (kind) {
      case REQUEST:
        return this.#requestPartial(name);
      case MODEL:
        return this.#modelPartial(name);
      case NOW:
        return this.#modelNowPartial(name);
      case WAVE:
        return (
          <Partial target={waveId(name)} swap="outerMorph">
            <Wave wave={{ modelId: name, rates: this.#pace.modelPoints(name, this.#now().monotonicMs) }} />
          </Partial>
        );
      default:
        return this.#tracesPartial(name);
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

  #figuresPartial(): JSX.Element {
    const now = this.#figures();
    return (
      <>
        {TRACE_NAMES.map(({ name }) => (
          <Partial target={figureId(name)} swap="outerMorph">
            <Figure name={name} figures={now} />
          </Partial>
        ))}
        <Partial target={figureId('work')} swap="outerMorph">
          <WorkTile figures={now} />
        </Partial>
        <Partial target={figureId('gpu')} swap="outerMorph">
          <GpuTile gpu={now.gpu} />
        </Partial>
      </>
    );
  }

  #tracesPartial(span: string): JSX.Element {
    const known = SPANS.find(({ name }) => name === span);
    if (known === undefined) return '';
    return (
      <>
        {this.#traces(known.name).map((trace) => (
          <Partial target={traceId(trace.name, trace.span)} swap="outerMorph">
            <Trace trace={trace} />
          </Partial>
        ))}
      </>
    );
  }

  #modelPartial(modelId: string): JSX.Element {
    const model = this.#cards.find(modelId, this.#now());
    if (model === null) return '';
    return (
      <Partial target={modelCardId(modelId)} swap="outerMorph">
        <ModelCard model={model} />
      </Partial>
    );
  }

  #modelNowPartial(modelId: string): JSX.Element {
    const model = this.#cards.find(modelId, this.#now());
    if (model === null) return '';
    return (
      <Partial target={modelNowId(modelId)} swap="outerMorph">
        <ModelNow model={model} />
      </Partial>
    );
  }

  #requestPartial(requestId: string): JSX.Element {
    const view = this.#sources.tracker.find(requestId);
    if (!view) return '';
    return (
      <Partial target={requestRowId(requestId)} swap="outerMorph">
        <RequestRow request={this.#cards.row(view, this.#now())} />
      </Partial>
    );
  }

  #memory(): MemoryData | null {
    const machine = this.#sources.memory();
    if (machine === null) return null;
    const models = new Map(this.#sources.models().map((model) => [model.id, model]));
    const knownAs = (modelId: string) => {
      const model = models.get(modelId);
      return { name: model?.name ?? modelId, isExternal: model !== undefined && model.endpoint !== null };
    };
    return memoryStory(machine, this.#sources.lender.snapshot(), knownAs, this.#now());
  }

  #figures(): PaceFigures {
    const { lender, tracker, gpu } = this.#sources;
    const { monotonicMs } = this.#now();
    return {
      ...figures(lender.snapshot(), tracker.openCount, tracker.tokensPerS, monotonicMs),
      promptTokensPerS: this.#pace.read.rate(monotonicMs, PREFILL_WINDOW_S),
      gpu: gpu(),
    };
  }

  #traces(span: SpanName): readonly TraceData[] {
    const { monotonicMs } = this.#now();
    const words = SPANS.find(({ name }) => name === span)?.words ?? span;
    return TRACE_NAMES.map(({ name, what }) => ({
      ...{ name, span, words },
      values: this.#pace.points(what, span, monotonicMs),
    }));
  }

  #arrivals(): readonly RequestRowData[] {
    const now = this.#now();
    return this.#sources.tracker
      .list()
      .filter((view) => view.endedAtMs === null && this.#placeOf(view) === NO_MODEL)
      .filter(({ startedAtMs }) => now.wallMs - startedAtMs >= ARRIVED_MS_MIN)
      .slice(0, REQUEST_ROWS_MAX)
      .map((view) => this.#cards.row(view, now));
  }

  #recentRows(): readonly RecentData[] {
    return this.#recent.list().flatMap((view) => recentRequest(view) ?? []);
  }

  /** The longest lines move so slowly that they need not be drawn anew each second. */
  #staleTraces(): readonly FragmentKey[] {
    const isWaveTime = this.#pulses % WAVE_INTERVAL_S === 0;
    const models = isWaveTime ? this.#pace.modelIds() : [];
    return [
      traceKey('1m'),
      ...(isWaveTime ? [traceKey('5m')] : []),
      ...(this.#pulses % HOUR_INTERVAL_S === 0 ? [traceKey('1h')] : []),
      ...models.map((modelId) => keyOf(WAVE, modelId)),
    ];
  }

  #staleByRequest(requestId: string): readonly FragmentKey[] {
    const view = this.#sources.tracker.find(requestId);
    if (!view) return [this.#leave(requestId), 'figures'];
    const before = this.#places.get(requestId);
    const place = this.#placeOf(view);
    this.#places.set(requestId, place);
    const row = before === place ? [keyOf(REQUEST, requestId)] : [listKey(place), ...movedFrom(before)];
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
    this.#pace.raiseQueue(queue.length, this.#now().monotonicMs);
    const shown = queue.slice(0, REQUEST_ROWS_MAX);
    return shown.flatMap(({ requestId, modelId }) => [keyOf(REQUEST, requestId), keyOf(MODEL, modelId)]);
  }

  /** A model that comes up for the first time takes its place among those that did. */
  #modelOrList(modelId: string): FragmentKey {
    const isNew = this.#cards.noteStirred(this.#sources.lender.model(modelId));
    return isNew ? 'models' : keyOf(MODEL, modelId);
  }

  #now(): Moment {
    const { clock } = this.#sources;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }
}

function keyOf(kind: string, name: string): FragmentKey {
  return `${kind}:${name}`;
}

function traceKey(span: SpanName): FragmentKey {
  return `trace:${span}`;
}

function listKey(place: string): FragmentKey {
  return place === NO_MODEL ? 'arrivals' : keyOf(MODEL, place);
}

function movedFrom(place: string | undefined): readonly FragmentKey[] {
  return place === undefined ? [] : [listKey(place)];
}
