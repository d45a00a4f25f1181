// Thoughts that leak and answers without end, from the real engine through a whole Flow and both official clients.
// The stages by themselves: think-tags.test.ts, limits.test.ts; leaked calls: test/repairs/calls.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';

// It takes thoughts out of history, so the model thinks; but no prompt of it shows the engine how.
const TEMPLATE = `{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ (message.content or '').split('</think>')[-1] }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
{%- set words = ' ' ~ (messages[-1].content or '').replace('\\n', ' ') ~ ' ' -%}
<|im_start|>assistant
{% if ' orphan ' in words -%}<|play_orphan|>
{%- elif ' thought ' in words -%}<|play_thought|>
{%- elif ' endless ' in words -%}<|play_endless|>
{%- else -%}<|play_plain|>
{%- endif -%}
{%- endif -%}`;

const CHANNELS =
  '<|channel|>analysis<|message|>Let me see.<|end|><|start|>assistant<|channel|>final<|message|>Here it is.<|return|>';

let dataDir: string;
let flow: RunningFlow;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-repairs-'));
  await mkdir(join(dataDir, 'models'), { recursive: true });
  for (const name of ['leaky', 'whole']) {
    const path = join(dataDir, 'models', `${name}.gguf`);
    await writeScriptedModel(path, { name, scripts: COMMON_SCRIPTS, template: TEMPLATE });
  }
  // An engine that is told of no channels hands them on, as MLX servers do.
  const scripts = { channels: CHANNELS };
  await writeScriptedModel(join(dataDir, 'models', 'gpt-oss.gguf'), { name: 'gpt-oss', scripts });
  flow = await startFlow({ engine: realEngine().executable, dataDir });
  for (const name of ['leaky', 'whole', 'gpt-oss']) {
    await flow.json('/api/register-local', { path: join(dataDir, 'models', `${name}.gguf`) });
  }
  openai = new OpenAI({ baseURL: `${flow.url}/v1`, apiKey: 'flow-local', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: flow.url, apiKey: 'flow-local', maxRetries: 0 });
}, 180_000);
afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

type Told = { text: string; thinking: string; finish: string | null };
type Ask = (model: string, word: string) => Promise<Told>;

const ask = (model: string, word: string) => ({
  model,
  messages: [{ role: 'user' as const, content: `Play ${word} now` }],
});
const thinkingOf = (part: object): string => String(Reflect.get(part, 'reasoning_content') ?? '');

const CLIENTS: readonly (readonly [name: string, ask: Ask])[] = [
  [
    'openai, streamed',
    async (model, word) => {
      const told: Told = { text: '', thinking: '', finish: null };
      for await (const { choices } of await openai.chat.completions.create({ ...ask(model, word), stream: true })) {
        told.text += choices[0]?.delta.content ?? '';
        told.thinking += thinkingOf(choices[0]?.delta ?? {});
        told.finish = choices[0]?.finish_reason ?? told.finish;
      }
      return told;
    },
  ],
  [
    'anthropic, streamed',
    async (model, word) => {
      const stream = anthropic.messages.stream({
        ...ask(model, word),
        max_tokens: 20_000,
        thinking: { type: 'enabled', budget_tokens: 10_000 },
      });
      return anthropicTold(await stream.finalMessage());
    },
  ],
  [
    'openai, whole',
    async (model, word) => {
      const { choices } = await openai.chat.completions.create({ ...ask(model, word), max_tokens: 3_000 });
      const message = choices[0]?.message;
      return {
        text: message?.content ?? '',
        thinking: thinkingOf(message ?? {}),
        finish: choices[0]?.finish_reason ?? null,
      };
    },
  ],
];

function anthropicTold({ content, stop_reason }: Anthropic.Message): Told {
  const text = content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('');
  const thinking = content.flatMap((block) => (block.type === 'thinking' ? [block.thinking] : [])).join('');
  return { text, thinking, finish: stop_reason };
}

const repairsOf = async (model: string, kind: string) => {
  const { body } = await flow.json(`/api/repairs?model=${model}`);
  const counts = body.counts as Record<string, Record<string, number>>;
  return counts[model]?.[kind] ?? 0;
};

