/** Time that passes only when a test says so. Timers fire in the order of their deadlines, then of their arming. */
import { assert } from '#src/assert.ts';
import type { Clock, Timer } from '#src/clock.ts';

type Armed = { readonly atMs: number; readonly order: number; readonly action: () => void };

/** A `Clock` for tests: `advance` passes time and fires what falls due, each timer at its own instant. */
export class FakeClock implements Clock {
  readonly #armed = new Set<Armed>();
  #wallStartMs: number;
  #nowMs = 0;
  #order = 0;

  constructor(wallStartMs = 1_750_000_000_000) {
    this.#wallStartMs = wallStartMs;
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    assert(delayMs >= 0, 'a delay of 0 or more');
    // The real one fires at once when asked for more.
    assert(delayMs < 2 ** 31, 'a delay that a timer can wait for');
    return this.#arm(this.#nowMs + delayMs, action);
  }

  every(intervalMs: number, action: () => void): Timer {
    assert(intervalMs > 0, 'an interval above 0');
    let current: Timer | null = null;
    const next = (): void => {
      current = this.#arm(this.#nowMs + intervalMs, () => {
        next();
        action();
      });
    };
    next();
    return { [Symbol.dispose]: () => current?.[Symbol.dispose]() };
  }

  /** Lets `ms` pass, firing every timer that falls due on the way, also those armed meanwhile. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let due = this.#first(untilMs); due !== null; due = this.#first(untilMs)) {
      this.#armed.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.action();
    }
    this.#nowMs = untilMs;
  }

  /** Lets `ms` pass without anybody noticing, as in a process that is stopped: what fell due fires late. */
  sleep(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the wall clock forward or back; the monotonic one goes on as it did. */
  jump(ms: number): void {
    this.#wallStartMs += ms;
  }

  /** Jumps to the next deadline and fires it; false when no timer is armed. */
  advanceToNext(): boolean {
    const due = this.#first(Number.POSITIVE_INFINITY);
    if (due === null) return false;
    this.advance(Math.max(0, due.atMs - this.#nowMs));
    return true;
  }

  /** How many timers are armed. */
  get armedCount(): number {
    return this.#armed.size;
  }

  #arm(atMs: number, action: () => void): Timer {
    const armed: Armed = { atMs, order: this.#order++, action };
    this.#armed.add(armed);
    return { [Symbol.dispose]: () => void this.#armed.delete(armed) };
  }

  #first(untilMs: number): Armed | null {
    let first: Armed | null = null;
    for (const armed of this.#armed) {
      if (armed.atMs > untilMs) continue;
      if (first === null || armed.atMs < first.atMs || (armed.atMs === first.atMs && armed.order < first.order)) {
        first = armed;
      }
    }
    return first;
  }
}
