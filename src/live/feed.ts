/**
 * Keeps open pages true. Things that changed are marked; at most ten times a second each marked thing is rendered once,
 * whatever the number of browsers, and sent to all that look at its topic. A browser that reads slowly gets the newest
 * state of each thing, not its history; one that connects gets everything. Nothing is rendered while nobody looks.
 */
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import { Places } from './places.ts';

/** What a page looks at: `shell` stands on every page, the others are the pages' own names. */
export type Topic = string;

/** Names one fragment within its topic, for example `memory` or `request:0123456789ab`. */
export type FragmentKey = string;

/** Turns the keys of one topic into markup from the present state. */
export interface Fragments {
  /** `<hx-partial>` for a key; '' when the thing is gone and something else will say so. */
  render(key: FragmentKey): string;
  /** Every key of which a new browser needs the state. */
  all(): readonly FragmentKey[];
  /** Whether no other key's markup contains this one's. Only then is equal markup not sent twice. */
  isAlone(key: FragmentKey): boolean;
}

/** Topics of which there is one for each of many things, such as `chat:<id>`: made when somebody first looks. */
export interface TopicFamily {
  /** The topic of one thing by the part of its name behind the colon; null when there is no such thing. */
  open(name: string): Fragments | null;
}

export type FeedsParts = {
  readonly topics: ReadonlyMap<Topic, Fragments>;
  /** By the part of the name before the colon. */
  readonly families?: ReadonlyMap<string, TopicFamily>;
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

const encoder = new TextEncoder();

/** All open browsers. */
export class Feeds {
  readonly #parts: FeedsParts;
  readonly #feeds = new Set<Feed>();
  readonly #rooms: Map<Topic, Room>;
  readonly #places = new Places('pages');
  #flushTimer: Timer | null = null;
  #heartbeat: Timer | null = null;
  #isClosed = false;

  constructor(parts: FeedsParts) {
    this.#parts = parts;
    const rooms = [...parts.topics].map(
      ([topic, fragments]) => [topic, new Room(topic, fragments, parts.log)] as const,
    );
    this.#rooms = new Map(rooms);
  }

  /** How many browsers are connected. */
  get size(): number {
    return this.#feeds.size;
  }

  /** Whether there is such a topic. */
  knows(topic: Topic): boolean {
    return this.#rooms.has(topic) || this.#openFamilyTopic(topic) !== null;
  }

  /** Whether somebody looks at it now. */
  isLookedAt(topic: Topic): boolean {
    return (this.#rooms.get(topic)?.lookers ?? 0) > 0;
  }

  /** Says that a thing changed in every topic of a family that somebody looks at. */
  touchFamily(family: string, key: FragmentKey): void {
    for (const topic of this.#rooms.keys()) {
      if (topic.startsWith(`${family}:`)) this.touch(topic, key);
    }
  }

  /** Says that a thing changed. Cheap; may be called for every token. */
  touch(topic: Topic, key: FragmentKey): void {
    const room = this.#rooms.get(topic);
    assert(room !== undefined || topic.includes(':'), `a topic ${topic}`);
    if (room === undefined || room.lookers === 0) return;
    room.dirty.add(key);
    this.#flushTimer ??= this.#parts.clock.after(RENDER_INTERVAL_MS, () => this.#flush());
  }

  /** Sends a named event without markup to every browser. */
  announce(name: string, data: string): void {
    const frame = encoder.encode(eventFrame(name, data));
    for (const feed of this.#feeds) feed.send(frame);
  }

  /**
   * Connects a browser that looks at these topics, with its key: its stream begins with the state of everything in
   * them. Null when Flow stops. Throws Fault('queue-full') when too many are connected.
   */
  open(topics: readonly Topic[], key: HeldKey | null = null): ReadableStream<Uint8Array> | null {
    if (this.#isClosed) return null;
    this.refuseIfFull(key);
    const place = this.#places.take(key);
    const rooms = topics.flatMap((topic) => this.#room(topic) ?? []);
    const feed = new Feed(rooms, () => {
      place[Symbol.dispose]();
      this.#remove(feed);
    });
    this.#feeds.add(feed);
    for (const room of rooms) room.lookers += 1;
    this.#heartbeat ??= this.#parts.clock.every(HEARTBEAT_INTERVAL_MS, () => this.announce('beat', ''));
    feed.send(encoder.encode(eventFrame('hello', this.#parts.version)));
    feed.send(frameOf(rooms.map((room) => room.whole()).join('')));
    const { standingNotice } = this.#parts;
    if (standingNotice) feed.send(encoder.encode(eventFrame('notice', standingNotice)));
    return feed.stream;
  }

  /** Throws Fault('queue-full') when one more with this key would be refused. */
  refuseIfFull(key: HeldKey | null): void {
    this.#places.refuseIfFull(key);
  }

  /** Ends every connection and takes no new one. */
  close(): void {
    this.#isClosed = true;
    for (const feed of [...this.#feeds]) feed.end();
  }

  #room(topic: Topic): Room | null {
    const held = this.#rooms.get(topic);
    if (held) return held;
    const fragments = this.#openFamilyTopic(topic);
    if (fragments === null) return null;
    const room = new Room(topic, fragments, this.#parts.log);
    this.#rooms.set(topic, room);
    return room;
  }

  #openFamilyTopic(topic: Topic): Fragments | null {
    const colon = topic.indexOf(':');
    if (colon < 0) return null;
    return this.#parts.families?.get(topic.slice(0, colon))?.open(topic.slice(colon + 1)) ?? null;
  }

  #flush(): void {
    this.#flushTimer = null;
    const news = new Map([...this.#rooms.values()].map((room) => [room, room.news()]));
    // Browsers that look at the same rooms share one frame.
    const frames = new Map<string, Uint8Array>();
    for (const feed of this.#feeds) {
      const changed = feed.rooms.flatMap((room) => news.get(room) ?? []);
      if (changed.length === 0) continue;
      const frame = frames.get(feed.signature) ?? frameOf(changed.map(({ markup }) => markup).join(''));
      frames.set(feed.signature, frame);
      feed.offer(changed, frame);
    }
  }

  #remove(feed: Feed): void {
    if (!this.#feeds.delete(feed)) return;
    for (const room of feed.rooms) {
      room.leave();
      if (room.lookers === 0 && room.topic.includes(':')) this.#rooms.delete(room.topic);
    }
    if (this.#feeds.size > 0) return;
    this.#heartbeat?.[Symbol.dispose]();
    this.#heartbeat = null;
    this.#flushTimer?.[Symbol.dispose]();
    this.#flushTimer = null;
  }
}

/** One changed thing, rendered. */
type Change = { readonly room: Room; readonly key: FragmentKey; readonly markup: string };

/** One topic: what in it is stale, and how many look at it. */
class Room {
  readonly topic: Topic;
  readonly dirty = new Set<FragmentKey>();
  lookers = 0;
  readonly #fragments: Fragments;
  readonly #log: (cause: unknown) => void;
  /** What was sent last of the keys that stand alone: a thing that only seemed to change costs nothing. */
  readonly #latest = new Map<FragmentKey, string>();

  constructor(topic: Topic, fragments: Fragments, log: (cause: unknown) => void) {
    this.topic = topic;
    this.#fragments = fragments;
    this.#log = log;
  }

  /** The state of everything, for one who comes now. */
  whole(): string {
    return this.#fragments
      .all()
      .map((key) => this.#anew(key))
      .join('');
  }

  /** What has changed since it was last asked. */
  news(): readonly Change[] {
    const keys = [...this.dirty];
    this.dirty.clear();
    if (this.lookers === 0) return [];
    return keys
      .map((key) => ({ room: this, key, markup: this.render(key) }))
      .filter(({ key, markup }) => markup !== '' && this.#isNew(key, markup));
  }

  render(key: FragmentKey): string {
    try {
      return this.#fragments.render(key);
    } catch (cause) {
      this.#log(cause);
      return '';
    }
  }

  leave(): void {
    this.lookers -= 1;
    if (this.lookers > 0) return;
    this.dirty.clear();
    this.#latest.clear();
  }

  /** Who comes may be told what the others were not told yet: then neither has what was sent last. */
  #anew(key: FragmentKey): string {
    const markup = this.render(key);
    if (this.#latest.get(key) !== markup) this.#latest.delete(key);
    return markup;
  }

  #isNew(key: FragmentKey, markup: string): boolean {
    if (!this.#fragments.isAlone(key)) return true;
    if (this.#latest.get(key) === markup) return false;
    this.#latest.set(key, markup);
    return true;
  }
}

/** One browser. */
class Feed {
  readonly stream: ReadableStream<Uint8Array>;
  readonly rooms: readonly Room[];
  /** The same for all that look at the same. */
  readonly signature: string;
  readonly #onGone: () => void;
  /** What it still has to be told, once it has read what it was sent. */
  readonly #owed = new Map<string, { readonly room: Room; readonly key: FragmentKey }>();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(rooms: readonly Room[], onGone: () => void) {
    this.rooms = rooms;
    this.signature = rooms.map(({ topic }) => topic).join(' ');
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
  offer(changed: readonly Change[], frame: Uint8Array): void {
    if (this.#isBehind()) {
      for (const { room, key } of changed) this.#owed.set(`${room.topic} ${key}`, { room, key });
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
    const owed = [...this.#owed.values()];
    this.#owed.clear();
    this.send(frameOf(owed.map(({ room, key }) => room.render(key)).join('')));
  }

  #forget(): void {
    this.#controller = null;
    this.#owed.clear();
    this.#onGone();
  }
}

function frameOf(markup: string): Uint8Array {
  return encoder.encode(markup === '' ? '' : messageFrame(markup));
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
