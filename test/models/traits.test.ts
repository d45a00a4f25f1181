/** What is read from chat templates. The templates here are reduced to the lines that matter, in words of our own. */
import { describe, expect, test } from 'bun:test';
import { detectTraits, type ModelTraits } from '#src/models/traits.ts';
import { quickestMs } from '#test/support/quickest.ts';

const read = (chatTemplate: string | null, name = 'model'): ModelTraits =>
  detectTraits({ architecture: null, name, hfId: null, chatTemplate });

const QWEN_TURN = `{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content }}
     {%- endfor %}`;

const CASES: readonly (readonly [name: string, template: string, want: Partial<ModelTraits>])[] = [
  [
    'Qwen2.5',
    `{%- if tools %}
     {{- "<tool_call>\\n{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>" }}
     {%- endif %}
     ${QWEN_TURN}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}`,
    { callFormat: 'hermes-json', thinks: false, opensThought: false, thinkingSwitches: [] },
  ],
  [
    'Qwen3',
    `{%- if tools %}{{- "<tool_call>\\n{\\"name\\": <f>, \\"arguments\\": <a>}\\n</tool_call>" }}
     {%- endif %}${QWEN_TURN}
     {%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}
     {%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}`,
    { callFormat: 'hermes-json', thinks: true, opensThought: false, thinkingSwitches: ['enable_thinking'] },
  ],
  [
    'Qwen3.5',
    `{%- if tools %}
     {{- '<tool_call>\\n<function=f>\\n<parameter=p>\\nv\\n</parameter>\\n</function>\\n</tool_call>' }}{%- endif %}
     {{- '<|im_start|>assistant\\n<think>\\n' + reasoning_content + '\\n</think>\\n\\n' }}
     {%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- else %}
        {{- '<think>\\n' }}
    {%- endif %}
{%- endif %}`,
    { callFormat: 'qwen-xml', thinks: true, opensThought: true, thinkingSwitches: ['enable_thinking'] },
  ],
  [
    'QwQ',
    `{%- if tools %}<tool_call>{%- endif %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}
     {%- endif %}`,
    { callFormat: 'hermes-json', thinks: true, opensThought: true },
  ],
  [
    'GLM-4.5',
    `{%- if tools -%}<tool_call>{name}\n<arg_key>{k}</arg_key>{%- endif -%}
     {{- '/nothink' if (enable_thinking is defined and not enable_thinking) else '' -}}
     {{ '\\n<think>' + reasoning_content.strip() + '</think>' }}
     {%- if add_generation_prompt -%}
    <|assistant|>{{- '\\n<think></think>' if (enable_thinking is defined and not enable_thinking) else '' -}}
{%- endif -%}`,
    { callFormat: 'glm', thinks: true, opensThought: false, thinkingSwitches: ['enable_thinking'] },
  ],
  [
    'GLM-4.7',
    `{%- if tools -%}<tool_call>{name}<arg_key>{k}</arg_key>{%- endif -%}
     {%- if add_generation_prompt -%}
    <|assistant|>{{- '</think>' if (enable_thinking is defined and not enable_thinking) else '<think>' -}}
{%- endif -%}`,
    { callFormat: 'glm', thinks: true, opensThought: true },
  ],
  [
    'DeepSeek V3.1, which thinks only when asked to',
    `{%- if not thinking is defined -%}{%- if enable_thinking is defined -%}{%- set thinking = enable_thinking -%}
     {%- else -%}{%- set thinking = false -%}{%- endif -%}{%- endif -%}
     {% for tool in message['tool_calls'] %}{{'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>'}}{% endfor %}
     {%- if add_generation_prompt and ns.is_last_user and not ns.is_tool -%}{{'<｜Assistant｜>'}}
  {%- if not thinking -%}{{'</think>'}}
    {%- else -%}{{'<think>'}}
  {%- endif -%}
{%- endif %}`,
    {
      callFormat: 'deepseek',
      thinks: true,
      opensThought: false,
      thinkingSwitches: ['enable_thinking', 'thinking'],
    },
  ],
  [
    'DeepSeek R1',
    `{% for tool in message['tool_calls'] %}{{'<｜tool▁calls▁begin｜>'}}{% endfor %}
     {% if add_generation_prompt and not ns.is_tool %}{{'<｜Assistant｜><think>\\n'}}{% endif %}`,
    { callFormat: 'deepseek', thinks: true, opensThought: true, thinkingSwitches: [] },
  ],
  [
    'MiniMax M2',
    `{%- set begin = '<minimax:tool_call>' -%}{%- if tools -%}
     <invoke name="x">\n<parameter name="k">v</parameter>{%- endif -%}
     {%- if add_generation_prompt -%}
{{- ']~b]ai' ~ '\\n' ~ '<think>' ~ '\\n' }}
{%- endif -%}`,
    { callFormat: 'minimax', thinks: true, opensThought: true },
  ],
  [
    'Nemotron Nano, whose switch is a word in the prompt',
    `{%- set ns = namespace(enable_thinking=true) -%}{%- if tools -%}
     {{- '<TOOLCALL>[{"name": "a", "arguments": "b"}]</TOOLCALL>' -}}{%- endif -%}
     {%- if add_generation_prompt -%}
  {{- '<SPECIAL_11>Assistant\n' -}}
  {%- if ns.enable_thinking is defined and ns.enable_thinking is false -%}
    {{- '<think></think>' -}}
  {%- else -%}
    {{- '<think>\n\n' -}}
  {%- endif -%}
{%- endif -%}`,
    { callFormat: 'other-tags', thinks: true, opensThought: true, thinkingSwitches: [] },
  ],
  [
    'Step 3.5',
    `{%- if tools %}{{- 'Reasoning: ' + reasoning_effort }}<function=f>\n<parameter=p>{%- endif %}
     {%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n<think>\\n' }}
{%- endif %}`,
    { callFormat: 'qwen-xml', thinks: true, opensThought: true, readsEffort: true },
  ],
  [
    'Gemma 4',
    `{%- if enable_thinking is defined and enable_thinking -%}{{- '<|think|>' -}}{%- endif -%}
     {%- for tool_call in message['tool_calls'] -%}{{- '<|tool_call>call:' + function['name'] + '{' -}}{%- endfor -%}
     {%- if add_generation_prompt -%}
    {{- '<|turn>model\\n' -}}
    {%- if not enable_thinking | default(false) -%}
        {{- '<|channel>thought\\n<channel|>' -}}
    {%- endif -%}
{%- endif -%}`,
    { callFormat: 'gemma', thinks: true, opensThought: false, thinkingSwitches: ['enable_thinking'] },
  ],
  [
    'gpt-oss',
    `{%- if tools %}{{ "<|start|>assistant to=functions." + name + "<|channel|>commentary json<|message|>" }}
     {%- endif %}
     {{ "<|channel|>analysis<|message|>" + message.thinking }}{{ "Reasoning: " + reasoning_effort }}
     {%- if add_generation_prompt -%}<|start|>assistant{%- endif -%}`,
    { callFormat: 'harmony', thinks: true, opensThought: false, thinkingSwitches: [], readsEffort: true },
  ],
  [
    'Mistral Small',
    `{{- raise_exception("After the optional system message, conversation roles must alternate user/assistant") }}
     {%- if tools is not none %}[AVAILABLE_TOOLS]{%- endif %}{{- "[TOOL_CALLS] [" }}
     {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
     {{- raise_exception("Tool call IDs should be alphanumeric strings with length 9!") }}{%- endif %}`,
    { callFormat: 'mistral', thinks: false, wantsShortCallIds: true, wantsAlternation: true },
  ],
  [
    'LFM2.5',
    `{%- if tools -%}{{- "<|tool_call_start|>[" + calls + "]<|tool_call_end|>" -}}{%- endif -%}
     {{- "<think>" + message.thinking + "</think>" -}}{%- if add_generation_prompt -%}
     {{- "<|im_start|>assistant\\n" -}}{%- endif -%}`,
    { callFormat: 'pythonic', thinks: true, opensThought: false, thinkingSwitches: [] },
  ],
  [
    'Llama 3.1',
    `{%- if tools is not none %}
     {{- 'Respond in the format {"name": function name, "parameters": dictionary of arguments}' }}
     {{- "<|python_tag|>" + tool_call.name + ".call(" }}{%- endif %}
     {%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}`,
    { callFormat: 'llama-json', thinks: false, opensThought: false },
  ],
  [
    'Kimi K2',
    `{%- if tools -%}<|tool_calls_section_begin|><|tool_call_begin|>{{ id }}{%- endif -%}
     {%- if add_generation_prompt -%}<|im_assistant|>assistant<|im_middle|>{%- endif -%}`,
    { callFormat: 'kimi', thinks: false, opensThought: false },
  ],
  ['one that knows no tools', `{{ message.content }}<tool_call>`, { callFormat: null, thinks: false }],
];

