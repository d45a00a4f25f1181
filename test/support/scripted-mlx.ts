/**
 * MLX models that say what a test wants, through real MLX servers: `writeScriptedMlx(folder, { scripts: {a: 'Hi!'} })`
 * makes a folder of some ten megabytes in a few tenths of a second, with nothing but this code.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cutAtTags, END_TOKEN, isTag, MlxVocabulary } from './scripted-mlx-tokenizer.ts';
import { MLX_SHAPE, type ScriptedTable, unitsOf, writeMlxWeights } from './scripted-mlx-weights.ts';

export type MlxScript =
  | string
  | {
      readonly text: string;
      readonly end?: 'stop' | 'repeat';
      /** Tokens of this many bytes, which cut characters in pieces; without it tokens are words. */
      readonly tokenBytes?: number;
    };

export type ScriptedMlxOptions = {
  /**
   * Script name → its text. Played is: what the last message (a user's) names as a word; `after_tool` after a tool's
   * result; `call` when there are tools; else the first. `enable_thinking: false` plays `NAME_quiet`, if there is one.
   * Within a script a tag (`<think>`, `</think>`, `<tool_call>`, `</tool_call>`) may stand once.
   */
  readonly scripts: Readonly<Record<string, MlxScript>>;
  /** How its template writes tool calls, which is what servers choose their parser by. */
  readonly callFormat?: 'hermes-json' | 'qwen-xml';
  /** The generation prompt opens the thought itself, so scripts only close it. */
  readonly opensThought?: boolean;
  /** More of them make it slower and larger: 24 write some 20 tokens/s on a small machine. */
  readonly layers?: number;
  readonly contextTokens?: number;
  readonly template?: string;
};

export const HERMES_CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';
export const XML_CALL =
  '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>';
const THOUGHT = '<think>\nI should look at the weather first.\n</think>\n\n';

/** Scripts for most tests, with calls in JSON. */
export const MLX_SCRIPTS = {
  plain: 'This is a plain scripted answer of a few words.',
  think: '<think>\nLet me consider this for a moment.\n</think>\n\nI have considered it.',
  think_quiet: 'I have not considered it.',
  call: `${THOUGHT}${HERMES_CALL}`,
  call_quiet: HERMES_CALL,
  said_call: `I will look.\n${HERMES_CALL}`,
  after_tool: 'The tool says that it is sunny in Paris.',
  malformed: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}\n</tool_call>',
  unclosed: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}',
  cut: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Par',
  endless_thought: { text: '<think>\nOn the one hand, and on the other; then again, ', end: 'repeat' },
  open_thought: '<think>\nThis thought stops before it comes to an end.',
  orphan: 'A thought whose opening tag was never said.\n</think>\n\nThe answer after an orphan tag.',
  bytes: { text: 'Grüße 👋🏽 aus 日本: family 👨‍👩‍👧‍👦, flag 🇯🇵, done ✅.', tokenBytes: 3 },
  json: '{"city": "Paris", "degrees": 21}',
  stops: 'First line of the answer.\nEND_OF_ANSWER\nWhat nobody should read.',
  long: Array.from({ length: 400 }, (_, index) => `word${index + 1}`).join(' '),
  endless: { text: 'Round and round it goes, and where it stops, nobody knows; ', end: 'repeat' },
} satisfies ScriptedMlxOptions['scripts'];

/** The same with calls in XML. */
export const MLX_XML_SCRIPTS = {
  ...MLX_SCRIPTS,
  call: `${THOUGHT}${XML_CALL}`,
  call_quiet: XML_CALL,
  said_call: `I will look.\n${XML_CALL}`,
  malformed: '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</tool_call>',
  unclosed: '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>',
  cut: '<tool_call>\n<function=get_weather>\n<parameter=city>\nPar',
} satisfies ScriptedMlxOptions['scripts'];

/** Writes the model: weights, configuration, tokenizer, template. */
export async function writeScriptedMlx(folder: string, options: ScriptedMlxOptions): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const vocabulary = new MlxVocabulary();
  const table = tableOf(options, vocabulary);
  writeMlxWeights(join(folder, 'model.safetensors'), table);
  const write = (name: string, value: unknown): Promise<number> =>
    Bun.write(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value, null, 1));
  await Promise.all([
    write('config.json', configOf(options, table)),
    write('generation_config.json', { eos_token_id: table.endToken }),
    write('tokenizer.json', vocabulary.toJson()),
    write('tokenizer_config.json', {
      tokenizer_class: 'PreTrainedTokenizerFast',
      eos_token: END_TOKEN,
      pad_token: END_TOKEN,
      model_max_length: options.contextTokens ?? 32_768,
      clean_up_tokenization_spaces: false,
    }),
    write('chat_template.jinja', options.template ?? templateOf(options)),
  ]);
}

function configOf(options: ScriptedMlxOptions, table: ScriptedTable): unknown {
  return {
    model_type: 'qwen3',
    architectures: ['Qwen3ForCausalLM'],
    hidden_size: MLX_SHAPE.hiddenSize,
    num_hidden_layers: table.layers,
    intermediate_size: unitsOf(table),
    num_attention_heads: MLX_SHAPE.heads,
    num_key_value_heads: MLX_SHAPE.heads,
    head_dim: MLX_SHAPE.headDimensions,
    rms_norm_eps: 1e-6,
    vocab_size: table.vocabulary,
    max_position_embeddings: options.contextTokens ?? 32_768,
    rope_theta: MLX_SHAPE.ropeTheta,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
    eos_token_id: table.endToken,
  };
}

