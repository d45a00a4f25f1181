/** Models that say what a test wants, through a real engine: `writeScriptedModel(path, { scripts: { a: 'Hi!' } })`. */

import type { GgufValue } from '#src/gguf/write.ts';
import { ScriptBook, type ScriptEnd } from '#src/models/demo-script.ts';
import { type ScriptedShape, SMALL_SHAPE, writeScriptedWeights } from '#src/models/scripted-weights.ts';

export type ScriptedModelOptions = {
  /**
   * Script name → its text, any UTF-8 (emoji, tags, broken JSON …). The script is played whose name is a word of the
   * last message; else the first one. With `template`, it is the one whose `<|play_NAME|>` ends the generation prompt.
   */
  readonly scripts: Readonly<Record<string, string | { readonly text: string; readonly end: ScriptEnd }>>;
  readonly template?: string;
  readonly shape?: Partial<ScriptedShape>;
  readonly name?: string;
  readonly metadata?: ReadonlyMap<string, GgufValue>;
};

/** A tool call as Hermes models write it; behind the default template, which knows no tools, it leaks as text. */
export const LEAKED_HERMES_CALL =
  '<tool_call>\n{"name": "get_weather", "arguments": {"location": "Paris"}}\n</tool_call>';
export const LEAKED_XML_CALL =
  '<tool_call>\n<function=get_weather>\n<parameter=location>\nParis\n</parameter>\n</function>\n</tool_call>';
export const EMOJI_TEXT = 'Grüße 👋🏽 aus 日本: family 👨‍👩‍👧‍👦, flag 🇯🇵, done ✅.';

/** Scripts for most tests: plain, endless, emoji, thought, orphan (a lone `</think>`), hermes, xml, cut. */
export const COMMON_SCRIPTS: ScriptedModelOptions['scripts'] = {
  plain: 'This is a plain scripted answer of a few words.',
  endless: { text: 'Round and round it goes, and where it stops, nobody knows; ', end: 'repeat' },
  emoji: EMOJI_TEXT,
  thought: '<think>\nLet me consider this for a moment.\n</think>\n\nI have considered it.',
  orphan: 'A thought whose opening tag was in the prompt.\n</think>\n\nThe answer after an orphan tag.',
  hermes: `I will look.\n${LEAKED_HERMES_CALL}`,
  xml: `Looking now.\n${LEAKED_XML_CALL}`,
  cut: 'Calling.\n<tool_call>\n{"name": "get_weather", "arguments": {"location": "Par',
};

/** Writes the model; a few megabytes, some tens of milliseconds. */
export async function writeScriptedModel(path: string, options: ScriptedModelOptions): Promise<void> {
  const book = new ScriptBook();
  const names = Object.keys(options.scripts);
  for (const [name, script] of Object.entries(options.scripts)) {
    const { text, end } = typeof script === 'string' ? { text: script, end: 'stop' as const } : script;
    book.script(name, text, end, name === names[0]);
  }
  await writeScriptedWeights(path, {
    name: options.name ?? 'Scripted Model',
    description: 'A scripted model for tests',
    template: options.template ?? templateOf(names),
    shape: { ...SMALL_SHAPE, ...options.shape },
    ...(options.metadata ? { metadata: options.metadata } : {}),
    ...book.finish(),
  });
}

function templateOf(names: readonly string[]): string {
  const choices = names.slice(1).map((name) => `{%- elif ' ${name} ' in words -%}<|play_${name}|>`);
  return `{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content or '' }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{%- set words = ' ' ~ (messages[-1].content or '') ~ ' ' -%}
<|im_start|>assistant
{% if false -%}
${choices.join('\n')}
{%- else -%}<|play_${names[0]}|>
{%- endif -%}
{%- endif -%}`;
}
