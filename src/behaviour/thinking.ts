/** Whether a model shall think for a request, how hard, and the words in which its template is told. Pure. */
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';
import { type Behaviour, EFFORTS, type Effort, type EffortBudgets } from '#src/models/behaviour.ts';
import type { ModelTraits } from '#src/models/traits.ts';

/** What becomes of thinking. */
export type Thinking = {
  /** Fields of the body that differ from the caller's. */
  readonly set: JsonObject;
  /** False only where it is sure that nothing will be thought. */
  readonly mayThink: boolean;
  /** Tokens of thought; null = nobody said. */
  readonly budgetTokens: number | null;
  /** The budget is the caller's own number. */
  readonly isCallersBudget: boolean;
  readonly notes: readonly string[];
};

/** What one side, the caller or the model's behaviour, says about thinking; null = nothing. */
type Word = {
  readonly isOn: boolean | null;
  readonly effort: Effort | null;
  readonly budgetTokens: number | null;
  readonly kwargs: JsonObject;
};

/**
 * Tokens of thought for each effort where the template itself knows none; -1 = without bound. Large providers give
 * their small thinking models 1,024, 8,192 and 24,576; the low end is doubled, since local models need about a thousand
 * tokens to arrive anywhere.
 */
const EFFORT_BUDGETS: Required<EffortBudgets> = {
  minimal: 512,
  low: 2048,
  medium: 8192,
  high: 24_576,
  xhigh: -1,
};

/** Names by which callers and templates switch thinking. */
const SWITCH_NAMES = ['enable_thinking', 'thinking'] as const;
const BUDGET_NAMES = ['thinking_budget_tokens', 'reasoning_budget_tokens', 'thinking_budget'] as const;

/**
 * Decides it. The caller wins over the model's behaviour and `forced` over both, with one exception: an effort says how
 * hard, not whether. Agents send one with every request, and a model that was set not to think stays so.
 */
export function thought(body: JsonObject, behaviour: Behaviour, traits: ModelTraits): Thinking {
  const asked = wordOf(body);
  const chosen = wordOf(behaviour);
  const forced = wordOf(behaviour.forced ?? {});
  const effort = forced.effort ?? asked.effort ?? chosen.effort;
  const isOn = forced.isOn ?? asked.isOn ?? chosen.isOn ?? (effort === null ? null : true);
  const level = levelFor(effort, isOn, traits);
  const kwargs = {
    ...preserving(behaviour.preserve_thinking),
    ...chosen.kwargs,
    ...asked.kwargs,
    ...preserving(booleanOrNull(behaviour.forced?.preserve_thinking) ?? undefined),
    ...forced.kwargs,
    ...switches(isOn, traits, asked.kwargs),
    ...(level === null ? {} : { reasoning_effort: level }),
  };
  // Engines read the field beside the template's words first, so both must say the same.
  const isEffortTold = level === null || !Object.hasOwn(body, 'reasoning_effort') || body.reasoning_effort === level;
  return {
    set: {
      ...(Bun.deepEquals(kwargs, asked.kwargs) ? {} : { chat_template_kwargs: kwargs }),
      ...(isEffortTold ? {} : { reasoning_effort: level }),
    },
    ...budgetFor({ forced, asked, chosen }, effort, isOn, { behaviour, traits }),
    mayThink: traits.thinks && !(isOn === false && traits.thinkingSwitches.length > 0),
    notes: notesOn({ asked, effort, isOn, level }, traits),
  };
}

/** The caller's body without what its model's behaviour leaves out of it. */
export function withoutStripped(body: JsonObject, stripped: readonly string[]): JsonObject {
  const names = stripped.includes('enable_thinking') ? [...stripped, ...SWITCH_NAMES] : stripped;
  if (names.length === 0) return body;
  const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
  const { chat_template_kwargs: kwargs } = rest;
  if (!isObject(kwargs)) return rest;
  const kept = Object.fromEntries(Object.entries(kwargs).filter(([name]) => !names.includes(name)));
  return { ...rest, chat_template_kwargs: kept };
}

