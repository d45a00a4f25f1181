// What the demo model says through a real llama-server. What Flow makes of it is tested in test/gateway.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEMO_ID, makeDemoModel } from '#src/models/demo.ts';
import { type EngineProcess, startEngine } from '#test/support/engine-process.ts';
import { COMMON_SCRIPTS, EMOJI_TEXT, LEAKED_HERMES_CALL, writeScriptedModel } from '#test/support/scripted-model.ts';

type Call = { function: { name: string; arguments: string } };
type Answer = {
  choices: { finish_reason: string; message: { content: string; reasoning_content?: string; tool_calls?: Call[] } }[];
};

let folder: string;
let demo: EngineProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flow-demo-'));
  const path = join(folder, `${DEMO_ID}.gguf`);
  const startedMs = performance.now();
  await makeDemoModel(path);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect((await stat(path)).size).toBeLessThan(5_000_000);
  demo = await startEngine(path, ['-c', '65536', '-np', '2']);
});

afterAll(async () => {
  await demo[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function ask(body: object, engine = demo): Promise<Answer['choices'][number]> {
  const response = await fetch(`${engine.baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ max_tokens: 600, ...body }),
    // The engine closes a connection behind a stream, and a pooled one would be asked before that is seen.
    keepalive: false,
  });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  const [choice] = (JSON.parse(text) as Answer).choices;
  if (!choice) throw new Error('no choice');
  return choice;
}

const user = (content: unknown) => [{ role: 'user', content }];
const tool = (name: string, parameters: object = { type: 'object', properties: {} }) => ({
  type: 'function',
  function: { name, description: 'A tool of the test', parameters },
});
const WEATHER = tool('get_weather', {
  type: 'object',
  properties: { location: { type: 'string' }, days: { type: 'integer' } },
  required: ['location'],
});

test.each([
  ['plain words', user('Hello')],
  ['emoji and other scripts', user('Grüße 🎉 日本語 \u0000 ​')],
  [
    'a list of parts',
    user([
      { type: 'text', text: 'Hi' },
      { type: 'text', text: 'there' },
    ]),
  ],
  [
    'a system message and turns',
    [{ role: 'system', content: 'Be nice.' }, ...user('a'), { role: 'assistant', content: 'b' }, ...user('c')],
  ],
  ['an answer without content', [...user('a'), { role: 'assistant', content: null }, ...user('c')]],
  ['our own tags', user('<|im_end|><|play_long|></think>')],
])('it says that it is a demo when sent %s', async (_what, messages) => {
  const { message, finish_reason } = await ask({ messages });
  expect(message.content).toContain('demo of Flow, not a real model');
  expect(message.reasoning_content ?? '').toBe('');
  expect(finish_reason).toBe('stop');
});

test('default sampling says the same as no sampling', async () => {
  const cold = await ask({ messages: user('Hello'), temperature: 0 });
  const warm = await ask({
    messages: user('Hello'),
    temperature: 1.2,
    top_p: 1,
    top_k: 0,
    min_p: 0,
    presence_penalty: 1.5,
  });
  expect(warm.message.content).toBe(cold.message.content);
});

test.each([
  ['the word', { messages: user('Please think about it.') }],
  ['an effort', { messages: user('Hi'), reasoning_effort: 'high' }],
])('it thinks when asked by %s, and the thought is kept apart', async (_what, body) => {
  const { message } = await ask(body);
  expect(message.reasoning_content).toContain('Somebody wants to see a thought');
  expect(message.content).toStartWith('Done thinking.');
});

test('it does not think when thinking is off', async () => {
  const { message } = await ask({ messages: user('think'), chat_template_kwargs: { enable_thinking: false } });
  expect(message.reasoning_content ?? '').toBe('');
  expect(message.content).toContain('demo of Flow');
});

const HARD = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    long: { type: 'string', minLength: 12 },
    short: { type: 'string', maxLength: 2 },
    maybe: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    count: { type: 'integer', minimum: 10, maximum: 200 },
    number: { type: 'number' },
    list: {
      type: 'array',
      items: { type: 'object', properties: { x: { type: 'string' } }, required: ['x'] },
      minItems: 2,
    },
    mode: { enum: ['fast', 'slow'] },
    free: {},
    map: { type: 'object', additionalProperties: { type: 'string' } },
    day: { type: 'string', format: 'date' },
  },
  required: ['text', 'long', 'short', 'maybe', 'count', 'number', 'list', 'mode', 'free', 'map', 'day'],
};

test.each([
  ['a plain name', [WEATHER], 'get_weather', { location: 'demo' }],
  ['dashes, dots and colons', [tool('mcp__files-x.read:v2')], 'mcp__files-x.read:v2', {}],
  ['capitals and digits', [tool('WebFetch2', WEATHER.function.parameters)], 'WebFetch2', { location: 'demo' }],
  ['a name that begins another', [tool('get_more'), tool('get')], 'get', {}],
])('it calls a tool with %s', async (_what, tools, name, args) => {
  const { message, finish_reason } = await ask({ messages: user('Weather?'), tools });
  expect(finish_reason).toBe('tool_calls');
  expect(message.tool_calls).toHaveLength(1);
  expect(message.tool_calls?.[0]?.function.name).toBe(name);
  expect(JSON.parse(message.tool_calls?.[0]?.function.arguments ?? '')).toEqual(args);
});

test('arguments obey a hard schema', async () => {
  const { message } = await ask({ messages: user('x'), tools: [tool('hard', HARD)] });
  const args = JSON.parse(message.tool_calls?.[0]?.function.arguments ?? '');
  expect(Object.keys(args).sort()).toEqual([...HARD.required].sort());
  expect(args).toMatchObject({ text: 'demo', mode: 'fast', list: [{ x: 'demo' }, { x: 'demo' }], map: {} });
  expect(args.count).toBeGreaterThanOrEqual(10);
  expect(args.long.length).toBeGreaterThanOrEqual(12);
});

test('a required call works as an automatic one does', async () => {
  const { message } = await ask({
    messages: user('x'),
    tools: [WEATHER],
    tool_choice: 'required',
    parallel_tool_calls: true,
  });
  expect(message.tool_calls).toHaveLength(1);
});

test('it thinks before it calls when asked to', async () => {
  const { message } = await ask({ messages: user('think and call'), tools: [WEATHER] });
  expect(message.reasoning_content).toContain('thought');
  expect(message.tool_calls).toHaveLength(1);
});

test('it acknowledges a tool result', async () => {
  const call = { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: '{"location":"Paris"}' } };
  const messages = [
    ...user('Weather?'),
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
  ];
  const { message, finish_reason } = await ask({ messages, tools: [WEATHER] });
  expect(message.content).toContain('Your tool has answered');
  expect(finish_reason).toBe('stop');
});

test('a tool call streams: its arguments come in several pieces', async () => {
  const response = await fetch(`${demo.baseUrl}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ stream: true, max_tokens: 300, messages: user('x'), tools: [WEATHER] }),
  });
  const events = (await response.text()).split('\n').filter((line) => line.includes('"tool_calls":['));
  expect(events.length).toBeGreaterThan(3);
});

test('a long answer ends only at max_tokens', async () => {
  const { message, finish_reason } = await ask({ messages: user('Please count for me'), max_tokens: 300 });
  expect(finish_reason).toBe('length');
  expect(message.content.length).toBeGreaterThan(1_000);
});

test('it fills a response format', async () => {
  const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
  const { message } = await ask({
    messages: user('x'),
    response_format: { type: 'json_schema', json_schema: { schema } },
  });
  expect(JSON.parse(message.content)).toEqual({ answer: 'demo' });
});

test('a scripted model of the tests says its scripts to the letter', async () => {
  const path = join(folder, 'scripted.gguf');
  await writeScriptedModel(path, { scripts: COMMON_SCRIPTS });
  await using engine = await startEngine(path, ['-c', '4096', '-np', '1']);
  const said = async (script: string): Promise<string> =>
    (await ask({ messages: user(script), temperature: 1 }, engine)).message.content;
  expect(await said('emoji')).toBe(EMOJI_TEXT);
  expect(await said('hermes')).toContain(LEAKED_HERMES_CALL);
  expect(await said('orphan')).toContain('</think>');
  expect(await said('anything')).toBe('This is a plain scripted answer of a few words.');
});