describe('thoughts that the engine leaves in the text', () => {
  for (const [client, told] of CLIENTS) {
    test(`are thoughts: ${client}`, async () => {
      const answer = await told('whole', 'thought');
      expect(answer.thinking).toBe('Let me consider this for a moment.');
      expect(answer.text).toBe('I have considered it.');
    });
  }

  test('without an opening tag are text once, and thoughts from then on, for every client', async () => {
    const [first] = CLIENTS;
    const lesson = await first?.[1]('leaky', 'orphan');
    expect(lesson?.text).toBe('A thought whose opening tag was in the prompt.\n\n\nThe answer after an orphan tag.');
    expect(await repairsOf('leaky', 'orphan-thought')).toBe(1);
    for (const [, told] of CLIENTS) {
      const answer = await told('leaky', 'orphan');
      expect(answer.thinking).toBe('A thought whose opening tag was in the prompt.');
      expect(answer.text).toBe('The answer after an orphan tag.');
    }
    // One answer that was no thought, and thoughts are not expected any longer; no answer was lost.
    const plain = await first?.[1]('leaky', 'plain');
    expect(plain?.text).toBe('This is a plain scripted answer of a few words.');
    expect(await repairsOf('leaky', 'unclosed-thought')).toBe(1);
    expect((await first?.[1]('leaky', 'plain'))?.thinking).toBe('');
  });
});

describe("gpt-oss's channels that the engine leaves in the text", () => {
  for (const [client, told] of CLIENTS) {
    test(`are thought and answer: ${client}`, async () => {
      expect(await told('gpt-oss', 'channels')).toMatchObject({ text: 'Here it is.', thinking: 'Let me see.' });
    });
  }
});

describe('an answer without end', () => {
  const BUSY = ['prefilling', 'generating', 'sending'];

  for (const [client, told] of CLIENTS) {
    test(`is stopped, and the engine is free: ${client}`, async () => {
      const before = await repairsOf('whole', 'loop');
      const answer = await told('whole', 'endless');
      expect(answer.finish).toBe(client.startsWith('anthropic') ? 'max_tokens' : 'length');
      expect(answer.text).toStartWith('Round and round it goes, and where it stops, nobody knows;');
      expect(answer.text.length).toBeLessThan(10_000);
      expect(await repairsOf('whole', 'loop')).toBe(before + 1);
      await until('a free slot', async () => {
        const slots = (await flow.json('/upstream/whole/slots')).body.value;
        return (
          typeof slots === 'string' && JSON.parse(slots).every((slot: object) => !Reflect.get(slot, 'is_processing'))
        );
      });
    });
  }

  test('is told in the records of its request', async () => {
    const { body } = await flow.json('/api/repairs?model=whole&limit=50');
    const repairs = body.repairs as { request_id: string; kind: string; note: string; before: string }[];
    const loop = repairs.find(({ kind }) => kind === 'loop');
    expect(loop?.before).toContain('Round and round it goes');
    const { body: telemetry } = await flow.json('/api/telemetry?limit=50');
    const records = telemetry.records as { request_id: string; repairs: string[]; finish_reason: string }[];
    const record = records.find(({ request_id }) => request_id === loop?.request_id);
    expect(record?.repairs).toContain(loop?.note ?? '');
    expect(record?.finish_reason).toBe('length');
    const { body: live } = await flow.json('/api/requests');
    const open = Object.values(live.requests as Record<string, { stage: string }[]>).flat();
    expect(open.filter(({ stage }) => BUSY.includes(stage))).toEqual([]);
  });

  test('goes on when the guard is off', async () => {
    await flow.json('/api/models/whole/config', { behaviour: { repairs: { loop_guard: false } } }, 'PUT');
    const { choices } = await openai.chat.completions.create({ ...ask('whole', 'endless'), max_tokens: 3_000 });
    expect(choices[0]?.finish_reason).toBe('length');
    expect(choices[0]?.message.content?.length).toBeGreaterThan(10_000);
  });
});