/** A body and a behaviour say it in the same words. */
function wordOf(said: JsonObject): Word {
  const kwargs = isObject(said.chat_template_kwargs) ? said.chat_template_kwargs : {};
  const effort = effortOrNull(kwargs.reasoning_effort) ?? effortOrNull(said.reasoning_effort);
  const budget = BUDGET_NAMES.map((name) => numberOrNull(said[name])).find((tokens) => tokens !== null) ?? null;
  const inWords = [kwargs.enable_thinking, kwargs.thinking, said.enable_thinking].map(booleanOrNull);
  const isOff = effort === 'none' || budget === 0;
  return {
    isOn: inWords.find((isOn) => isOn !== null) ?? (isOff ? false : null),
    effort: effort === 'none' ? null : effort,
    budgetTokens: budget !== null && budget > 0 ? budget : null,
    kwargs,
  };
}

/** The same word under every name that the template or the caller has for it. */
function switches(isOn: boolean | null, traits: ModelTraits, asked: JsonObject): JsonObject {
  if (isOn === null) return {};
  const present = SWITCH_NAMES.filter((name) => Object.hasOwn(asked, name));
  const known = [...traits.thinkingSwitches, ...present];
  // Engines act on this one themselves, even where the template does not know it.
  const names = known.length === 0 && !isOn ? ['enable_thinking'] : known;
  return Object.fromEntries(names.map((name) => [name, isOn]));
}

/** Keeping the thoughts of earlier turns: in Qwen's words, and in GLM's and Nemotron's, which mean the opposite. */
function preserving(isKept: boolean | undefined): JsonObject {
  if (isKept === undefined) return {};
  return { preserve_thinking: isKept, clear_thinking: !isKept, truncate_history_thinking: !isKept };
}

/** What a template that reads an effort is told; null = nothing. */
function levelFor(effort: Effort | null, isOn: boolean | null, traits: ModelTraits): string | null {
  if (!traits.readsEffort) return null;
  if (isOn === false) return traits.thinkingSwitches.length === 0 ? 'low' : null;
  // gpt-oss was trained on three levels, and any other word is only noise in its prompt.
  if (traits.callFormat !== 'harmony' || effort === null) return effort;
  return effort === 'minimal' ? 'low' : effort === 'xhigh' || effort === 'max' ? 'high' : effort;
}

function budgetFor(
  { forced, asked, chosen }: { forced: Word; asked: Word; chosen: Word },
  effort: Effort | null,
  isOn: boolean | null,
  { behaviour, traits }: { behaviour: Behaviour; traits: ModelTraits },
): Pick<Thinking, 'budgetTokens' | 'isCallersBudget'> {
  // What cannot be switched off is ended by the engine as soon as it begins.
  if (isOn === false) return { budgetTokens: canOnlyBeCut(traits) ? 0 : null, isCallersBudget: false };
  const isCallersBudget = forced.budgetTokens === null && asked.budgetTokens !== null;
  const given = forced.budgetTokens ?? asked.budgetTokens ?? chosen.budgetTokens;
  if (given !== null || effort === null || traits.readsEffort || !traits.thinks)
    return { budgetTokens: given, isCallersBudget };
  const budgets = { ...EFFORT_BUDGETS, ...behaviour.effort_budgets };
  const tokens = effort === 'none' || effort === 'max' ? -1 : budgets[effort];
  return { budgetTokens: tokens < 0 ? null : tokens, isCallersBudget: false };
}

function canOnlyBeCut(traits: ModelTraits): boolean {
  return traits.thinks && traits.thinkingSwitches.length === 0 && !traits.readsEffort;
}

type Decided = {
  readonly asked: Word;
  readonly effort: Effort | null;
  readonly isOn: boolean | null;
  readonly level: string | null;
};

function notesOn({ asked, effort, isOn, level }: Decided, traits: ModelTraits): string[] {
  if (isOn === false && traits.thinks && traits.thinkingSwitches.length === 0) {
    const instead = traits.readsEffort
      ? 'it was asked with low effort'
      : 'its thoughts are ended as soon as they begin';
    return [`the chat template has no switch for thinking, so ${instead}`];
  }
  if (isOn === false && asked.isOn === null && asked.effort !== null && traits.thinks) {
    return [`reasoning_effort "${asked.effort}" changes nothing: thinking is off for this model`];
  }
  if (level !== null && effort !== null && level !== effort) {
    return [`reasoning_effort "${effort}" was sent as "${level}", the nearest that this model knows`];
  }
  return [];
}

function effortOrNull(value: unknown): Effort | null {
  return EFFORTS.find((effort) => effort === value) ?? null;
}

function booleanOrNull(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}