describe('what a template tells', () => {
  for (const [name, template, want] of CASES) {
    test(name, () => {
      expect(read(template)).toMatchObject(want);
    });
  }

  test('a thought that opens only when thinking is wished is not open by itself', () => {
    const branch = (condition: string) =>
      `{%- if add_generation_prompt %}{{- 'a' }}{%- if ${condition} %}{{- '<think>\\n' }}{%- endif %}{%- endif %}`;
    expect(read(branch('enable_thinking is defined and enable_thinking')).opensThought).toBe(false);
    expect(read(branch('enable_thinking')).opensThought).toBe(false);
    expect(read(branch('enable_thinking is not defined or enable_thinking')).opensThought).toBe(true);
    expect(read(branch('enable_thinking | default(true)')).opensThought).toBe(true);
    expect(read(branch('not (enable_thinking is defined and not enable_thinking)')).opensThought).toBe(true);
  });

  test('a tag in a comment or in history opens nothing', () => {
    expect(read("{%- if add_generation_prompt %}{# opens '<think>' #}{{- 'x' }}{%- endif %}").opensThought).toBe(false);
    expect(read("{{- '<think>' }}{%- if add_generation_prompt %}{{- 'x' }}{%- endif %}").opensThought).toBe(false);
  });

  test('a hostile template takes no time', () => {
    const readAll = (): void => {
      read(`{% if add_generation_prompt %}${"<think>' ~ '".repeat(20_000)}`);
      read(`${'{% if '.repeat(20_000)}add_generation_prompt`);
      read(`tools ${'{"name":'.repeat(20_000)}`);
      read('{#'.repeat(50_000));
      read(`{{ ${"'".repeat(50_001)} }}`);
      read(`tools ${'<|channel|>'.repeat(20_000)}`);
      const branch = '{% if add_generation_prompt %}';
      read(`${branch}{{ ${'if '.repeat(30_000)}<think>' }}`);
      read(`${branch}{{ ${'if else \'a" '.repeat(10_000)}<think>' }}`);
      read(`${'namespace('.repeat(10_000)}${branch}{% if enable_thinking %}{{ '<think>' }}`);
      read(`${branch}{% if ${'not ('.repeat(20_000)}${')'.repeat(20_000)} %}{{ '<think>' }}`);
      read(`{{${"'\\".repeat(50_000)}}}`);
    };
    expect(quickestMs(1_000, readAll)).toBeLessThan(1_000);
  });
});

