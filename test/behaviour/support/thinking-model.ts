/** A model that thinks in tags of one token each, as real ones do, so that an engine can count and end its thoughts. */
import { ScriptBook } from '#src/models/demo-script.ts';
import { SMALL_SHAPE, writeScriptedWeights } from '#src/models/scripted-weights.ts';

/** How many words it thinks, unless it is ended. */
export const THOUGHT_WORDS = 600;
const words = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}${at}`).join(' ');
export const THOUGHT = words('thought', THOUGHT_WORDS);
/** Longer than a small limit, so that it can be seen where it ends. */
export const ANSWER = words('answer', 100);

/** Thinks unless `enable_thinking` is false. */
const TEMPLATE = `{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% if message.reasoning_content -%}
<think>
{{ message.reasoning_content }}
</think>

{% endif -%}
{{ message.content or '' }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false -%}<|play_plain|>
{%- else -%}<|play_think|>
{%- endif -%}
{%- endif -%}`;

/** Writes the model. */
export async function writeThinkingModel(path: string): Promise<void> {
  const book = new ScriptBook(['<think>', '</think>']);
  book.script('plain', 'No thought was needed.', 'stop', true);
  book.script('think', `<think>\n${THOUGHT}\n</think>\n\n${ANSWER}`);
  await writeScriptedWeights(path, {
    name: 'Thinking Model',
    description: 'A scripted model for tests',
    template: TEMPLATE,
    shape: SMALL_SHAPE,
    ...book.finish(),
  });
}

/** Says in Qwen's XML, after a thought whose opening tag is in the prompt, that it wants to call `get_weather`. */
export async function writeCallingModel(path: string): Promise<void> {
  const book = new ScriptBook(['</think>', '<tool_call>']);
  const call = '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>';
  // No line break before the tag: it would be the token that the prompt ends with, and lead on from there.
  book.script('call', `Weather is asked for.</think>\n\n${call}`, 'stop', true);
  await writeScriptedWeights(path, {
    name: 'Calling Model',
    description: 'A scripted model for tests',
    // Never used: the tests start it with Flow's own.
    template: '{% for message in messages %}{{ message.content }}{% endfor %}',
    shape: SMALL_SHAPE,
    ...book.finish(),
  });
}
