// Flow's own chat template for Qwen3.6, rendered by two engines that share no code: the real llama-server's and ours.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from '@huggingface/jinja';
import { QWEN_TEMPLATE } from '#src/behaviour/presets.ts';
import { ownTemplates } from '#src/behaviour/template-files.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeCallingModel } from './support/thinking-model.ts';

type Message = Record<string, unknown>;
type Call = { name: string; arguments: object };

const TOOL = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Weather of <city> & "more"',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const template = new Template(ownTemplates().get(QWEN_TEMPLATE) ?? '');

let folder: string;
let flow: RunningFlow;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-qwen-'));
  await mkdir(join(folder, 'models'));
  const path = join(folder, 'models', 'caller.gguf');
  await writeCallingModel(path);
  flow = await startFlow({ engine: realEngine().executable, dataDir: folder });
  await flow.json('/api/register-local', { path });
  const { status, body } = await flow.json('/api/models/caller/config', { preset: 'qwen36_tools' }, 'PUT');
  expect(status, JSON.stringify(body)).toBe(200);
  const loaded = await flow.json('/api/models/caller/load?wait=1', {});
  expect(loaded.status, JSON.stringify(loaded.body)).toBe(200);
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The prompt, by the engine; our own rendering must be the same. */
async function rendered(messages: Message[], more: { tools?: object[]; kwargs?: object } = {}): Promise<string> {
  const { tools, kwargs = {} } = more;
  const body = { messages, ...(tools ? { tools } : {}), chat_template_kwargs: kwargs };
  const { status, body: answer } = await flow.json('/upstream/caller/apply-template', body);
  expect(status, JSON.stringify(answer)).toBe(200);
  const ours = template.render({ messages: messages.map(parsed), tools, add_generation_prompt: true, ...kwargs });
  expect(ours).toBe(String(answer.prompt));
  return ours;
}

/** As engines hand calls to templates: with arguments as an object. */
function parsed(message: Message): Message {
  if (!Array.isArray(message.tool_calls)) return message;
  const calls = message.tool_calls.map((call: { function: { name: string; arguments: string } }) => ({
    ...call,
    function: { ...call.function, arguments: JSON.parse(call.function.arguments) },
  }));
  return { ...message, tool_calls: calls };
}