function tableOf(options: ScriptedMlxOptions, vocabulary: MlxVocabulary): ScriptedTable {
  const endToken = vocabulary.tagOf(END_TOKEN);
  const newline = vocabulary.tokenOf(Buffer.from('\n'));
  const markers: number[] = [];
  const transitions: { marker: number; last: number; next: number }[] = [];
  for (const [name, script] of Object.entries(options.scripts)) {
    const { text, end = 'stop', tokenBytes = null } = typeof script === 'string' ? { text: script } : script;
    const marker = vocabulary.addTag(`<|play_${name}|>`, true);
    markers.push(marker);
    const pieces = tokenBytes === null ? piecesOf(text, vocabulary) : bytePieces(text, tokenBytes, vocabulary);
    if (new Set(pieces).size !== pieces.length) throw new Error(`the script ${name} says a tag twice`);
    const again = isTag(text.slice(0, text.indexOf('>') + 1)) ? pieces[1] : pieces[0];
    const chain = [marker, ...pieces, end === 'repeat' ? (again ?? endToken) : endToken];
    for (const [index, last] of chain.slice(0, -1).entries()) {
      transitions.push({ marker, last, next: chain[index + 1] ?? endToken });
    }
    // Where the prompt opens the thought, this is what the script follows.
    if (options.opensThought) transitions.push({ marker, last: newline, next: chain[1] ?? endToken });
  }
  return { vocabulary: vocabulary.size, markers, transitions, endToken, layers: options.layers ?? 1 };
}

/** Words, joined until none comes twice: the last token and the script alone say what is next. */
function piecesOf(text: string, vocabulary: MlxVocabulary): number[] {
  const used = new Set<string>(['\n']);
  const pieces: number[] = [];
  for (const part of cutAtTags(text)) {
    if (isTag(part)) {
      pieces.push(vocabulary.tagOf(part));
      continue;
    }
    const words: string[] = [];
    let word = '';
    for (const next of part.match(/\s*\S+|\s+$/gu) ?? []) {
      word += next;
      if (used.has(word)) continue;
      used.add(word);
      words.push(word);
      word = '';
    }
    if (word !== '') words.push(uniqueEnd(words.pop() ?? '', word, used));
    pieces.push(...words.map((piece) => vocabulary.tokenOf(Buffer.from(piece))));
  }
  return pieces;
}

/** What is left over belongs to the piece before it. */
function uniqueEnd(before: string, rest: string, used: Set<string>): string {
  const joined = before + rest;
  if (used.has(joined)) throw new Error(`"${joined}" comes twice in one script`);
  used.add(joined);
  return joined;
}

function bytePieces(text: string, tokenBytes: number, vocabulary: MlxVocabulary): number[] {
  const bytes = Buffer.from(text);
  const used = new Set<number>();
  const pieces: number[] = [];
  for (let from = 0, to = tokenBytes; from < bytes.length; to++) {
    const token = vocabulary.tokenOf(bytes.subarray(from, to));
    if (used.has(token) && to < bytes.length) continue;
    used.add(token);
    pieces.push(token);
    from = to;
    to += tokenBytes - 1;
  }
  return pieces;
}

const CALL_IN_TEMPLATE = {
  'hermes-json': '{"name": "{{ tool_call.name }}", "arguments": {{ tool_call.arguments | tojson }}}',
  'qwen-xml': `<function={{ tool_call.name }}>
{% for key, value in tool_call.arguments | items %}<parameter={{ key }}>
{{ value }}
</parameter>
{% endfor %}</function>`,
} as const;

function templateOf({ scripts, callFormat = 'hermes-json', opensThought = false }: ScriptedMlxOptions): string {
  const names = Object.keys(scripts);
  const named = names.map((name) => `{%- if ' ${name} ' in words %}{%- set ns.name = '${name}' %}{%- endif %}`);
  const quiet = names.filter((name) => names.includes(`${name}_quiet`)).map((name) => `'${name}'`);
  const has = (name: string): string => (names.includes(name) ? 'true' : 'false');
  return `{%- macro text_of(content) -%}
{%- if content is string -%}{{ content }}
{%- elif content is iterable and content is not mapping -%}
{%- for part in content -%}{%- if part.type == 'text' -%}{{ part.text }}{%- endif -%}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- if tools %}<|im_start|>system
# Tools
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
<|im_end|>
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
{%- set tool_call = call.function or call %}
<tool_call>
${CALL_IN_TEMPLATE[callFormat]}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{%- set last = messages[-1] -%}
{%- set words = ' ' ~ text_of(last.content) | replace('.', ' ') | replace(',', ' ') | replace('?', ' ')
  | replace('!', ' ') | replace(':', ' ') | replace('\\n', ' ') ~ ' ' -%}
{%- set ns = namespace(name='${names[0]}') -%}
{%- if tools and ${has('call')} %}{%- set ns.name = 'call' %}{%- endif %}
{%- if last.role == 'tool' %}{%- if ${has('after_tool')} %}{%- set ns.name = 'after_tool' %}{%- endif %}
{%- else %}
${named.join('\n')}
{%- endif %}
{%- set thinks = enable_thinking is not defined or enable_thinking -%}
{%- if not thinks and ns.name in [${quiet.join(', ')}] %}{%- set ns.name = ns.name ~ '_quiet' %}{%- endif -%}
<|im_start|>assistant
<|play_{{ ns.name }}|>${opensThought ? "{%- if thinks %}{{ '<think>\\n' }}{%- endif %}" : ''}
{%- endif -%}`;
}
