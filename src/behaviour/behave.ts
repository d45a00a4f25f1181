/** What a model's behaviour makes of a request: defaults, forced and stripped parameters, thinking. Pure. */
import { isGiven, type JsonObject, numberOrNull } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import { type BodyChanges, sampled } from './sampling.ts';
import { type Thinking, thought, withoutStripped } from './thinking.ts';
import { answerShare, type Room, thinkingRoom } from './thinking-room.ts';

/** What is known when a request is made to behave. */
export type Rules = {
  readonly behaviour: Behaviour;
  readonly traits: ModelTraits;
  /** Tokens of one conversation; null = unknown. */
  readonly contextTokens?: number | null;
  /** About how many of them the prompt takes; a guess is enough. */
  readonly promptTokens?: number;
  /** Flow can end the answer itself, so the engine may be given a larger limit than the caller's. */
  readonly canCut?: boolean;
};

/** The fields of a canonical request that differ from what the caller sent, and why. */
export type Behaved = BodyChanges & {
  /** In words, for the request's record: only what the caller could wonder about. */
  readonly notes: readonly string[];
  /** Headers of the answer that tell what was decided without being asked. */
  readonly headers: Readonly<Record<string, string>>;
  /** Tokens of text and calls after which Flow itself ends the answer; null = the engine's limit holds. */
  readonly answerTokensMax: number | null;
};

const OTHER_LIMITS = ['max_completion_tokens', 'n_predict'];
// One for all: `toLocaleString` looks up its locale each time, which took 1 % of a request.
const GROUPED = new Intl.NumberFormat('en');

/** Applies it to the body of a chat request. */
export function behave(body: JsonObject, rules: Rules): Behaved {
  const { behaviour, traits } = rules;
  const { set, drop } = sampled(body, behaviour);
  const left = withoutStripped(body, behaviour.stripped ?? []);
  const thinking = thought(left, behaviour, traits);
  const limitTokens = numberOrNull(set.max_tokens) ?? limitOf(left);
  const room = roomFor(thinking, limitTokens, rules);
  const isBudgetTold = room.thinkingTokens === null || room.thinkingTokens === left.thinking_budget_tokens;
  const changed = {
    ...set,
    ...thinking.set,
    ...(room.totalTokens === limitTokens ? {} : { max_tokens: room.totalTokens }),
    ...(isBudgetTold ? {} : { thinking_budget_tokens: room.thinkingTokens }),
  };
  // Of two names for the limit, an engine may read the one that was not changed.
  const otherLimits = Object.hasOwn(changed, 'max_tokens') ? OTHER_LIMITS.filter((name) => isGiven(body[name])) : [];
  return {
    set: changed,
    drop: [...new Set([...drop, ...otherLimits])].filter((name) => !Object.hasOwn(changed, name)),
    notes: [...thinking.notes, ...roomNotes(room, limitTokens, thinking)],
    headers: room.thinkingTokens === null ? {} : { 'x-flow-thinking-budget': String(room.thinkingTokens) },
    answerTokensMax: room.answerTokensMax,
  };
}

/** Applies its sampling parameters alone: for completions of text, which have no template and no thoughts. */
export function behaveSampling(body: JsonObject, behaviour: Behaviour): BodyChanges {
  return sampled(body, behaviour);
}

/** The caller's limit; OpenAI's newer name for it has become the older one before, llama-server has one of its own. */
function limitOf(body: JsonObject): number | null {
  const given = ['max_tokens', ...OTHER_LIMITS].map((name) => body[name]).find(isGiven);
  const tokens = numberOrNull(given);
  return tokens !== null && tokens > 0 ? tokens : null;
}

function roomFor(thinking: Thinking, limitTokens: number | null, rules: Rules): Room {
  const { behaviour, contextTokens, promptTokens, canCut } = rules;
  const { budgetTokens, isCallersBudget, mayThink } = thinking;
  if (!mayThink || behaviour.repairs?.thinking_room === false) {
    return { totalTokens: limitTokens, thinkingTokens: budgetTokens, answerTokensMax: null };
  }
  return thinkingRoom({
    limitTokens,
    budgetTokens,
    isCallersBudget,
    contextTokens: contextTokens ?? null,
    promptTokens: promptTokens ?? 0,
    canCut: canCut ?? true,
  });
}

function roomNotes(room: Room, limitTokens: number | null, { budgetTokens, isCallersBudget }: Thinking): string[] {
  const { totalTokens, thinkingTokens } = room;
  if (limitTokens === null || totalTokens === null || thinkingTokens === null) return [];
  if (totalTokens > limitTokens) {
    return [
      `max_tokens ${shown(limitTokens)} is for the answer; ${shown(totalTokens - limitTokens)} more for thinking`,
    ];
  }
  if (isCallersBudget && budgetTokens !== null && thinkingTokens < budgetTokens) {
    const restTokens = totalTokens - thinkingTokens;
    const share = `of max_tokens ${shown(limitTokens)} thinking may use ${shown(thinkingTokens)}`;
    // More than the answer's own part is left over only where the context could not hold all of it.
    if (restTokens > answerShare(limitTokens)) return [`${share}, since the context holds no more beside the answer`];
    return [`${share}, so that ${shown(restTokens)} are left for the answer`];
  }
  return [];
}

function shown(tokens: number): string {
  return GROUPED.format(tokens);
}
