/**
 * How a model should behave: what a person has chosen about sampling, templates, thinking and repairs, for a model or
 * for one of its variants. Names are those on the wire; every field may be absent, which means: as the engine does.
 */
import { type Static, Type } from '@sinclair/typebox';

const JsonRecord = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.Unknown());

/** Which repairs may be used; absent = yes. */
export const RepairSwitches = Type.Partial(
  Type.Object(
    {
      leaked_calls: Type.Boolean({ description: 'Tool calls that came as text become tool calls' }),
      typed_arguments: Type.Boolean({ description: "Arguments get the types of the tool's own schema" }),
      think_tags: Type.Boolean({ description: 'Stray <think> tags are sorted out' }),
      duplicate_calls: Type.Boolean({ description: 'A call made twice in one answer is made once' }),
      truncated_calls: Type.Boolean({ description: 'A call that was cut off ends the answer as too long' }),
      engine_parser: Type.Boolean({ description: "An answer on which the engine's own parser fails is recovered" }),
      loop_guard: Type.Boolean({ description: 'An answer that repeats itself without end is stopped' }),
      tool_schemas: Type.Boolean({ description: "Tool schemas the engine's grammar cannot take are relaxed" }),
      thinking_room: Type.Boolean({ description: 'Thinking does not use up the room of the answer' }),
      call_formats: Type.Array(Type.String({ minLength: 1, maxLength: 40 }), {
        maxItems: 40,
        description: 'The only formats in which calls are looked for in text; absent = all',
      }),
    },
    { additionalProperties: false },
  ),
);
export type RepairSwitches = Static<typeof RepairSwitches>;

/** How hard a model should think; `none` = not at all. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

const EffortBudget = Type.Integer({ minimum: -1, maximum: 1_048_576 });

/** Tokens of thought for each effort, for models whose template knows no effort; -1 = without bound. */
export const EffortBudgets = Type.Partial(
  Type.Object(
    { minimal: EffortBudget, low: EffortBudget, medium: EffortBudget, high: EffortBudget, xhigh: EffortBudget },
    { additionalProperties: false },
  ),
);
export type EffortBudgets = Static<typeof EffortBudgets>;

/** A choice of behaviour. */
export const Behaviour = Type.Partial(
  Type.Object(
    {
      temperature: Type.Number({ minimum: 0, maximum: 5 }),
      top_p: Type.Number({ minimum: 0, maximum: 1 }),
      top_k: Type.Integer({ minimum: 0, maximum: 100_000 }),
      min_p: Type.Number({ minimum: 0, maximum: 1 }),
      presence_penalty: Type.Number({ minimum: -2, maximum: 2 }),
      frequency_penalty: Type.Number({ minimum: -2, maximum: 2 }),
      repetition_penalty: Type.Number({ minimum: 0, maximum: 10 }),
      seed: Type.Integer(),
      max_tokens: Type.Integer({ minimum: 1 }),
      forced: Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.Unknown(), {
        description: 'Parameters that win over the caller',
      }),
      stripped: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        maxItems: 100,
        description: 'Parameters of the caller that are left out',
      }),
      enable_thinking: Type.Boolean(),
      preserve_thinking: Type.Boolean(),
      chat_template_kwargs: JsonRecord,
      reasoning_effort: Type.Union(EFFORTS.map((name) => Type.Literal(name))),
      effort_budgets: EffortBudgets,
      thinking_budget_tokens: Type.Integer({ minimum: -1, description: 'Tokens of thought; -1 = without bound' }),
      repairs: RepairSwitches,
    },
    { additionalProperties: false },
  ),
);
export type Behaviour = Static<typeof Behaviour>;

/** The fields whose values are merged key by key when one behaviour is laid over another. */
const MERGED_FIELDS = ['chat_template_kwargs', 'forced', 'repairs', 'effort_budgets'] as const;

/**
 * A variant's behaviour over its model's: field by field, records key by key. What the variant chooses is not forced
 * otherwise by the model any more.
 */
export function layBehaviour(under: Behaviour, over: Behaviour): Behaviour {
  const forced = Object.entries(under.forced ?? {}).filter(([name]) => !Object.hasOwn(over, name));
  const base: Behaviour = { ...under, ...(under.forced ? { forced: Object.fromEntries(forced) } : {}) };
  const merged = MERGED_FIELDS.filter((name) => base[name] !== undefined && over[name] !== undefined);
  return {
    ...base,
    ...over,
    ...Object.fromEntries(merged.map((name) => [name, { ...base[name], ...over[name] }])),
  };
}
