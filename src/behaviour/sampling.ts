/** Sampling defaults, forced and stripped parameters: who wins, and under which name the engine reads it. Pure. */
import { isGiven, type JsonObject } from '#src/json.ts';
import type { Behaviour } from '#src/models/behaviour.ts';

/** Fields of a request's body that differ from what the caller sent. */
export type BodyChanges = { readonly set: JsonObject; readonly drop: readonly string[] };

/** Behaviour fields that are defaults of a request's body, as people write them. */
const SAMPLING_FIELDS = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'seed',
  'max_tokens',
] as const;

/** Other spellings of a field, the one that llama-server reads first. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  repetition_penalty: ['repeat_penalty', 'repetition_penalty'],
  max_tokens: ['max_tokens', 'max_completion_tokens', 'n_predict'],
};
/** What a forced parameter of this name means is not a field of the body: see `thinking.ts`. */
const THINKING_FIELDS = new Set([
  'enable_thinking',
  'preserve_thinking',
  'chat_template_kwargs',
  'reasoning_effort',
  'thinking_budget_tokens',
]);
/** Fields that belong to the gateway: no configuration may force or strip them. */
const KEPT_FIELDS = new Set(['model', 'messages', 'prompt', 'stream', 'stream_options', 'return_progress']);

/**
 * The sampling parameters of a chat or completion request: defaults where the caller gave none, forced values over the
 * caller's, stripped ones gone. A stripped parameter counts as not given, so a default may take its place.
 */
export function sampled(body: JsonObject, behaviour: Behaviour): BodyChanges {
  const drop = new Set<string>();
  const set: Record<string, unknown> = {};
  for (const name of behaviour.stripped ?? []) {
    for (const spelling of spellingsOf(name)) if (isGiven(body[spelling])) drop.add(spelling);
  }
  for (const name of SAMPLING_FIELDS) {
    const [engineName = name, ...others] = spellingsOf(name);
    const given = [engineName, ...others].find((spelling) => isGiven(body[spelling]) && !drop.has(spelling));
    // Other servers' name for the same thing, which llama-server would not read.
    if (given !== undefined && given !== engineName && name === 'repetition_penalty') set[engineName] = body[given];
    if (given === undefined && behaviour[name] !== undefined) set[engineName] = behaviour[name];
  }
  for (const [name, value] of Object.entries(behaviour.forced ?? {})) {
    if (THINKING_FIELDS.has(name) || KEPT_FIELDS.has(name)) continue;
    const [engineName = name, ...others] = spellingsOf(name);
    set[engineName] = value;
    for (const other of others) if (Object.hasOwn(body, other)) drop.add(other);
  }
  return { set, drop: [...drop].filter((name) => !KEPT_FIELDS.has(name) && !Object.hasOwn(set, name)) };
}

function spellingsOf(name: string): readonly string[] {
  return SPELLINGS[name] ?? Object.values(SPELLINGS).find((spellings) => spellings.includes(name)) ?? [name];
}
