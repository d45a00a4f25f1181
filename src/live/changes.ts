/**
 * What one listener has still to be told: things, not their history, so that it stays small however slow the listener.
 */
import { impossible } from '#src/assert.ts';
import type { Bus, FlowEvent } from '#src/events.ts';

export type Pending = {
  /** More changed than was worth remembering: the listener needs everything anew. */
  readonly isResync: boolean;
  /** One event a thing, in the order in which the things first changed. */
  readonly events: readonly FlowEvent[];
};

export type ChangesParts = {
  readonly bus: Bus;
  /** Called when the first thing has changed since the last `take`. */
  readonly onDirty: () => void;
};

const THINGS_MAX = 1_000;
/** Notices are not the state of anything, so each counts as a thing of its own; only the last ones are kept. */
const NOTICES_MAX = 50;

/** Listens from its making until disposed. */
export class Changes implements Disposable {
  readonly #parts: ChangesParts;
  readonly #pending = new Map<string, FlowEvent>();
  readonly #unsubscribe: () => void;
  #isResync = false;
  #noticeCount = 0;

  constructor(parts: ChangesParts) {
    this.#parts = parts;
    this.#unsubscribe = parts.bus.subscribe((event) => this.#note(event));
  }

  get isDirty(): boolean {
    return this.#isResync || this.#pending.size > 0;
  }

  /** All that is pending, which then is no more. */
  take(): Pending {
    const pending: Pending = { isResync: this.#isResync, events: [...this.#pending.values()] };
    this.#pending.clear();
    this.#isResync = false;
    return pending;
  }

  [Symbol.dispose](): void {
    this.#unsubscribe();
    this.#pending.clear();
  }

  #note(event: FlowEvent): void {
    const key = this.#keyOf(event);
    if (key === null || (this.#isResync && event.type !== 'notice')) return;
    const wasClean = !this.isDirty;
    this.#pending.set(key, event);
    if (this.#pending.size > THINGS_MAX) {
      this.#pending.clear();
      this.#isResync = true;
    }
    if (wasClean) this.#parts.onDirty();
  }

  /** A thing that changes and then goes is told only as gone, so both share a key. */
  #keyOf(event: FlowEvent): string | null {
    switch (event.type) {
      case 'request-changed':
      case 'request-removed':
        return `request:${event.requestId}`;
      case 'model-changed':
      case 'model-added':
      case 'model-removed':
        return `model:${event.modelId}`;
      case 'engine-install-changed':
        return `engine:${event.engine}`;
      case 'download-changed':
        return `download:${event.downloadId}`;
      case 'queue-changed':
      case 'memory-changed':
      case 'settings-changed':
        return event.type;
      case 'notice':
        this.#noticeCount += 1;
        return `notice:${this.#noticeCount % NOTICES_MAX}`;
      // Lines are many and have a stream of their own; keys are only for those who manage.
      case 'keys-changed':
      case 'log-line':
        return null;
      default:
        return impossible(event);
    }
  }
}
