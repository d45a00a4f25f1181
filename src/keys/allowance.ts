/** How much a key may still ask: requests in the last minute, tokens in the present day. */
import { Fault } from '#src/faults.ts';
import type { KeyRules } from './key.ts';

const MINUTE_MS = 60_000;

/** Tokens that were used on a day of this machine, such as `2026-11-23`. */
export type DayUse = { readonly day: string; readonly tokens: number };

/** One key's use. Times are given: `monotonicMs` for the minute, `wallMs` for the day. */
export class Allowance {
  /** When each of the last requests came, as a ring: as many as a minute may hold. */
  #times: Float64Array = new Float64Array(0);
  #next = 0;
  #day: string;
  #tokens: number;
  #dayBeginsMs = 0;
  #dayEndsMs = 0;

  constructor(used: DayUse) {
    this.#day = used.day;
    this.#tokens = used.tokens;
  }

  /**
   * Counts a request in, or says why it must wait. The bound of a minute is exact; that of a day is looked at before an
   * answer, whose length nobody knows, so the last answer may go beyond it.
   */
  take({ name, requestsPerMinute, tokensPerDay }: KeyRules, monotonicMs: number, wallMs: number): Fault | null {
    if (tokensPerDay !== null && this.tokensOf(wallMs) >= tokensPerDay) {
      const leftS = Math.ceil((this.#dayEndsMs - wallMs) / 1000);
      return new Fault(
        'quota-used',
        `The key "${name}" has used its ${tokensPerDay} tokens of today (${this.#tokens}).`,
        { hint: 'It goes on at midnight; whoever manages this Flow can raise the limit.', retryAfterS: leftS },
      );
    }
    if (requestsPerMinute === null) return null;
    if (this.#times.length !== requestsPerMinute) this.#resize(requestsPerMinute);
    const oldestMs = this.#times[this.#next] ?? Number.NEGATIVE_INFINITY;
    const waitMs = oldestMs + MINUTE_MS - monotonicMs;
    if (waitMs > 0) {
      return new Fault('rate-limited', `The key "${name}" may ask ${requestsPerMinute} times a minute.`, {
        hint: 'Wait a moment; whoever manages this Flow can raise the limit.',
        retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)),
      });
    }
    this.#times[this.#next] = monotonicMs;
    this.#next = (this.#next + 1) % requestsPerMinute;
    return null;
  }

  /** Adds what an answer took. */
  spend(tokens: number, wallMs: number): void {
    this.#tokens = this.tokensOf(wallMs) + tokens;
  }

  /** Tokens of the day that it is. */
  tokensOf(wallMs: number): number {
    // A clock that was a year ahead, and is set right, must not make this day last for a year.
    if (wallMs >= this.#dayEndsMs || wallMs < this.#dayBeginsMs) this.#turn(wallMs);
    return this.#tokens;
  }

  /** For keeping. */
  use(wallMs: number): DayUse {
    return { tokens: this.tokensOf(wallMs), day: this.#day };
  }

  #turn(wallMs: number): void {
    const day = dayOf(wallMs);
    if (day !== this.#day) this.#tokens = 0;
    this.#day = day;
    // By the calendar: of a day when the clocks change, the hours are not 24.
    this.#dayBeginsMs = new Date(wallMs).setHours(0, 0, 0, 0);
    this.#dayEndsMs = new Date(wallMs).setHours(24, 0, 0, 0);
  }

  /** Another limit: the requests of the last minute still count, as far as they fit. */
  #resize(size: number): void {
    const before = [...this.#times.slice(this.#next), ...this.#times.slice(0, this.#next)];
    const kept = before.filter((atMs) => atMs > Number.NEGATIVE_INFINITY).slice(-size);
    this.#times = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    this.#times.set(kept, 0);
    this.#next = kept.length % size;
  }
}

/** The calendar day here. */
function dayOf(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
