/** A repair as a machine in the stream: events in, events out. Pure, and as fast as a token is short. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import type { Json } from '#src/json.ts';
import type { RepairSwitches } from '#src/models/behaviour.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { RepairKind, RepairUse } from '#src/requests/request.ts';
import type { Correction } from './schemas/correction.ts';

/** Takes what a stage hands on: the next stage, at last the encoder. */
export type Sink = (event: StreamEvent) => void;

/**
 * One repair of one answer. It hands on to its sink, at once or later, what it makes of each event. To leave an event
 * alone is to hand on the very same object: what every stage leaves alone goes to the client byte for byte.
 *
 * The last event of an answer is `finish` or `fault`: what is held back must be handed on before it. A stage that hands
 * on a `finish` of its own ends the answer there; the engine is then stopped, and nothing more is pushed.
 */
export interface Stage {
  push(event: StreamEvent): void;
}

/**
 * What an answer must be, where the engine cannot be held to it: a call of one of the tools, JSON, or anything at all,
 * where there are tools and the engine's parser may have lost the call that was the answer.
 */
export type AskedForm =
  | { readonly kind: 'call'; readonly tools: readonly string[] }
  | { readonly kind: 'json'; readonly schema: Json }
  | { readonly kind: 'answer'; readonly hasLostCall: () => boolean };

/** What the repairs of one answer may know. */
export type RepairContext = {
  /** Makes ids for calls to which no engine gave one. */
  readonly requestId: string;
  /** The tools of the request as the client sent them, before any schema was relaxed; empty = none were offered. */
  readonly tools: readonly ChatTool[];
  readonly traits: ModelTraits;
  readonly switches: RepairSwitches;
  /** Tokens of text and calls after which the answer is cut with `length`; null = the engine's own limit does. */
  readonly answerTokensMax: number | null;
  /** The schemas, by tool name, that were relaxed for the engine's grammar: these calls are checked by Flow. */
  readonly relaxed: ReadonlyMap<string, Json>;
  /** Strings at which Flow ends the answer; empty = the engine does, or there are none. */
  readonly stopStrings: readonly string[];
  /** What the answer must be; null = anything, or the engine sees to it. */
  readonly form: AskedForm | null;
  /** What was mended in this model's earlier answers: an ambiguous format once seen is expected from then on. */
  readonly seen: ReadonlySet<RepairKind>;
  /** The engine parses thoughts itself, so that text is text unless something else is known. */
  readonly splitsThoughts: boolean;
  /** The request asks for an answer without thoughts. */
  readonly isThinkingOff: boolean;
  /**
   * Takes what the model should be told about its calls, so that it is asked once more; false = it will not be, now or
   * any more. Absent when it cannot be.
   */
  readonly askAgain?: (correction: Correction) => boolean;
  /** Records a repair, with before and after. */
  readonly report: (use: RepairUse) => void;
};
