/**
 * Keeps open pages true. Things that changed are marked; at most ten times a second each marked thing is rendered once,
 * whatever the number of browsers, and sent to all. A browser that reads slowly gets the newest state of each thing,
 * not
 * its history; one that connects gets everything. Nothing is rendered while nobody looks.
 */
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';

/** Names one fragment, for example `memory` or `request:0123456789ab`. */
export type FragmentKey = string;

/** Turns keys into markup from the present state. */
export interface Fragments {
  /** `<hx-partial>` for a key; '' when the thing is gone and something else will say so. */
  render(key: FragmentKey): string;
  /** Every key of which a new browser needs the state. */
  all(): readonly FragmentKey[];
  /** Whether no other key's markup contains this one's. Only then is equal markup not sent twice. */
  isAlone(key: FragmentKey): boolean;
}

export type FeedsParts = {
  readonly fragments: Fragments;
  readonly clock: Clock;
  /** Told to each browser first, so that a page of another version can offer to reload. */
  readonly version: string;
  /** A notice for each browser that connects, as the data of its event: what was said before any page was open. */
  readonly standingNotice?: string | null;
  /** Told of a fragment that could not be rendered; the others are sent all the same. */
  readonly log: (cause: unknown) => void;
};

const RENDER_INTERVAL_MS = 100;
/** The page says "reconnecting" after 8 s of silence. */
const HEARTBEAT_INTERVAL_MS = 5_000;
const BACKLOG_BYTES_MAX = 256 * 1024;
const FEEDS_MAX = 256;

const encoder = new TextEncoder();

/** All open browsers. */
export class Feeds {
  readonly #parts: FeedsParts;
  readonly #feeds = new Set<Feed>();
  readonly #dirty = new Set<FragmentKey>();
  /** What was sent last of the keys that stand alone: a thing that only seemed to change costs nothing. */
  readonly #latest = new Map<FragmentKey, string>();
  #flushTimer: Timer | null = null;
  #heartbeat: Timer | null = null;
  #isClosed = false;

  constructor(parts: FeedsParts) {
    this.#parts = parts;
  }

  /** How many browsers are connected. */
  get size(): number {
    return this.#feeds.size;
  }

  /** Says that a thing changed. Cheap; may be called for every token. */
  touch(key: FragmentKey): void {
    if (this.#feeds.size === 0) return;
    this.#dirty.add(key);
    this.#flushTimer ??= this.#parts.clock.after(RENDER_INTERVAL_MS, () => this.#flush());
  }

  /** Sends a named event without markup to every browser. */
  announce(name: string, data: string): void {
    const frame = encoder.encode(eventFrame(name, data));
    for (const feed of this.#feeds) feed.send(frame);
  }

  /** Connects a browser: its stream begins with the state of everything. Null when too many are connected. */
  open(): ReadableStream<Uint8Array> | null {
    if (this.#isClosed || this.#feeds.size >= FEEDS_MAX) return null;
    const feed = new Feed(
      (keys) => this.#frameOf(keys),
      () => this.#remove(feed),
    );
    this.#feeds.add(feed);
    this.#heartbeat ??= this.#parts.clock.every(HEARTBEAT_INTERVAL_MS, () => this.announce('beat', ''));
    feed.send(encoder.encode(eventFrame('hello', this.#parts.version)));
    feed.send(this.#frameOf(this.#parts.fragments.all()));
    const { standingNotice } = this.#parts;
    if (standingNotice) feed.send(encoder.encode(eventFrame('notice', standingNotice)));
    return feed.stream;
  }

  /** Ends every connection and takes no new one. */
  close(): void {
    this.#isClosed = true;
    for (const feed of [...this.#feeds]) feed.end();
  }

  #flush(): void {
    this.#flushTimer = null;
    const keys = [...this.#dirty];
    this.#dirty.clear();
    if (this.#feeds.size === 0) return;
    const rendered = keys.map((key) => ({ key, markup: this.#markupOf(key) }));
    const changed = rendered.filter(({ key, markup }) => markup !== '' && this.#isNew(key, markup));
    if (changed.length === 0) return;
    const frame = encoder.encode(messageFrame(changed.map(({ markup }) => markup).join('')));
    for (const feed of this.#feeds) feed.offer(changed, frame);
  }

  #isNew(key: FragmentKey, markup: string): boolean {
    if (!this.#parts.fragments.isAlone(key)) return true;
    if (this.#latest.get(key) === markup) return false;
    this.#latest.set(key, markup);
    return true;
  }

  #frameOf(keys: readonly FragmentKey[]): Uint8Array {
    const markup = keys.map((key) => this.#markupOf(key)).join('');
    return encoder.encode(markup === '' ? '' : messageFrame(markup));
  }

  #markupOf(key: FragmentKey): string {
    try {
      return this.#parts.fragments.render(key);
    } catch (cause) {
      this.#parts.log(cause);
      return '';
    }
  }

  #remove(feed: Feed): void {
    this.#feeds.delete(feed);
    if (this.#feeds.size > 0) return;
    this.#heartbeat?.[Symbol.dispose]();
    this.#heartbeat = null;
    this.#flushTimer?.[Symbol.dispose]();
    this.#flushTimer = null;
    this.#dirty.clear();
    this.#latest.clear();
  }
}

/** One browser. */
class Feed {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #frameOf: (keys: readonly FragmentKey[]) => Uint8Array;
  readonly #onGone: () => void;
  /** What it still has to be told, once it has read what it was sent. */
  readonly #owed = new Set<FragmentKey>();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(frameOf: (keys: readonly FragmentKey[]) => Uint8Array, onGone: () => void) {
    this.#frameOf = frameOf;
    this.#onGone = onGone;
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: BACKLOG_BYTES_MAX });
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#settleDebts(),
        cancel: () => this.#forget(),
      },
      strategy,
    );
    assert(this.#controller !== null, 'a stream that starts at once');
  }

  /** Sends a frame that all browsers share, or remembers its keys when this one is behind. */
  offer(changed: readonly { readonly key: FragmentKey }[], frame: Uint8Array): void {
    if (this.#isBehind()) {
      for (const { key } of changed) this.#owed.add(key);
      return;
    }
    this.send(frame);
  }

  /** Sends a frame if there is room; a heartbeat or notice that finds none is dropped. */
  send(frame: Uint8Array): void {
    if (frame.byteLength > 0 && !this.#isBehind()) this.#controller?.enqueue(frame);
  }

  end(): void {
    this.#controller?.close();
    this.#forget();
  }

  #isBehind(): boolean {
    return this.#owed.size > 0 || (this.#controller?.desiredSize ?? 0) <= 0;
  }

  #settleDebts(): void {
    if (this.#owed.size === 0) return;
    const keys = [...this.#owed];
    this.#owed.clear();
    this.send(this.#frameOf(keys));
  }

  #forget(): void {
    this.#controller = null;
    this.#owed.clear();
    this.#onGone();
  }
}

/** Markup as one unnamed message. Every kind of line end splits a field, so each line gets its own. */
export function messageFrame(markup: string): string {
  return `${dataLines(markup)}\n\n`;
}

/** A named event, which pages receive as a DOM event. */
export function eventFrame(name: string, data: string): string {
  return `event: ${name}\n${dataLines(data)}\n\n`;
}

function dataLines(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n');
}
