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
      reasoning_effort: Type.Union(
        ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'].map((name) => Type.Literal(name)),
      ),
      thinking_budget_tokens: Type.Integer({ minimum: -1, description: 'Tokens of thought; -1 = without bound' }),
      repairs: RepairSwitches,
    },
    { additionalProperties: false },
  ),
);
export type Behaviour = Static<typeof Behaviour>;
