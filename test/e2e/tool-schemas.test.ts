/**
 * Tools whose schemas llama-server refuses, through a whole Flow on the real engine, with the official clients: the
 * request works, the header says what was relaxed, and a call that does not match is corrected by the model itself.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { type EngineProcess, startEngine } from '../support/engine-process.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const PARAMETERS = {
  type: 'object' as const,
  properties: { path: { type: 'string', pattern: '^/\\S+$', description: 'An absolute path' } },
  required: ['path'],
};
const OPEN_TOOL = {
  type: 'function',
  function: { name: 'open', description: 'Opens a file', parameters: PARAMETERS },
} as const;

const callOf = (path: string) => `<tool_call>\n{"name": "open", "arguments": {"path": "${path}"}}\n</tool_call>`;
/** A word of the first message chooses what is said; told that a call was not carried out, it is `NAME_again`. */
const SCRIPTS = {
  plain: 'Nothing to open.',
  wrong: `I look.\n${callOf('notes.txt')}`,
  wrong_again: callOf('/home/notes.txt'),
  stubborn: callOf('still.txt'),
  stubborn_again: callOf('relative.txt'),
  right: callOf('/etc/hosts'),
};
const TEMPLATE = `{%- if tools -%}<|im_start|>system
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
Call one as <tool_call>
{"name": <name>, "arguments": <arguments>}
</tool_call><|im_end|>
{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{%- set said = namespace(words='') -%}
{%- for message in messages -%}{%- set said.words = said.words ~ ' ' ~ (message.content or '') -%}{%- endfor -%}
{%- set words = said.words -%}
{%- set told = 'not carried out' in words -%}
<|im_start|>assistant
{% if 'stubborn' in words and told -%}<|play_stubborn_again|>
{%- elif 'stubborn' in words -%}<|play_stubborn|>
{%- elif 'wrong' in words and told -%}<|play_wrong_again|>
{%- elif 'wrong' in words -%}<|play_wrong|>
{%- elif 'right' in words -%}<|play_right|>
{%- else -%}<|play_plain|>
{%- endif -%}
{%- endif -%}`;

let folder: string;
let engine: EngineProcess;
let flow: RunningFlow;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-tool-schemas-'));
  const path = join(folder, 'opener.gguf');
  await writeScriptedModel(path, { scripts: SCRIPTS, template: TEMPLATE, name: 'opener' });
  engine = await startEngine(path, ['-c', '8192', '-np', '1']);
  flow = await startFlow({ engine: realEngine().executable });
  const { status } = await flow.json('/api/register-local', { path });
  expect(status).toBeLessThan(300);
  openai = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
}, 180_000);

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ask = (word: string) => ({
  model: 'opener',
  temperature: 0,
  messages: [{ role: 'user' as const, content: `Be ${word} please` }],
  tools: [OPEN_TOOL],
});

/** What Flow recorded as mended in a request. */
async function repairsOf(response: { headers: Headers }): Promise<readonly string[]> {
  const id = response.headers.get('x-request-id');
  const { body } = await flow.json(`/api/requests/${id}`);
  return JSON.parse(JSON.stringify(body.repairs ?? []));
}

const callsOf = (message: OpenAI.ChatCompletionMessage | undefined) =>
  (message?.tool_calls ?? []).map((call) => (call.type === 'function' ? JSON.parse(call.function.arguments) : null));

