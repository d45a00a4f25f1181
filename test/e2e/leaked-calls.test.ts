// Every family's tool calls, leaked as text by a real llama-server, through a whole Flow and both official clients. The
// stage by itself, cut at every character: test/repairs/calls.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { FAMILIES } from '#test/fixtures/calls/families.ts';
import { MORE_FAMILIES } from '#test/fixtures/calls/more-families.ts';
import { TOOLS } from '#test/repairs/calls/support/answers.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

// A scripted model's tokenizer writes spaces as ▁, so it cannot say that letter itself.
const ROWS = [...FAMILIES, ...MORE_FAMILIES].filter(({ callFormat, text }) => !callFormat && !text.includes('▁'));
const wordOf = (index: number): string => `row${index}`;

let dataDir: string;
let flow: RunningFlow;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-leaks-'));
  await mkdir(join(dataDir, 'models'), { recursive: true });
  const path = join(dataDir, 'models', 'leaky.gguf');
  // Its template knows no tools, so the engine looks for no calls: what the model writes is text.
  const scripts = Object.fromEntries(ROWS.map((row, index) => [wordOf(index), row.text]));
  await writeScriptedModel(path, { name: 'leaky', scripts });
  flow = await startFlow({ engine: realEngine().executable, dataDir });
  await flow.json('/api/register-local', { path });
  openai = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
}, 180_000);
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

type Told = { readonly text: string; readonly calls: readonly unknown[]; readonly finish: string | null };

const asked = (word: string) => ({
  model: 'leaky',
  messages: [{ role: 'user' as const, content: `Play ${word} now` }],
});
const chatTools = TOOLS.map(({ function: { name, parameters } }) => ({
  type: 'function' as const,
  function: { name, parameters: parameters as Record<string, unknown> },
}));
const anthropicTools = TOOLS.map(({ function: { name, parameters } }) => ({
  name,
  input_schema: parameters as Anthropic.Tool.InputSchema,
}));

function chatTold({ choices }: OpenAI.ChatCompletion): Told {
  const { message, finish_reason: finish } = choices[0] ?? { message: null, finish_reason: null };
  const calls = (message?.tool_calls ?? []).map((call) =>
    call.type === 'function' ? [call.function.name, JSON.parse(call.function.arguments)] : call,
  );
  return { text: message?.content ?? '', calls, finish };
}

function anthropicTold({ content, stop_reason: finish }: Anthropic.Message): Told {
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const calls = content.flatMap((block) => (block.type === 'tool_use' ? [[block.name, block.input]] : []));
  return { text, calls, finish };
}

const CLIENTS: readonly (readonly [name: string, finish: string, ask: (word: string) => Promise<Told>])[] = [
  [
    'openai, streamed',
    'tool_calls',
    async (word) =>
      chatTold(await openai.chat.completions.stream({ ...asked(word), tools: chatTools }).finalChatCompletion()),
  ],
  [
    'openai, whole',
    'tool_calls',
    async (word) => chatTold(await openai.chat.completions.create({ ...asked(word), tools: chatTools })),
  ],
  [
    'anthropic, streamed',
    'tool_use',
    async (word) =>
      anthropicTold(
        await anthropic.messages.stream({ ...asked(word), max_tokens: 4_000, tools: anthropicTools }).finalMessage(),
      ),
  ],
  [
    'anthropic, whole',
    'tool_use',
    async (word) =>
      anthropicTold(await anthropic.messages.create({ ...asked(word), max_tokens: 4_000, tools: anthropicTools })),
  ],
];

describe.each(CLIENTS)('%s', (_name, finish, ask) => {
  test.each(ROWS.map((row, index) => [row.name, row, index] as const))('%s', async (_row, row, index) => {
    const told = await ask(wordOf(index));
    const texts = row.parts.filter((part) => typeof part === 'string');
    const calls = row.parts.filter((part) => typeof part !== 'string');
    expect(told).toEqual({ text: texts.join(''), calls: calls.map(([name, args]) => [name, args]), finish });
  });
});

test('the record of a repaired answer says what was found and what it became', async () => {
  const { body } = await flow.json('/api/repairs?limit=500');
  const repairs = body.repairs as { kind: string; before: string; after: string; model_id: string }[];
  const [newest] = repairs.filter(({ kind }) => kind === 'leaked-call');
  expect(newest?.before).not.toBe('');
  expect(newest?.after).toContain('{');
});

test('without tools in the request the same words are the answer', async () => {
  const { choices } = await openai.chat.completions.create(asked(wordOf(0)));
  expect(choices[0]?.message.content).toBe(ROWS[0]?.text as string);
  expect(choices[0]?.finish_reason).toBe('stop');
});