const user = (content: unknown): Message => ({ role: 'user', content });
const assistant = (content: unknown, more: Message = {}): Message => ({ role: 'assistant', content, ...more });
const result = (id: string, content: unknown): Message => ({ role: 'tool', tool_call_id: id, content });
const calling = (...calls: Call[]): Message => ({
  tool_calls: calls.map(({ name, arguments: args }, at) => ({
    id: `call${at}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(args) },
  })),
});

describe('the template', () => {
  test('opens a system turn for tools without a system message, and tells the native form of calls', async () => {
    const prompt = await rendered([user('hi')], { tools: [TOOL] });
    expect(prompt).toStartWith('<|im_start|>system\n# Tools\n');
    expect(prompt).toContain(`<tools>\n{"type": "function", "function": {"name": "get_weather", `);
    expect(prompt).toContain('Weather of <city> & \\"more\\"');
    expect(prompt).toContain('<tool_call>\n<function=');
    expect(prompt).toEndWith('<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n');
    expect(prompt.match(/<\|im_start\|>/g)).toHaveLength(3);
  });

  test('keeps one system turn when there are rules as well', async () => {
    const prompt = await rendered([{ role: 'system', content: 'Be brief.' }, user('hi')], { tools: [TOOL] });
    expect(prompt).toContain('\n\nBe brief.<|im_end|>\n<|im_start|>user\n');
    expect(prompt.match(/<\|im_start\|>system/g)).toHaveLength(1);
  });

  test('has no system turn without a reason, and no line before the first', async () => {
    expect(await rendered([user('hi')])).toBe('<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n<think>\n');
  });

  test('replays calls as they were made: unescaped, arguments as an object, values as their types say', async () => {
    const name = 'mcp-x__do.it';
    const call = { name, arguments: { text: '<b>&"é"\nline', n: 5, deep: { a: [1, null] }, ok: true } };
    const prompt = await rendered([user('go'), assistant('On it.', calling(call)), result('call0', 'done')]);
    expect(prompt).toContain(
      [
        'On it.\n\n<tool_call>\n<function=mcp-x__do.it>',
        '<parameter=text>\n<b>&"é"\nline\n</parameter>',
        '<parameter=n>\n5\n</parameter>',
        '<parameter=deep>\n{"a": [1, null]}\n</parameter>',
        '<parameter=ok>\ntrue\n</parameter>',
        '</function>\n</tool_call><|im_end|>\n',
      ].join('\n'),
    );
    expect(prompt).not.toContain('&lt;');
  });

  test('makes one user turn of the results of one turn', async () => {
    const calls = calling({ name: 'a', arguments: {} }, { name: 'b', arguments: {} });
    const prompt = await rendered([user('go'), assistant('', calls), result('call0', 'one'), result('call1', 'two')]);
    expect(prompt).toContain('<function=a>\n</function>\n</tool_call>\n<tool_call>\n<function=b>\n</function>');
    expect(prompt).toEndWith(
      [
        '<|im_start|>user\n<tool_response>\none\n</tool_response>',
        '<tool_response>\ntwo\n</tool_response><|im_end|>',
        '<|im_start|>assistant\n<think>\n',
      ].join('\n'),
    );
  });

  test.each([
    [
      'parts',
      user([
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ]),
      '<|im_start|>user\na',
    ],
    ['null', assistant(null, calling({ name: 'f', arguments: {} })), '<tool_call>\n<function=f>'],
    ['no calls', assistant('word', { tool_calls: [] }), 'word<|im_end|>'],
    ['null calls', assistant('word', { tool_calls: null }), 'word<|im_end|>'],
  ])('takes content that is %s', async (_what, message, part) => {
    expect(await rendered([user('go'), message, user('and?')])).toContain(part);
  });

  test('gives an empty thought where thinking is off', async () => {
    const prompt = await rendered([user('hi')], { kwargs: { enable_thinking: false } });
    expect(prompt).toEndWith('<|im_start|>assistant\n<think>\n\n</think>\n\n');
  });

  const STORY = [
    user('one'),
    assistant('', { reasoning_content: 'early', ...calling({ name: 'f', arguments: {} }) }),
    result('call0', 'r'),
    assistant('first', { reasoning_content: 'later' }),
    user('two'),
    assistant('', { reasoning_content: 'now', ...calling({ name: 'f', arguments: {} }) }),
    result('call0', 'r'),
  ];

  test('keeps the thoughts of the turn at hand only', async () => {
    const prompt = await rendered(STORY, { kwargs: { preserve_thinking: false } });
    expect(prompt).toContain('<think>\nnow\n</think>\n\n<tool_call>');
    expect(prompt).not.toContain('early');
    expect(prompt).toContain('<|im_start|>assistant\nfirst<|im_end|>');
  });

  test('keeps all thoughts when it shall, so that a conversation only grows', async () => {
    const kwargs = { preserve_thinking: true };
    const prompt = await rendered(STORY, { kwargs });
    for (const thought of ['early', 'later', 'now']) expect(prompt).toContain(`<think>\n${thought}\n</think>\n\n`);
    const shorter = await rendered(STORY.slice(0, 3), { kwargs });
    const opening = '<|im_start|>assistant\n<think>\n';
    expect(prompt).toStartWith(shorter.slice(0, -opening.length));
  });

  test('finds a thought that a client sent back as text', async () => {
    const prompt = await rendered([user('a'), assistant('<think>\nhidden\n</think>\n\nshown'), user('b')]);
    expect(prompt).toContain('<|im_start|>assistant\nshown<|im_end|>');
  });
});

test('an engine with this template reads thought and call of what the model writes', async () => {
  const { status, body } = await flow.json('/v1/chat/completions', {
    model: 'caller',
    messages: [user('Weather?')],
    tools: [TOOL],
  });
  expect(status).toBe(200);
  const [choice] = body.choices as { finish_reason: string; message: Message }[];
  expect(choice?.finish_reason).toBe('tool_calls');
  expect(choice?.message).toMatchObject({
    reasoning_content: expect.stringContaining('Weather is asked for.'),
    tool_calls: [{ function: { name: 'get_weather', arguments: expect.stringMatching(/^\{"city":\s?"Paris"\}$/) } }],
  });
});
