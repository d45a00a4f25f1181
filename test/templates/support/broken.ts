/** A sound ChatML template, and the ways in which real ones differ from it. */

type Pieces = {
  readonly before?: string;
  readonly tools?: string;
  readonly loop?: string;
  readonly message?: string;
  readonly call?: string;
  readonly content?: string;
  readonly open?: string;
};

const CALL = `{{- '<tool_call>\\n' + {"name": call.function.name, "arguments": call.function.arguments} | tojson + '\\n</tool_call>' -}}`;
const CONTENT = `{%- if m.content is string -%}{{- m.content -}}{%- elif m.content -%}{%- for p in m.content -%}{{- p.text -}}{%- endfor -%}{%- endif -%}`;
const TOOLS = `{%- if tools -%}<|im_start|>system\nTools:\n{%- for tool in tools -%}{{- tool | tojson -}}{%- endfor -%}
A call: <tool_call>{"name": …, "arguments": …}</tool_call><|im_end|>\n{%- endif -%}`;

/** A template of which some pieces are others. Without any it has no fault. */
export function chatml(pieces: Pieces = {}): string {
  const { before = '', tools = TOOLS, loop = '', call = CALL, content = CONTENT } = pieces;
  const { open = `{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}` } = pieces;
  const thought = `{%- if m.reasoning_content -%}{{- '<think>' + m.reasoning_content + '</think>' -}}{%- endif -%}`;
  const { message = `{{- '<|im_start|>' + m.role + '\\n' -}}${thought}${content}` } = pieces;
  return [
    before,
    tools,
    `{%- for m in messages -%}${loop}${message}`,
    `{%- for call in m.tool_calls or [] -%}${call}{%- endfor -%}{{- '<|im_end|>\\n' -}}{%- endfor -%}`,
    open,
  ].join('');
}

const NAMED = 'tool.function.name';
const tools = (inner: string): string =>
  `{%- if tools -%}<|im_start|>system\n{%- for tool in tools -%}${inner}{%- endfor -%}<|im_end|>\n{%- endif -%}`;
const refuse = (condition: string): string =>
  `{%- if ${condition} -%}{{- raise_exception('No, thank you!') -}}{%- endif -%}`;
const skip = (condition: string): string => `{%- if ${condition} -%}{%- continue -%}{%- endif -%}`;

/** Each kind of finding with a template that has it; the sound one has none of them. */
export const FAULTY: readonly (readonly [kind: string, severity: string, template: string])[] = [
  ['empty', 'error', ' \n'],
  ['too-large', 'error', `${chatml()}${'x'.repeat(1 << 20)}`],
  ['syntax', 'error', '{% for m in messages %}{{ m.content }'],
  ['syntax', 'error', '{% if messages %}never closed'],
  ['beyond-the-check', 'warning', '{% for m in messages %}{{ m.content | wordwrapped }}{% endfor %}'],
  ['question-refused', 'error', chatml({ before: refuse('messages | length > 0') })],
  ['question-lost', 'error', chatml({ content: '' })],
  ['history-refused', 'error', chatml({ before: refuse('messages | length == 3 and not tools') })],
  ['history-lost', 'error', chatml({ loop: skip('not loop.last') })],
  ['no-generation-prompt', 'warning', chatml({ open: '' })],
  ['system-refused', 'warning', chatml({ before: refuse("messages[0].role == 'system'") })],
  ['system-dropped', 'warning', chatml({ loop: skip("m.role == 'system'") })],
  ['second-system-refused', 'note', chatml({ loop: refuse("m.role == 'system' and not loop.first") })],
  ['second-system-dropped', 'note', chatml({ loop: skip("m.role == 'system' and not loop.first") })],
  ['late-system-refused', 'note', chatml({ loop: refuse("m.role == 'system' and loop.index0 > 1") })],
  ['late-system-dropped', 'note', chatml({ loop: skip("m.role == 'system' and loop.index0 > 1") })],
  [
    'users-refused',
    'note',
    chatml({ loop: refuse("not loop.first and m.role == 'user' and messages[loop.index0 - 1].role == 'user'") }),
  ],
  [
    'users-dropped',
    'note',
    chatml({ loop: skip("not loop.last and m.role == 'user' and messages[loop.index0 + 1].role == 'user'") }),
  ],
  ['no-tools', 'note', chatml({ tools: '' })],
  ['tools-refused', 'warning', chatml({ before: refuse('tools') })],
  [
    'tool-description-lost',
    'warning',
    chatml({ tools: tools(`{{- ${NAMED} -}}{{- tool.function.parameters | tojson -}}`) }),
  ],
  ['tool-parameters-lost', 'warning', chatml({ tools: tools(`{{- ${NAMED} + tool.function.description -}}`) })],
  [
    'tools-outside-turn',
    'warning',
    chatml({
      tools: '',
      before: `{%- if tools and messages[0].role != 'system' -%}{{- tools | tojson -}}{%- endif -%}`,
      content: `{{- m.content -}}{%- if m.role == 'system' and tools -%}{{- tools | tojson -}}{%- endif -%}`,
    }),
  ],
  ['call-refused', 'warning', chatml({ loop: refuse('m.tool_calls') })],
  ['call-lost', 'warning', chatml({ call: '' })],
  ['call-other-format', 'warning', chatml({ call: `{{- '[TOOL_CALLS]' + [call.function] | tojson -}}` })],
  ['call-arguments-quoted', 'note', chatml()],
  ['result-lost', 'warning', chatml({ loop: skip("m.role == 'tool'") })],
  ['short-ids', 'note', chatml({ call: `${refuse('call.id | length != 9')}${CALL}` })],
  ['parallel-calls', 'note', chatml({ loop: refuse('m.tool_calls and m.tool_calls | length > 1') })],
  ['null-content', 'note', chatml({ content: `{{- m.content | string -}}` })],
  ['null-content', 'note', chatml({ loop: refuse('m.content is none') })],
  ['list-content', 'note', chatml({ content: `{{- m.content if m.content is string else m.content | tojson -}}` })],
  ['list-content', 'note', chatml({ content: `{{- '' + m.content -}}` })],
  [
    'list-content-only',
    'note',
    chatml({
      content: `{%- if m.content is not string -%}{%- for p in m.content -%}{{- p.text -}}{%- endfor -%}{%- endif -%}`,
    }),
  ],
  ['null-calls', 'note', chatml({ loop: refuse('m.tool_calls is defined and m.tool_calls is none') })],
  [
    'empty-calls',
    'note',
    chatml({ loop: refuse('m.tool_calls is defined and m.tool_calls is not none and m.tool_calls | length == 0') }),
  ],
  ['thinking-switch-dead', 'warning', chatml({ before: '{%- set thinks = enable_thinking -%}' })],
  [
    'thought-lost-in-calls',
    'note',
    chatml({
      message: `{{- '<|im_start|>' + m.role + '\\n' + m.content -}}`,
      open: `{{- '<|im_start|>assistant\\n<think>\\n' -}}`,
    }),
  ],
  ['escaped', 'warning', chatml({ content: `{{- m.content | replace('<', '&lt;') -}}` })],
  ['escaped', 'warning', chatml({ call: `{{- '<tool_call>' + (call.function | tojson | safe) + '</tool_call>' -}}` })],
  ['leading-newlines', 'note', `\n\n\n${chatml()}`.replace('{%- if tools -%}', '{% if tools -%}')],
  ['clock', 'warning', chatml({ before: `{%- set now = strftime_now("%d %b %H:%M") -%}` })],
];
