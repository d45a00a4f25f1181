// What Anthropic's clients may send, and the templates that take little of it: through a whole Flow to a real engine.
// How each block is read: test/dialects/anthropic; whole recorded requests: recordings.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import { messagesBody } from '../dialects/anthropic/bodies.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';
import { ANSWER, writeReplayModel } from './support/replay-models.ts';

/** As strict as Mistral's: one system message, turns counted without calls and results, nine-letter ids, no parts. */
const STRICT_TEMPLATE = `{%- set ns = namespace(index=0) -%}
{%- for message in messages -%}
{%- if message.content is not string -%}{{ raise_exception('Only text is supported') }}{%- endif -%}
{%- if message.role == 'system' and not loop.first -%}{{ raise_exception('System comes first') }}{%- endif -%}
{%- if message.role == 'user' or (message.role == 'assistant' and not message.tool_calls) -%}
{%- if (message.role == 'user') != (ns.index % 2 == 0) -%}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{%- endif -%}
{%- set ns.index = ns.index + 1 -%}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{%- if call.id | length != 9 -%}
{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}
{%- endif -%}
[TOOL_CALLS][{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }},
"id": "{{ call.id }}"}]
{%- endfor -%}
{%- if message.role == 'tool' and message.tool_call_id | length != 9 -%}
{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}
{%- endif -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
<|play_answer|>{%- endif -%}`;

let dataDir: string;
let flow: RunningFlow;
let client: Anthropic;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-blocks-'));
  const models = join(dataDir, 'models');
  mkdirSync(models);
  await writeReplayModel(join(models, 'answers.gguf'), 'answers');
  await writeReplayModel(join(models, 'calls.gguf'), 'calls');
  await writeScriptedModel(join(models, 'strict.gguf'), {
    name: 'strict',
    template: STRICT_TEMPLATE,
    scripts: { answer: ANSWER },
    shape: { contextTokens: 8192 },
  });
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  for (const name of ['answers', 'calls', 'strict']) {
    const { body } = await flow.json('/api/register-local', { path: join(models, `${name}.gguf`) });
    expect(body.model_id).toBe(name);
  }
  client = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const hello = { role: 'user' as const, content: 'Hello' };
const words = (text: string) => ({ type: 'text' as const, text });

describe('a stop sequence', () => {
  const ask = { model: 'answers', max_tokens: 100, messages: [hello], stop_sequences: ['</block>', ' scripted'] };

  test('is named in a whole answer and in a stream', async () => {
    const whole = await client.messages.create(ask);
    expect([whole.stop_reason, whole.stop_sequence]).toEqual(['stop_sequence', ' scripted']);
    expect(whole.content).toMatchObject([{ type: 'text', text: 'This is the whole answer of a' }]);
    const streamed = await client.messages.stream(ask).finalMessage();
    expect([streamed.stop_reason, streamed.stop_sequence]).toEqual(['stop_sequence', ' scripted']);
  });

  test('that was not met is not named', async () => {
    const whole = await client.messages.create({ ...ask, stop_sequences: ['</block>'] });
    expect([whole.stop_reason, whole.stop_sequence]).toEqual(['end_turn', null]);
  });
});

/** A conversation with all that an agent's history may hold. */
const history: Anthropic.Beta.BetaMessageParam[] = [
  {
    role: 'user',
    content: [
      words('read this'),
      { type: 'document', title: 'plan', source: { type: 'text', media_type: 'text/plain', data: 'the plan' } },
    ],
  },
  { role: 'system', content: 'Be brief.' },
  {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Two files.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'x' },
      words('I look.'),
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
      { type: 'tool_use', id: 'toolu_mock001', name: 'Read', input: { path: 'a.png' } },
      { type: 'tool_use', id: 'toolu_mock002', name: 'Read', input: { path: 'b.pdf' } },
    ],
  },
  {
    role: 'user',
    content: [
      {
        type: 'tool_result',
        tool_use_id: 'toolu_mock002',
        content: [
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQ=' } },
        ],
      },
      {
        type: 'tool_result',
        tool_use_id: 'toolu_mock001',
        is_error: true,
        content: [words('half'), { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'QUJD' } }],
      },
      words('go on'),
    ],
  },
  { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_mock003', name: 'Read', input: {} }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_mock003' }] },
  { role: 'system', content: [words('Be briefer.')] },
];
const body = {
  max_tokens: 100,
  system: [
    words('x-anthropic-billing-header: cc_version=2.1.330.dcf;'),
    { ...words('You are an agent.'), cache_control: { type: 'ephemeral' as const } },
  ],
  messages: history,
  tools: [
    { name: 'Read', input_schema: { type: 'object' as const, properties: { path: { type: 'string' } } } },
    { type: 'web_search_20250305' as const, name: 'web_search' as const },
    { type: 'bash_20250124' as const, name: 'bash' as const },
  ],
  metadata: { user_id: '{"session_id":"s"}' },
  context_management: { edits: [{ type: 'clear_tool_uses_20250919' as const }] },
  thinking: { type: 'adaptive' as const },
};

