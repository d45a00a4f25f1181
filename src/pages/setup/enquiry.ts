/** A question that takes seconds, asked beside the pages: they show what is known, and hear when that changes. */
import type { Clock } from '#src/clock.ts';
import { asFault } from '#src/faults.ts';

/** What is known of the answer. */
export type Known<Answer> =
  | { readonly phase: 'asking' }
  | { readonly phase: 'known'; readonly answer: Answer }
  | { readonly phase: 'trouble'; readonly message: string; readonly hint: string | null };

export type EnquiryParts<Answer> = {
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
  /** A question that takes longer is given up. */
  readonly withinMs: number;
  /** After so long an answer is asked for anew, when somebody looks. */
  readonly keptMs: number;
  /** After so long a refusal is. */
  readonly retryMs: number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly onChange: () => void;
};

/** Asks when somebody looks, one question at a time. */
export class Enquiry<Answer> {
  readonly #parts: EnquiryParts<Answer>;
  #known: Known<Answer> = { phase: 'asking' };
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #asking: AbortController | null = null;

  constructor(parts: EnquiryParts<Answer>) {
    this.#parts = parts;
  }

  /** What is known now; asks in the background when that is too old. */
  look(): Known<Answer> {
    if (this.#asking === null && this.#parts.clock.monotonicMs() >= this.#validUntilMs) void this.#ask();
    return this.#known;
  }

  /** What is known is not true any more: the next look asks anew. */
  expire(): void {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Ends a question that is under way. */
  close(): void {
    this.#asking?.abort();
  }

  async #ask(): Promise<void> {
    const { ask, withinMs, keptMs, retryMs, clock, onChange } = this.#parts;
    const asking = new AbortController();
    this.#asking = asking;
    // An answer to a question that was put before `expire` is kept only if nothing expired meanwhile.
    this.#validUntilMs = Number.POSITIVE_INFINITY;
    try {
      const answer = await ask(AbortSignal.any([asking.signal, AbortSignal.timeout(withinMs)]));
      this.#settle({ phase: 'known', answer }, clock.monotonicMs() + keptMs);
    } catch (cause) {
      const { message, hint } = asFault(cause);
      this.#settle({ phase: 'trouble', message, hint }, clock.monotonicMs() + retryMs);
    }
    this.#asking = null;
    if (!asking.signal.aborted) onChange();
  }

  #settle(known: Known<Answer>, validUntilMs: number): void {
    this.#known = known;
    if (this.#validUntilMs === Number.POSITIVE_INFINITY) this.#validUntilMs = validUntilMs;
  }
}
