/** In which format a model writes its calls: what its template shows, else what its family is known for. Pure. */
import type { CallFormat } from '../traits.ts';

type Mark = { readonly format: CallFormat; readonly pattern: RegExp };

/** Formats of one model or two, without a common form. */
const OTHER = new RegExp(
  [
    String.raw`<TOOLCALL>|<tool_calls>|functools\[|<\|tools_prefix\|>|<\|START_ACTION\|>|<\|function_call\|>`,
    String.raw`<\|tool_call:begin\|>|<\|tool_call\|>|<(?:atem:)?(?:function|invoke) name=|<function=|>>>`,
  ].join('|'),
);

/** Surest first: formats borrow each other's words, and `<tool_call>` is everybody's. */
const MARKS: readonly Mark[] = [
  { format: 'gemma', pattern: /<\|tool_call>\s*call:|<start_function_call>/ },
  { format: 'harmony', pattern: /<\|channel\|>(?:commentary|analysis)|to=functions\./ },
  { format: 'kimi', pattern: /<\|tool_calls_section_begin\|>|<\|open\|>(?:tools|call tool=)/ },
  { format: 'deepseek', pattern: /<｜tool▁calls?▁begin｜>|｜DSML｜/ },
  { format: 'minimax', pattern: /<\/?minimax:tool_call>|\]<\]minimax\[>\[/ },
  { format: 'glm', pattern: /<arg_key(?::\w+)?>/ },
  { format: 'qwen-xml', pattern: /<parameter=/ },
  { format: 'mistral', pattern: /\[TOOL_CALLS\]/ },
  {
    format: 'other-tags',
    pattern: OTHER,
  },
  { format: 'pythonic', pattern: /<\|tool_call_start\|>|\[func_name1\(|\[tool_name\(|\[function_name\(/ },
  { format: 'hermes-json', pattern: /<tool_call>/ },
  { format: 'llama-json', pattern: /<\|python_tag\|>|\{\s*\\?"name\\?"\s*:[^{}]*\\?"parameters\\?"/ },
];

/** The format that a template teaches; null when it shows none. */
export function formatOfTemplate(template: string): CallFormat | null {
  // Without tools there is nothing to call, whatever marks its vocabulary has.
  if (!/\btools\b|\btool_calls\b|\bbuiltin_tools\b/.test(template)) return null;
  return MARKS.find(({ pattern }) => pattern.test(template))?.format ?? null;
}
