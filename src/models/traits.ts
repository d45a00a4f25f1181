/** What is known of a model's habits from its template and family: how it calls tools and how it thinks. Pure. */
import { formatOfTemplate } from './traits/call-format.ts';
import { familyOf } from './traits/families.ts';
import { opensThought } from './traits/generation-prompt.ts';
import { codeIn } from './traits/template-text.ts';

/** How models write tool calls, by the name of the format. */
export type CallFormat =
  /** `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3. */
  | 'hermes-json'
  /** `<function=name><parameter=key>value</parameter></function>`, in `<tool_call>` or bare: Qwen3-Coder, Qwen3.5. */
  | 'qwen-xml'
  /** `<tool_call>name<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>`. */
  | 'glm'
  /** `<|tool_call>call:name{…}<tool_call|>`, and FunctionGemma's `<start_function_call>`. */
  | 'gemma'
  /** `[TOOL_CALLS]…`, as a list or with `[ARGS]`. */
  | 'mistral'
  /** `{"name": …, "parameters": {…}}` as the whole message. */
  | 'llama-json'
  /** `[name(key="value")]` as the whole message, `<|python_tag|>name.call(…)`. */
  | 'pythonic'
  /** `<|channel|>commentary to=functions.name<|message|>{…}<|call|>`: gpt-oss. */
  | 'harmony'
  | 'deepseek'
  | 'kimi'
  | 'minimax'
  | 'other-tags';

export type ModelTraits = {
  /** For people: `Qwen3.5`, `GLM`, `Gemma 4` …; null = none that is known. */
  readonly family: string | null;
  /** The format that its template teaches; null when the template knows no tools. */
  readonly callFormat: CallFormat | null;
  /** It may think. */
  readonly thinks: boolean;
  /** Its generation prompt already opens the thought, so that only the closing tag may come. */
  readonly opensThought: boolean;
  /** Its template refuses tool call ids that are not nine letters or digits. */
  readonly wantsShortCallIds: boolean;
  /** Its template refuses anything but user and assistant in turns. */
  readonly wantsAlternation: boolean;
  /** The words by which its template is told to think or not, such as `enable_thinking`; empty = none. */
  readonly thinkingSwitches: readonly string[];
  /** Its template reads `reasoning_effort`. */
  readonly readsEffort: boolean;
};

/** What traits are read from. */
export type TraitSource = {
  readonly architecture: string | null;
  readonly name: string;
  readonly hfId: string | null;
  /** Jinja text; null = unknown. */
  readonly chatTemplate: string | null;
};

/** Marks of thoughts in a template: it writes them, takes them out of history, or has a word to switch them. */
const THOUGHT_MARKS = new RegExp(
  [
    String.raw`<\/?(?:seed:|mm:)?think(?:ing)?(?::opensource)?>`,
    String.raw`\[\/?THINK\]|<\|channel>thought|<\|think\|>|<\|START_THINKING\|>|<\|inner_prefix\|>`,
    String.raw`<\|channel\|>analysis`,
  ].join('|'),
);
const SWITCHES = ['enable_thinking', 'thinking'];

/**
 * Reads them. The same source gives the same traits. What the template shows wins over what the family is known for,
 * since engines write prompts by the template; without one the family is all there is.
 */
export function detectTraits({ architecture, name, hfId, chatTemplate }: TraitSource): ModelTraits {
  const family = familyOf([name, hfId, architecture]);
  if (chatTemplate === null || chatTemplate.trim() === '') {
    return {
      family: family?.name ?? null,
      callFormat: family?.callFormat ?? null,
      thinks: family?.thinks ?? false,
      opensThought: false,
      wantsShortCallIds: false,
      wantsAlternation: false,
      thinkingSwitches: [],
      readsEffort: false,
    };
  }
  const code = codeIn(chatTemplate);
  const thinkingSwitches = SWITCHES.filter((word) => isAsked(code, word));
  const opens = opensThought(chatTemplate);
  return {
    family: family?.name ?? null,
    callFormat: formatOfTemplate(chatTemplate),
    thinks: opens || thinkingSwitches.length > 0 || THOUGHT_MARKS.test(chatTemplate),
    opensThought: opens,
    wantsShortCallIds: /tool call ids? should be alphanumeric|\|\s*length\s*!=\s*9\b/i.test(chatTemplate),
    wantsAlternation: /must alternate/i.test(chatTemplate),
    thinkingSwitches,
    readsEffort: isAsked(code, 'reasoning_effort'),
  };
}

/** Whether code asks for this word of the caller, and does not only call something of its own so. */
function isAsked(code: string, word: string): boolean {
  return new RegExp(`(?<![.\\w-])${word}(?![\\w-]|\\s*=(?!=))`).test(code);
}
