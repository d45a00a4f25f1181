/**
 * How many tokens a thinking model may spend, so that an answer comes: thinking must not use up what the caller gave
 * for the answer. Local models think for thousands of tokens, and many callers' `max_tokens` was made for models that
 * do not think: asked for 60, such a model would end in the middle of its thoughts. Pure.
 *
 * The engine gets `totalTokens` as its limit and `thinkingTokens` as the budget after which it closes the thought; Flow
 * itself ends the answer after `answerTokensMax`.
 */

/** What is asked for. */
export type RoomWish = {
  /** The caller's `max_tokens`; null = no limit. */
  readonly limitTokens: number | null;
  /** The budget of thought; null = none was given. */
  readonly budgetTokens: number | null;
  /** The caller gave that budget itself: where it lies within the limit, the limit means both together. */
  readonly isCallersBudget: boolean;
  /** Tokens of one conversation; null = unknown. */
  readonly contextTokens: number | null;
  /** About how many of them the prompt takes. */
  readonly promptTokens: number;
  /** Flow can end the answer itself; else no more than the limit may be asked for. */
  readonly canCut: boolean;
};

export type Room = {
  /** The engine's limit of thinking and answer together; null = none. */
  readonly totalTokens: number | null;
  /** The engine's budget of thought; null = none. */
  readonly thinkingTokens: number | null;
  /** Where Flow ends the answer; null = the engine's limit does. */
  readonly answerTokensMax: number | null;
};

/** Room for thoughts beside a small limit, when nobody said how much. */
const THINKING_ROOM_TOKENS = 4096;
/** Of a large limit, an answer keeps at least this much, or a quarter if that is more. */
const ANSWER_ROOM_TOKENS = 4096;
const ANSWER_RATIO = 0.25;
/** However full the context: a thought of fewer tokens helps nobody. */
const THINKING_TOKENS_MIN = 256;

/**
 * Divides the room. A limit of 500 becomes 500 for the answer and 4,096 for thinking; of 32,000, thinking may use
 * 24,000. The engine is never asked for more than the caller's limit or what thinking and answer need together, if that
 * is more.
 */
export function thinkingRoom(wish: RoomWish): Room {
  const { limitTokens, budgetTokens, canCut } = wish;
  if (limitTokens === null) return { totalTokens: null, thinkingTokens: unlimited(wish), answerTokensMax: null };
  const share = answerShare(limitTokens);
  const isWithin = wish.isCallersBudget && budgetTokens !== null && budgetTokens < limitTokens;
  if (isWithin || !canCut) {
    const freeTokens = free(wish, share) ?? Number.POSITIVE_INFINITY;
    const thinkingTokens = Math.min(budgetTokens ?? limitTokens, limitTokens - share, freeTokens);
    return { totalTokens: limitTokens, thinkingTokens, answerTokensMax: null };
  }
  const answerTokens = Math.min(limitTokens, Math.max(ANSWER_ROOM_TOKENS, share));
  const freeTokens = free(wish, answerTokens) ?? Number.POSITIVE_INFINITY;
  const roomTokens = Math.min(budgetTokens ?? THINKING_ROOM_TOKENS, freeTokens);
  if (answerTokens + roomTokens > limitTokens) {
    return { totalTokens: answerTokens + roomTokens, thinkingTokens: roomTokens, answerTokensMax: limitTokens };
  }
  const thinkingTokens = Math.min(budgetTokens ?? limitTokens, limitTokens - answerTokens, freeTokens);
  return { totalTokens: limitTokens, thinkingTokens, answerTokensMax: null };
}

/** The part of a limit that stays the answer's, however long is thought. */
export function answerShare(limitTokens: number): number {
  return Math.ceil(limitTokens * ANSWER_RATIO);
}

/** Without a limit it is the end of the context that would cut the answer off. */
function unlimited(wish: RoomWish): number | null {
  const freeTokens = free(wish, ANSWER_ROOM_TOKENS);
  if (freeTokens === null || wish.budgetTokens === null) return freeTokens ?? wish.budgetTokens;
  return Math.min(freeTokens, wish.budgetTokens);
}

/**
 * What prompt and answer leave of the context. A guess beyond the whole context was made of pictures, and is no guess;
 * such a one may not take more than half of it.
 */
function free({ contextTokens, promptTokens }: RoomWish, answerTokens: number): number | null {
  if (contextTokens === null) return null;
  const prompt = promptTokens < contextTokens ? promptTokens : Math.floor(contextTokens / 2);
  const answer = Math.min(answerTokens, Math.floor(contextTokens * ANSWER_RATIO));
  return Math.max(THINKING_TOKENS_MIN, contextTokens - prompt - answer);
}
