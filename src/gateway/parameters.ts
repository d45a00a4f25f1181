/** What a request asks of the sampler and of its answer, for its record: names, numbers, counts, never words. Pure. */
import { isGiven, isObject, type JsonObject } from '#src/json.ts';
import { type Behaviour, EFFORTS } from '#src/models/behaviour.ts';
import type { Model } from '#src/models/model.ts';
import type { AskedParameters, ParameterSource } from '#src/requests/request.ts';

/** A body as the engine is asked, and those who had a say in it. */
export type Said = {
  /** The caller's, in the canonical fields. */
  readonly caller: JsonObject;
  /** The model's, as it is in effect under the name that was asked for. */
  readonly behaviour: Behaviour;
  readonly model: Pick<Model, 'config'>;
  /** The variant that was named; null = the model as itself. */
  readonly variant: string | null;
};

/** By the names that people know, each with all its spellings; the first that stands in the body counts. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  temperature: ['temperature'],
  top_p: ['top_p'],
  top_k: ['top_k'],
  min_p: ['min_p'],
  typical_p: ['typical_p'],
  top_n_sigma: ['top_n_sigma'],
  presence_penalty: ['presence_penalty'],
  frequency_penalty: ['frequency_penalty'],
  repetition_penalty: ['repeat_penalty', 'repetition_penalty'],
  dry_multiplier: ['dry_multiplier'],
  xtc_probability: ['xtc_probability'],
  mirostat: ['mirostat'],
  seed: ['seed'],
  n: ['n'],
  max_tokens: ['max_tokens', 'max_completion_tokens', 'n_predict'],
  thinking_budget_tokens: ['thinking_budget_tokens', 'reasoning_budget_tokens', 'thinking_budget'],
};
const SWITCHES = ['parallel_tool_calls', 'logprobs', 'ignore_eos'] as const;
const THINKING_SWITCHES = ['enable_thinking', 'thinking'] as const;

/** The parameters in effect. What nobody named is left to the engine and is not listed. */
export function askedParameters(body: JsonObject, said: Said): AskedParameters {
  const found: Record<string, AskedParameters[string]> = {};
  const add = (name: string, value: number | boolean | string | null, spellings: readonly string[] = [name]) => {
    if (value !== null) found[name] = [value, sourceOf(name, value, spellings, said)];
  };
  for (const [name, spellings] of Object.entries(NUMBERS)) add(name, numberIn(body, spellings), spellings);
  for (const name of SWITCHES) add(name, switchIn(body, [name]));
  add('thinking', thinkingIn(body), THINKING_SWITCHES);
  add('reasoning_effort', effortIn(body));
  add('tools', countOf(body.tools));
  add('tool_choice', choiceOf(body.tool_choice));
  add('response_format', formOf(body));
  add('stop', typeof body.stop === 'string' ? 1 : countOf(body.stop));
  add('messages', countOf(body.messages));
  add('images', imagesIn(body.messages));
  return found;
}

function sourceOf(
  name: string,
  value: unknown,
  spellings: readonly string[],
  { caller, behaviour, model, variant }: Said,
): ParameterSource {
  const forced = behaviour.forced ?? {};
  const valueIn = (body: JsonObject) => plainIn(body, name, spellings);
  if (valueIn(forced) === value) return 'forced';
  // A default counts only where the caller gave none; and counts and forms are nobody's but the caller's.
  const callers = valueIn(caller);
  if (callers === value || name in COUNTED) return 'caller';
  if (valueIn(behaviour) !== value) return 'flow';
  const own = model.config.variants.find((one) => one.name === variant)?.behaviour;
  return own !== undefined && valueIn(own) === value ? 'variant' : 'model';
}

/** Read from the caller's own lists. */
const COUNTED = { tools: 1, tool_choice: 1, response_format: 1, stop: 1, messages: 1, images: 1 } as const;

function plainIn(body: JsonObject, name: string, spellings: readonly string[]): number | boolean | string | null {
  if (name === 'thinking') return thinkingIn(body);
  if (name === 'reasoning_effort') return effortIn(body);
  return numberIn(body, spellings) ?? switchIn(body, spellings);
}

function numberIn(body: JsonObject, spellings: readonly string[]): number | null {
  const value = spellings.map((spelling) => body[spelling]).find(isGiven);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function switchIn(body: JsonObject, spellings: readonly string[]): boolean | null {
  const value = spellings.map((spelling) => body[spelling]).find(isGiven);
  return typeof value === 'boolean' ? value : null;
}

/** The template's words are what counts; the field beside them is for engines that read it themselves. */
function thinkingIn(body: JsonObject): boolean | null {
  const words = isObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  return switchIn(words, THINKING_SWITCHES) ?? switchIn(body, THINKING_SWITCHES);
}

function effortIn(body: JsonObject): string | null {
  const words = isObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  const given = isGiven(words.reasoning_effort) ? words.reasoning_effort : body.reasoning_effort;
  if (!isGiven(given)) return null;
  return EFFORTS.find((effort) => effort === given) ?? 'other';
}

function countOf(list: unknown): number | null {
  return Array.isArray(list) && list.length > 0 ? list.length : null;
}

function choiceOf(choice: unknown): string | null {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice;
  return isObject(choice) ? 'one tool' : null;
}

function formOf({ response_format: format, json_schema: schema, grammar }: JsonObject): string | null {
  if (typeof grammar === 'string' && grammar !== '') return 'grammar';
  if (isObject(schema)) return 'JSON schema';
  if (!isObject(format)) return null;
  if (format.type === 'json_schema') return 'JSON schema';
  return format.type === 'json_object' ? 'JSON' : null;
}

function imagesIn(messages: unknown): number | null {
  const list: readonly unknown[] = Array.isArray(messages) ? messages : [];
  let count = 0;
  for (const message of list) {
    const parts: readonly unknown[] = isObject(message) && Array.isArray(message.content) ? message.content : [];
    for (const part of parts) if (isObject(part) && part.type === 'image_url') count += 1;
  }
  return count === 0 ? null : count;
}
