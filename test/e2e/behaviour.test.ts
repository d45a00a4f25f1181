// What people chose for a model, through a whole Flow and the real engine. The rules are in test/behaviour.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { ANSWER, THOUGHT, writeThinkingModel } from '../behaviour/support/thinking-model.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';

const FLOW_CONFIG = '/api/models/thinker/config';

let dataDir: string;
let flow: RunningFlow;
let openai: OpenAI;
let anthropic: Anthropic;

async function start(): Promise<void> {
  flow = await startFlow({ engine: realEngine().executable, dataDir });
  openai = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
}

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-behaviour-'));
  await mkdir(join(dataDir, 'models'), { recursive: true });
  const path = join(dataDir, 'models', 'thinker.gguf');
  await writeThinkingModel(path);
  await start();
  await flow.json('/api/register-local', { path });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

const configure = async (patch: object) => {
  const { status, body } = await flow.json(FLOW_CONFIG, patch, 'PUT');
  expect(status, JSON.stringify(body)).toBe(200);
};
const reset = () => flow.json(FLOW_CONFIG, undefined, 'DELETE');

type More = Partial<OpenAI.ChatCompletionCreateParamsNonStreaming> & Record<string, unknown>;
const ask = (more: More = {}) => ({
  model: 'thinker',
  messages: [{ role: 'user' as const, content: 'Go.' }],
  ...more,
});
const wordsOf = (text: unknown) =>
  String(text ?? '')
    .trim()
    .split(/\s+/)
    .filter(Boolean);
const notesOf = async (id: string | null) => {
  const { body } = await flow.json('/api/telemetry?limit=20');
  const records = body.records as { request_id?: string; repairs?: string[] }[];
  return records.find((record) => record.request_id === id)?.repairs;
};

describe('a thinking model with a small max_tokens', () => {
  test('gives an answer of that length, whole', async () => {
    const { data, response } = await openai.chat.completions.create(ask({ max_tokens: 60 })).withResponse();
    const [choice] = data.choices;
    const words = wordsOf(choice?.message.content);
    expect(choice?.finish_reason).toBe('length');
    expect(ANSWER).toStartWith(words.slice(0, -1).join(' '));
    expect(words.length).toBeGreaterThan(40);
    expect(words.length).toBeLessThanOrEqual(60);
    expect(response.headers.get('x-flow-thinking-budget')).toBe('4096');
  });

  test('gives it streamed', async () => {
    let text = '';
    let thought = '';
    let finish: string | null = null;
    const stream = await openai.chat.completions.create({ ...ask({ max_tokens: 60 }), stream: true });
    for await (const { choices } of stream) {
      const delta = choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined;
      text += delta?.content ?? '';
      thought += delta?.reasoning_content ?? '';
      finish = choices[0]?.finish_reason ?? finish;
    }
    expect(thought.trim()).toBe(THOUGHT);
    expect(wordsOf(text).length).toBeGreaterThan(40);
    expect(wordsOf(text).length).toBeLessThanOrEqual(60);
    expect(finish).toBe('length');
  });

  test('gives it in Anthropic’s protocol', async () => {
    const message = await anthropic.messages.create({
      model: 'thinker',
      max_tokens: 60,
      thinking: { type: 'adaptive' },
      messages: [{ role: 'user', content: 'Go.' }],
    });
    const text = message.content.find((block) => block.type === 'text')?.text;
    expect(wordsOf(text).length).toBeGreaterThan(40);
    expect(message.stop_reason).toBe('max_tokens');
  });

  test('keeps thinking within a budget that fills its limit', async () => {
    const message = await anthropic.messages.create({
      model: 'thinker',
      max_tokens: 1100,
      thinking: { type: 'enabled', budget_tokens: 1099 },
      messages: [{ role: 'user', content: 'Go.' }],
    });
    expect(message.stop_reason).toBe('end_turn');
    expect(message.content.find((block) => block.type === 'text')?.text).toBe(ANSWER);
  });

  test('is starved when the room is switched off', async () => {
    await configure({ behaviour: { repairs: { thinking_room: false } } });
    const { choices } = await openai.chat.completions.create(ask({ max_tokens: 60 }));
    expect(choices[0]).toMatchObject({ finish_reason: 'length', message: { content: '' } });
    await reset();
  });
});