describe('a history of all blocks', () => {
  for (const model of ['answers', 'strict']) {
    test(`is answered by the model that ${model === 'strict' ? 'takes least' : 'takes most'}`, async () => {
      const answer = await client.beta.messages.create({ ...body, model });
      expect(answer.content).toMatchObject([{ type: 'text', text: ANSWER }]);
      expect(answer.stop_reason).toBe('end_turn');
      const counted = await client.beta.messages.countTokens({ ...body, model });
      const { input_tokens, cache_read_input_tokens } = answer.usage;
      expect(counted.input_tokens).toBe(input_tokens + (cache_read_input_tokens ?? 0));
    });
  }

  test('comes with notes of what was left out', async () => {
    const { response } = await client.beta.messages.create({ ...body, model: 'answers' }).withResponse();
    const id = response.headers.get('x-request-id') ?? '';
    const { body: shown } = await flow.json(`/api/requests/${id}`);
    const notes = JSON.stringify(shown);
    for (const part of ['strip_attribution', 'web_search', 'pdftotext', 'no vision', 'redacted', 'clear_tool_uses']) {
      expect(notes).toContain(part);
    }
  });
});

describe('the strict model', () => {
  const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });

  test('answers an OpenAI client that speaks after a result', async () => {
    const { status, body: answer } = await flow.json('/v1/chat/completions', {
      model: 'strict',
      messages: [
        { role: 'developer', content: 'a' },
        { role: 'system', content: 'b' },
        hello,
        { role: 'assistant', content: null, tool_calls: [call('call_mock001')] },
        { role: 'tool', tool_call_id: 'call_mock001', content: [words('r')] },
        { role: 'user', content: [words('go on')] },
      ],
    });
    expect(status).toBe(200);
    expect(answer).toMatchObject({ choices: [{ message: { content: ANSWER } }] });
  });
});

describe('the choice of one tool', () => {
  const names = ['first', 'second', 'third'];
  const schema = { type: 'object' as const, properties: { a: { type: 'string' } } };

  test('is the call that comes, for Anthropic’s client', async () => {
    const answer = await client.messages.create({
      model: 'calls',
      max_tokens: 100,
      messages: [hello],
      tools: names.map((name) => ({ name, input_schema: schema })),
      tool_choice: { type: 'tool', name: 'second' },
    });
    expect(answer.stop_reason).toBe('tool_use');
    expect(answer.content).toMatchObject([{ type: 'tool_use', name: 'second' }]);
  });

  test('and for OpenAI’s', async () => {
    const { body: answer } = await flow.json('/v1/chat/completions', {
      model: 'calls',
      messages: [hello],
      tools: names.map((name) => ({ type: 'function', function: { name, parameters: schema } })),
      tool_choice: { type: 'function', function: { name: 'third' } },
    });
    expect(answer).toMatchObject({
      choices: [{ finish_reason: 'tool_calls', message: { tool_calls: [{ function: { name: 'third' } }] } }],
    });
  });

  test('also for functions of old', async () => {
    const { body: answer } = await flow.json('/v1/chat/completions', {
      model: 'calls',
      messages: [hello],
      functions: names.map((name) => ({ name, parameters: schema })),
      function_call: { name: 'first' },
    });
    expect(answer).toMatchObject({ choices: [{ message: { tool_calls: [{ function: { name: 'first' } }] } }] });
  });
});

describe('an address', () => {
  test('of an image is refused with its place, since nothing is fetched', async () => {
    const source = { type: 'url' as const, url: 'https://example.org/a.png' };
    const failure = await client.messages
      .create({ model: 'answers', max_tokens: 9, messages: [{ role: 'user', content: [{ type: 'image', source }] }] })
      .catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError);
    expect(String(failure)).toContain('messages.0.content.0.source.url: Flow fetches nothing');
  });
});

const lastOf = (list: unknown): unknown => (Array.isArray(list) ? (list.at(-1) ?? null) : null);

describe('any body of the grammar, and such with junk in it', () => {
  for (const isSane of [true, false]) {
    test(`is answered or refused, never failed: ${isSane ? 'sane' : 'spoilt'}`, async () => {
      await fc.assert(
        fc.asyncProperty(messagesBody({ isSane }), fc.constantFrom('answers', 'strict'), async (each, model) => {
          // The engine's own parser gives up on a call that the client has begun itself, before a word has come.
          fc.pre(!JSON.stringify(lastOf(each.messages)).includes('<tool_call>'));
          const { status, body: answer } = await flow.json('/v1/messages', { ...each, stream: false, model });
          if (status !== 200 && status !== 400) throw new Error(`${status}: ${JSON.stringify(answer)}`);
          expect(answer.type).toBe(status === 200 ? 'message' : 'error');
        }),
        { numRuns: 60 },
      );
    }, 180_000);
  }
});