describe('a tool that the engine refuses', () => {
  test('is refused by the engine itself', async () => {
    const direct = await fetch(`${engine.baseUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(ask('right')),
    });
    expect(direct.status).toBe(400);
    expect(await direct.text()).toContain('grammar');
  });

  test('works through Flow, and a header says what was relaxed', async () => {
    const { data, response } = await openai.chat.completions.create(ask('right')).withResponse();
    expect(response.headers.get('x-flow-relaxed')).toBe('open.path: pattern');
    expect(callsOf(data.choices[0]?.message)).toEqual([{ path: '/etc/hosts' }]);
    expect(data.choices[0]?.message.tool_calls).toHaveLength(1);
    expect(await repairsOf(response)).toEqual([expect.stringContaining('open.path: pattern')]);
  });

  test('still guides the model: what the grammar cannot hold is in the description', async () => {
    const counted = (tools: unknown) =>
      flow.json('/v1/messages/count_tokens', { model: 'opener', messages: [{ role: 'user', content: 'Hi' }], tools });
    const schema = { ...PARAMETERS, properties: { path: { type: 'string', description: 'An absolute path' } } };
    const tool = { name: 'open', description: 'Opens a file' };
    const { body: bare } = await counted([{ ...tool, input_schema: schema }]);
    const { body: relaxed } = await counted([{ ...tool, input_schema: PARAMETERS }]);
    expect(Number(relaxed.input_tokens)).toBeGreaterThan(Number(bare.input_tokens));
  });
});

describe('a call that does not match', () => {
  test('is made anew by the model: whole', async () => {
    const { data, response } = await openai.chat.completions.create(ask('wrong')).withResponse();
    const [choice] = data.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toContain('I look.');
    expect(callsOf(choice?.message)).toEqual([{ path: '/home/notes.txt' }]);
    const { usage } = await openai.chat.completions.create(ask('right'));
    expect(data.usage?.completion_tokens).toBeGreaterThan(usage?.completion_tokens ?? 0);
    // The prompt that the client sent, not the longer one of the second question.
    expect(data.usage?.prompt_tokens).toBeLessThan((usage?.prompt_tokens ?? 0) + 5);
    expect((await repairsOf(response)).join()).toContain('the model was asked to correct its call');
  });

  test('is made anew by the model: streamed, in one stream with one finish', async () => {
    const { data: stream, response } = await openai.chat.completions
      .create({ ...ask('wrong'), stream: true, stream_options: { include_usage: true } })
      .withResponse();
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const deltas = chunks.flatMap(({ choices }) => choices);
    const calls = deltas.flatMap(({ delta }) => delta.tool_calls ?? []);
    expect(deltas.map(({ delta }) => delta.content ?? '').join('')).toContain('I look.');
    expect(calls.filter(({ id }) => id)).toHaveLength(1);
    expect(calls.every(({ index }) => index === 0)).toBe(true);
    expect(JSON.parse(calls.map((call) => call.function?.arguments ?? '').join(''))).toEqual({
      path: '/home/notes.txt',
    });
    expect(deltas.filter(({ finish_reason }) => finish_reason).map(({ finish_reason }) => finish_reason)).toEqual([
      'tool_calls',
    ]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBeLessThanOrEqual(2);
    expect(chunks.filter(({ usage }) => usage)).toHaveLength(1);
    expect(deltas.filter(({ delta }) => delta.role)).toHaveLength(1);
    expect((await repairsOf(response)).join()).toContain('the model was asked to correct its call');
  });

  for (const isStream of [false, true]) {
    test(`is made anew by the model: Anthropic, ${isStream ? 'streamed' : 'whole'}`, async () => {
      const body = {
        model: 'opener',
        max_tokens: 500,
        messages: [{ role: 'user' as const, content: 'Be wrong please' }],
        tools: [{ name: 'open', description: 'Opens a file', input_schema: PARAMETERS }],
      };
      const { data, response } = isStream
        ? await anthropic.messages.stream(body).withResponse()
        : await anthropic.messages.create(body).withResponse();
      const message = 'finalMessage' in data ? await data.finalMessage() : data;
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content.map(({ type }) => type)).toEqual(['text', 'tool_use']);
      expect(message.content.at(-1)).toMatchObject({ name: 'open', input: { path: '/home/notes.txt' } });
      expect(response.headers.get('x-flow-relaxed')).toBe('open.path: pattern');
    });
  }

  for (const isStream of [false, true]) {
    test(`goes to the client as the model wrote it when the second one is wrong too: ${isStream ? 'streamed' : 'whole'}`, async () => {
      const { message, response } = isStream ? await streamed('stubborn') : await wholly('stubborn');
      expect(callsOf(message)).toEqual([{ path: 'relative.txt' }]);
      expect((await repairsOf(response)).join()).toContain('the call was handed on as it is');
    });
  }
});

async function wholly(word: string) {
  const { data, response } = await openai.chat.completions.create(ask(word)).withResponse();
  return { message: data.choices[0]?.message, response };
}

async function streamed(word: string) {
  const { data, response } = await openai.chat.completions.create({ ...ask(word), stream: true }).withResponse();
  const completion = await ChatCompletionStream.fromReadableStream(data.toReadableStream()).finalChatCompletion();
  return { message: completion.choices[0]?.message, response };
}