describe('thinking', () => {
  const thoughtOf = async (more: More) => {
    const { choices } = await openai.chat.completions.create(ask(more));
    const message = choices[0]?.message as { reasoning_content?: string } | undefined;
    return message?.reasoning_content ?? '';
  };

  test('ends at its budget', async () => {
    const thought = await thoughtOf({ thinking_budget_tokens: 50 });
    expect(wordsOf(thought).length).toBeGreaterThan(30);
    expect(wordsOf(thought).length).toBeLessThanOrEqual(50);
  });

  test('of an effort ends at the budget that was chosen for it', async () => {
    await configure({ behaviour: { effort_budgets: { low: 40 } } });
    expect(wordsOf(await thoughtOf({ reasoning_effort: 'low' })).length).toBeLessThanOrEqual(40);
    await reset();
  });

  test('is off when it was switched off, at once and without a reload', async () => {
    expect(await thoughtOf({})).not.toBe('');
    const { body } = await flow.json('/api/models/running');
    await configure({ enable_thinking: false });
    expect(await thoughtOf({})).toBe('');
    expect(await thoughtOf({ reasoning_effort: 'high' })).toBe('');
    expect(await thoughtOf({ chat_template_kwargs: { enable_thinking: true } })).not.toBe('');
    await configure({ forced: { enable_thinking: false } });
    expect(await thoughtOf({ chat_template_kwargs: { enable_thinking: true } })).toBe('');
    expect((await flow.json('/api/models/running')).body.models).toMatchObject(
      (body.models as { pid: number }[]).map(({ pid }) => ({ pid })),
    );
    await reset();
  });
});

test('a variant is the same loaded model, behaving otherwise', async () => {
  await configure({ variants: [{ name: 'thinker-quick', behaviour: { enable_thinking: false } }] });
  const { data, response } = await openai.chat.completions.create(ask({ model: 'thinker-quick' })).withResponse();
  expect(data.choices[0]?.message.content).toBe('No thought was needed.');
  expect(response.headers.get('x-flow-model')).toBe('thinker');
  const other = await openai.chat.completions.create(ask({ model: 'thinker:thinker-quick' }));
  expect(other.choices[0]?.message.content).toBe('No thought was needed.');
  const itself = await openai.chat.completions.create(ask());
  expect(itself.choices[0]?.message.content).toBe(ANSWER);
  const { body } = await flow.json('/api/models/running');
  expect(body.models).toHaveLength(1);
});

test('what was chosen survives a restart', async () => {
  await configure({
    temperature: 0.4,
    aliases: ['pensive'],
    variants: [{ name: 'brisk', behaviour: { enable_thinking: false } }],
  });
  const made = await flow.json('/api/presets', { name: 'Mine', config: { temperature: 0.3 } });
  expect(made.status).toBe(200);
  const before = (await flow.json(FLOW_CONFIG)).body.config;
  await flow[Symbol.asyncDispose]();
  await start();
  expect((await flow.json(FLOW_CONFIG)).body.config).toEqual(before);
  const quick = await openai.chat.completions.create(ask({ model: 'brisk' }));
  expect(quick.choices[0]?.message.content).toBe('No thought was needed.');
  const { presets } = (await flow.json('/api/presets')).body as { presets: object[] };
  expect(presets.at(-1)).toMatchObject({ name: 'Mine' });
});

test('a request tells that room was made for thinking', async () => {
  const { response } = await openai.chat.completions.create(ask({ model: 'pensive', max_tokens: 60 })).withResponse();
  const notes = await notesOf(response.headers.get('x-request-id'));
  expect(notes?.join()).toContain('max_tokens 60 is for the answer; 4,096 more for thinking');
});
