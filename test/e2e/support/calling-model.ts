/** A scripted model that calls tools as Hermes models do: which script it plays is a word of the last message. */
import { writeScriptedModel } from '#test/support/scripted-model.ts';

export type Script = {
  /** Played when the last message holds this word; the first script is also the default. */
  readonly name: string;
  readonly text: string;
  /** What follows its last word; the end of the answer unless said otherwise. */
  readonly end?: 'repeat';
};

/** A tool call as such a model writes it. */
export function hermesCall(name: string, input: Readonly<Record<string, unknown>>): string {
  return `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${JSON.stringify(input)}}\n</tool_call>`;
}

/** Writes the model. After a tool's result it plays the script `after`. */
export function writeCallingModel(path: string, scripts: readonly Script[]): Promise<void> {
  return writeScriptedModel(path, {
    name: 'Calling Model',
    template: templateOf(scripts.map(({ name }) => name)),
    scripts: Object.fromEntries(scripts.map(({ name, text, end = 'stop' as const }) => [name, { text, end }])),
  });
}

function templateOf(names: readonly string[]): string {
  const choices = names.map((name) => `{%- elif ' ${name} ' in words -%}<|play_${name}|>`).join('\n');
  return `${MESSAGES}
{%- if add_generation_prompt -%}
{%- set words = ' ' ~ (messages[-1].content or '') | replace('\\n', ' ') ~ ' ' -%}
<|im_start|>assistant
{% if messages[-1].role == 'tool' -%}<|play_after|>
${choices}
{%- else -%}<|play_${names[0]}|>
{%- endif -%}
{%- endif -%}`;
}

const MESSAGES = `{%- if tools -%}
<|im_start|>system
# Tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
Call one as <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.role == 'assistant' and message.reasoning_content -%}
<think>
{{ message.reasoning_content }}
</think>

{% endif -%}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
{%- set called = call.function or call %}
<tool_call>
{"name": "{{ called.name }}", "arguments": {{ called.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}`;
