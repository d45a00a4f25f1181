/**
 * Three models for replays, all on a real engine: one answers, one calls the first tool it is given, one thinks before
 * it answers. Their template is ChatML with Hermes calls, as many real ones are; only its last line differs.
 */
import { ScriptBook } from '#src/models/demo-script.ts';
import { SMALL_SHAPE, writeScriptedWeights } from '#src/models/scripted-weights.ts';

export const ANSWER = 'This is the whole answer of a scripted model.';
export const THOUGHT = 'A scripted thought comes first.';

const CONTEXT_TOKENS = 32_768;

const MESSAGES = `{%- macro text_of(content) -%}
{%- if content is string -%}{{ content }}
{%- elif content is iterable and content is not mapping -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- if tools -%}
<|im_start|>system
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
{{ text_of(message.content) }}
{%- for call in message.tool_calls or [] %}
{%- set called = call.function or call %}
<tool_call>
{"name": "{{ called.name }}", "arguments": {{ called.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
`;

const LAST_LINES = {
  answers: '<|play_answer|>{%- endif -%}',
  calls: '{% if tools -%}<|play_call|>{%- else -%}<|play_answer|>{%- endif -%}{%- endif -%}',
  thinks:
    '{% if enable_thinking is not defined or enable_thinking -%}<|play_think|>{%- else -%}<|play_answer|>{%- endif -%}{%- endif -%}',
};

/** The names of the models: what each does. */
export type ReplayModel = keyof typeof LAST_LINES;
export const REPLAY_MODELS: readonly ReplayModel[] = ['answers', 'calls', 'thinks'];

/** Writes one to `path`. */
export async function writeReplayModel(path: string, model: ReplayModel): Promise<void> {
  const book = new ScriptBook(['<tool_call>']);
  book.script('answer', ANSWER, 'stop', true);
  book.script('think', `<think>\n${THOUGHT}\n</think>\n\n${ANSWER}`);
  // From the opening tag on, the engine's own grammar writes a call of a tool that the request offers.
  book.script('call', '<tool_call>\n');
  await writeScriptedWeights(path, {
    name: model,
    description: 'A scripted model for replays',
    template: MESSAGES + LAST_LINES[model],
    shape: { ...SMALL_SHAPE, contextTokens: CONTEXT_TOKENS },
    ...book.finish(),
  });
}
