/**
 * GET /api/events: what changes, as JSON, for scripts. It begins with everything and then tells each thing's new state.
 */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { impossible } from '#src/assert.ts';
import type { Clock } from '#src/clock.ts';
import type { Bus, FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import { trackedRequest } from '#src/requests/wire.ts';
import { encodeFrame } from '#src/stream/frames.ts';
import { Changes } from './changes.ts';
import { Places } from './places.ts';
import { type LiveSource, memoryWire, modelWire, queueWire, snapshotWire } from './wire.ts';

export type EventStreamsParts = { readonly bus: Bus; readonly source: LiveSource };

const FLUSH_INTERVAL_MS = 100;
const HEARTBEAT_MS = 5_000;

const encoder = new TextEncoder();

/** All who listen. */
export class EventStreams {
  readonly #parts: EventStreamsParts;
  readonly #open = new Set<EventStream>();
  readonly #places = new Places('listeners to events');
  #isClosed = false;

  constructor(parts: EventStreamsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * A new stream; null when Flow stops. Nothing is held until somebody reads it. Throws Fault('queue-full') when there
   * are too many.
   */
  open(key: HeldKey | null = null): ReadableStream<Uint8Array> | null {
    if (this.#isClosed) return null;
    this.#places.refuseIfFull(key);
    const { bus, source } = this.#parts;
    let place: Disposable | null = null;
    const events = new EventStream(bus, source, {
      onStart: () => {
        place = this.#places.take(key);
        this.#open.add(events);
      },
      onEnd: () => {
        place?.[Symbol.dispose]();
        this.#open.delete(events);
      },
    });
    return events.stream;
  }

  /** Ends every stream, so that the server can stop. */
  close(): void {
    this.#isClosed = true;
    for (const events of [...this.#open]) events.end();
  }
}

/** The key that a request was let in with; null = the owner's. */
export type KeyOf = (request: Request) => HeldKey | null;

/** The route. */
export const eventRoutes = ({ streams, keyOf }: { streams: Pick<EventStreams, 'open'>; keyOf: KeyOf }) =>
  new Elysia({ name: 'event-routes' }).get(
    '/api/events',
    ({ request }) => {
      const stream = streams.open(keyOf(request));
      if (stream === null) throw new Fault('shutting-down', 'Flow is being stopped.', { retryAfterS: 5 });
      const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' };
      return new Response(stream, { headers });
    },
    access('read'),
  );

/**
 * One listener. Its reader sets the pace: while it does not read, changes are only marked, and it is then told the
 * newest state of each thing. Subscribed at the first read, since a client that left before would never end it.
 */
class EventStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #clock: Clock;
  readonly #source: LiveSource;
  readonly #onEnd: () => void;
  #changes: Changes | null = null;
  #count = 0;
  #flushedMs = Number.NEGATIVE_INFINITY;
  #isEnded = false;
  #wake: () => void = () => {};

  constructor(bus: Bus, source: LiveSource, { onStart, onEnd }: { onStart: () => void; onEnd: () => void }) {
    this.#source = source;
    this.#clock = source.clock;
    this.#onEnd = onEnd;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          if (this.#changes === null) {
            onStart();
            this.#changes = new Changes({ bus, onDirty: () => this.#wake() });
            controller.enqueue(encoder.encode(this.#snapshot()));
            return;
          }
          const text = await this.#next(this.#changes);
          if (text === null) controller.close();
          else controller.enqueue(encoder.encode(text));
        },
        cancel: () => this.end(),
      },
      new CountQueuingStrategy({ highWaterMark: 0 }),
    );
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#changes?.[Symbol.dispose]();
    this.#wake();
    this.#onEnd();
  }

  /** What to send next; null at the end. */
  async #next(changes: Changes): Promise<string | null> {
    const beatAtMs = this.#clock.monotonicMs() + HEARTBEAT_MS;
    while (!this.#isEnded) {
      const nowMs = this.#clock.monotonicMs();
      const flushAtMs = this.#flushedMs + FLUSH_INTERVAL_MS;
      if (changes.isDirty && nowMs >= flushAtMs) {
        const text = this.#flush(changes);
        if (text !== '') return text;
      } else if (nowMs >= beatAtMs) {
        return ': flow\n\n';
      } else {
        await this.#pause((changes.isDirty ? Math.min(flushAtMs, beatAtMs) : beatAtMs) - nowMs);
      }
    }
    return null;
  }

  /** Waits until something changes, the time is up, or the stream ends. */
  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using _timer = this.#clock.after(Math.max(0, delayMs), resolve);
    await promise;
  }

  #flush(changes: Changes): string {
    this.#flushedMs = this.#clock.monotonicMs();
    const { isResync, events } = changes.take();
    const told = events.map((event) => this.#frameOf(event)).join('');
    return isResync ? this.#snapshot() + told : told;
  }

  #snapshot(): string {
    return this.#frame('snapshot', snapshotWire(this.#source));
  }

  #frameOf(event: FlowEvent): string {
    const { fleet, tracker, settings, downloads } = this.#source;
    switch (event.type) {
      case 'request-changed': {
        const view = tracker.find(event.requestId);
        return view === null ? '' : this.#frame('request', trackedRequest(view));
      }
      case 'request-removed':
        return this.#frame('request-removed', { request_id: event.requestId });
      case 'model-added':
      case 'model-changed': {
        const model = fleet().models.find(({ modelId }) => modelId === event.modelId);
        return model === undefined ? '' : this.#frame('model', modelWire(model, this.#clock));
      }
      case 'model-removed':
        return this.#frame('model-removed', { model_id: event.modelId });
      case 'queue-changed':
        return this.#frame('queue', queueWire(fleet(), this.#clock));
      case 'memory-changed':
        return this.#frame('memory', memoryWire(fleet()));
      case 'settings-changed':
        return this.#frame('settings', settings());
      case 'engine-install-changed':
        return this.#frame('engine', { engine: event.engine });
      case 'download-changed': {
        const download = downloads.find(event.downloadId);
        if (download === null) return this.#frame('download-removed', { id: event.downloadId });
        return this.#frame('download', download);
      }
      case 'notice':
        return this.#frame('notice', { tone: event.tone, text: event.text });
      case 'keys-changed':
      case 'log-line':
        return '';
      default:
        return impossible(event);
    }
  }

  #frame(event: string, data: unknown): string {
    this.#count += 1;
    return encodeFrame({ event, id: String(this.#count), data: JSON.stringify(data) });
  }
}
