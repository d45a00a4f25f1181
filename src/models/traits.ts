/** What is known of a model's habits from its template and family: how it calls tools and how it thinks. Pure. */

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

/** Reads them. The same source gives the same traits. */
export function detectTraits(source: TraitSource): ModelTraits {
  const template = source.chatTemplate ?? '';
  return {
    family: null,
    callFormat: null,
    thinks: /<\/?think>|enable_thinking|reasoning_content/.test(template),
    opensThought: /<think>\\n['"]\s*[-+]?[}%]/.test(template),
    wantsShortCallIds: false,
    wantsAlternation: false,
    thinkingSwitches: ['enable_thinking', 'thinking'].filter((name) => template.includes(name)),
    readsEffort: template.includes('reasoning_effort'),
  };
}