describe('what a name tells where there is no template', () => {
  const NAMES: readonly (readonly [string, string | null, string | null, boolean])[] = [
    ['Qwen3-Coder-30B-A3B-Instruct-Q4_K_M', 'Qwen3-Coder', 'qwen-xml', false],
    ['Qwen3.6-35B-A3B', 'Qwen3.6', 'qwen-xml', true],
    ['Qwen2.5-Coder-7B', 'Qwen2.5', 'hermes-json', false],
    ['unsloth/GLM-4.7-Flash-GGUF', 'GLM', 'glm', true],
    ['gemma-4-31B-it', 'Gemma 4', 'gemma', true],
    ['gpt-oss-20b', 'gpt-oss', 'harmony', true],
    ['Devstral-Small-2507', 'Mistral', 'mistral', false],
    ['Meta-Llama-3.1-8B-Instruct', 'Llama', 'llama-json', false],
    ['something-else', null, null, false],
  ];
  for (const [name, family, callFormat, thinks] of NAMES) {
    test(name, () => {
      expect(read(null, name)).toMatchObject({ family, callFormat, thinks, opensThought: false });
    });
  }

  test('the name goes before the architecture, which is often borrowed', () => {
    const source = { name: 'x', hfId: 'zai-org/GLM-5', architecture: 'deepseek2', chatTemplate: null };
    expect(detectTraits(source).family).toBe('GLM');
    expect(detectTraits({ ...source, hfId: null, architecture: 'qwen3moe' }).family).toBe('Qwen3');
  });
});
