/**
 * Whose request of one model is next. Callers (keys; without keys, programs) take turns: in each round everybody who
 * waits is served once, so a caller that floods a model delays another one's request by one of its own, not by all of
 * them. Among the requests of one caller it is first come, first served, and with a single caller it is nothing else.
 *
 * Whoever was served in this round goes to the next one also when it comes back with a new request, and whoever was not
 * joins this one at its end. So nobody is overtaken twice by the same caller. A round has an end however many new
 * callers come: a program may call itself something else each time.
 */
import { Line, type Place } from './line.ts';

/** Callers that are served in one round at most. */
const ROUND_MAX = 100;

/** Something that waits, and whose it is. */
export type Claim = { readonly caller: string };

type Spot<Item> = { readonly lane: Lane<Item>; readonly place: Place<Item> };

/** The order of service. Joining, leaving and taking cost O(1) each, however many wait. */
export class Rounds<Item extends Claim> {
  readonly #lanes = new Map<string, Lane<Item>>();
  readonly #spots = new Map<Item, Spot<Item>>();
  readonly #served = new Set<string>();
  #present = new Line<Lane<Item>>();
  #next = new Line<Lane<Item>>();

  get length(): number {
    return this.#spots.size;
  }

  /** How many claims of this caller wait. */
  countOf(caller: string): number {
    return this.#lanes.get(caller)?.line.length ?? 0;
  }

  join(item: Item): void {
    const lane = this.#lanes.get(item.caller) ?? this.#laneFor(item.caller);
    this.#spots.set(item, { lane, place: lane.line.join(item) });
  }

  /** Takes it out; false when it does not wait here. */
  leave(item: Item): boolean {
    const spot = this.#spots.get(item);
    if (!spot) return false;
    this.#spots.delete(item);
    spot.lane.line.leave(spot.place);
    if (spot.lane.line.length === 0) this.#close(spot.lane);
    return true;
  }

  /** Takes out whoever is next; null when nobody waits. */
  take(): Item | null {
    if (this.#present.length === 0 || this.#served.size >= ROUND_MAX) this.#beginRound();
    const lane = this.#present.first;
    const item = lane?.line.first ?? null;
    if (lane === null || item === null) return null;
    this.leave(item);
    this.#served.add(lane.caller);
    if (lane.line.length > 0) lane.move(this.#next);
    return item;
  }

  /** Everybody, in the order in which they will be served if nobody comes or goes. */
  inOrder(): readonly Item[] {
    const lines = [...this.#present, ...this.#next].map(({ line }) => line);
    if (lines.length === 1) return [...(lines[0] ?? [])];
    const order: Item[] = [];
    // Whoever has a turn left in this round has one in each that follows, but behind those of the next one.
    let turns = [...this.#present].map(({ line }) => line[Symbol.iterator]());
    const later = [...this.#next].map(({ line }) => line[Symbol.iterator]());
    for (let isFirst = true; turns.length > 0 || isFirst; isFirst = false) {
      turns = turns.filter((turn) => {
        const { value } = turn.next();
        if (value !== undefined) order.push(value);
        return value !== undefined;
      });
      if (isFirst) turns = [...later, ...turns];
    }
    return order;
  }

  #laneFor(caller: string): Lane<Item> {
    const round = this.#served.has(caller) ? this.#next : this.#present;
    const lane = new Lane<Item>(caller, round);
    this.#lanes.set(caller, lane);
    return lane;
  }

  #close(lane: Lane<Item>): void {
    this.#lanes.delete(lane.caller);
    lane.quit();
  }

  /** Those who were served stand behind those who were not. */
  #beginRound(): void {
    this.#served.clear();
    if (this.#present.length === 0) [this.#present, this.#next] = [this.#next, this.#present];
    else for (const lane of [...this.#next]) lane.move(this.#present);
  }
}

/** The claims of one caller, and its place in a round. */
class Lane<Item> {
  readonly caller: string;
  readonly line = new Line<Item>();
  #round: Line<Lane<Item>>;
  #place: Place<Lane<Item>>;

  constructor(caller: string, round: Line<Lane<Item>>) {
    this.caller = caller;
    this.#round = round;
    this.#place = round.join(this);
  }

  /** Gives up its place. */
  quit(): void {
    this.#round.leave(this.#place);
  }

  /** To the end of that round. */
  move(round: Line<Lane<Item>>): void {
    this.quit();
    this.#round = round;
    this.#place = round.join(this);
  }
}
