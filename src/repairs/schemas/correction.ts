/** What the model is told when an answer of its is not what was asked for. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';

/** A call of the answer, and what it is told about it. */
export type JudgedCall = {
  readonly name: string;
  /** Its arguments, as the model wrote them. */
  readonly json: string;
  readonly verdict: string;
};

/** An answer that should be corrected: what the model said so far, and what was wrong with it. */
export type Correction = {
  readonly text: string;
  readonly thinking: string;
  /** All calls of the answer, in order. */
  readonly calls: readonly JudgedCall[];
  /** What is said to the whole answer; null when each call has its verdict. */
  readonly wish: string | null;
  /** The engine's counts, which the client has not been told. */
  readonly counts: Extract<StreamEvent, { type: 'usage' }> | null;
  /** Hands on what was held back, as the model wrote it, and ends the answer: asking again came to nothing. */
  handOn(): void;
};
