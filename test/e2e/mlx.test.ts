/**
 * A whole Flow with the real MLX servers and a model that says chosen texts: through both official clients. What the
 * servers were recorded to say is in test/gateway; how they are started and stopped in test/engines/mlx.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { MlxKind } from '#src/engines/mlx/kinds.ts';
import { realMlx } from '../support/mlx-engine.ts';
import { processesWith, textOf } from '../support/processes.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { MLX_SCRIPTS, writeScriptedMlx } from '../support/scripted-mlx.ts';

/** Hundredths of a second that the processes of a Flow, its engines among them, have worked within a time. */
async function cpuTicksWithin(flow: RunningFlow, ms: number): Promise<number> {
  const ticks = () => {
    let sum = 0;
    for (const pid of processesWith(flow.dataDir)) {
      const stat = textOf(`/proc/${pid}/stat`);
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      sum += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    }
    return sum;
  };
  const before = ticks();
  await Bun.sleep(ms);
  return ticks() - before;
}

const KINDS: readonly MlxKind[] = ['mlx-lm', 'mlx-openai-server', 'mlx-vlm'];
const CITY = { type: 'object' as const, properties: { city: { type: 'string' } }, required: ['city'] };
const TOOLS = [{ type: 'function' as const, function: { name: 'get_weather', parameters: CITY } }];
const START_MS_MAX = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'flow-mlx-'));
const model = join(folder, 'talker');

beforeAll(() => writeScriptedMlx(model, { scripts: MLX_SCRIPTS }), 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(KINDS)('%s', (kind) => {
  let flow: RunningFlow | null = null;
  let events = '';
  const leaving = new AbortController();

  beforeAll(async () => {
    const engine = await realMlx(kind);
    if (!engine) return;
    flow = await startFlow({
      engine: null,
      environment: { FLOW_MLX_PYTHON: join(dirname(engine.executable), 'python'), MLX_DISABLE_COMPILE: '1' },
    });
    expect((await flow.json('/api/register-local', { mlx_path: model, name: 'talker' })).status).toBe(200);
    const launch = { mlx_engine: kind, n_parallel: 4, ctx_size: 4096 };
    expect((await flow.json('/api/models/talker/config', { launch }, 'PUT')).status).toBe(200);
    const listened = await fetch(`${flow.url}/api/events`, { signal: leaving.signal });
    void (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of listened.body ?? []) events += decoder.decode(bytes, { stream: true });
    })().catch(() => {});
  }, 900_000);

  afterAll(async () => {
    leaving.abort();
    await flow?.[Symbol.asyncDispose]();
  }, 180_000);

  const client = (running: RunningFlow) =>
    new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'flow-local', maxRetries: 0, timeout: START_MS_MAX });
  const anthropic = (running: RunningFlow) =>
    new Anthropic({ baseURL: running.url, apiKey: 'flow-local', maxRetries: 0, timeout: START_MS_MAX });
  const saying = (content: string) => [{ role: 'user' as const, content }];

  test(
    'loads by the first request, shows how far it is, and answers whole',
    async () => {
      if (!flow) return;
      const answer = await client(flow).chat.completions.create({
        model: 'talker',
        messages: saying('play plain now'),
      });
      expect(answer).toMatchObject({
        object: 'chat.completion',
        model: 'talker',
        choices: [{ finish_reason: 'stop', message: { content: MLX_SCRIPTS.plain } }],
      });
      expect(answer.usage?.prompt_tokens).toBeGreaterThan(0);
      expect(answer.usage?.completion_tokens).toBeGreaterThan(5);
      // How far the load is, or was: a small model may be read between two looks.
      expect(events).toMatch(/"phase":"starting".{0,200}"stage":"[a-z_-]+","progress":[01]/);
    },
    START_MS_MAX,
  );

  test('streams text, in both protocols', async () => {
    if (!flow) return;
    const stream = client(flow).chat.completions.stream({ model: 'talker', messages: saying('play bytes now') });
    let pieces = 0;
    stream.on('content', () => {
      pieces += 1;
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.content).toBe('Grüße 👋🏽 aus 日本: family 👨‍👩‍👧‍👦, flag 🇯🇵, done ✅.');
    expect(pieces).toBeGreaterThan(3);
    const asked = { model: 'talker', max_tokens: 200, messages: saying('play plain now') };
    const message = await anthropic(flow).messages.stream(asked).finalMessage();
    expect(message).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: MLX_SCRIPTS.plain }] });
    expect(message.usage.output_tokens).toBeGreaterThan(5);
  }, 180_000);

  test('thinks apart from its answer, and not when that is off', async () => {
    if (!flow) return;
    const asked = { model: 'talker', max_tokens: 200, messages: saying('play think now') };
    const thought = await anthropic(flow).messages.create({
      ...asked,
      max_tokens: 2000,
      thinking: { type: 'enabled', budget_tokens: 1024 },
    });
    const [thinking, text] = thought.content;
    expect(thinking).toMatchObject({ type: 'thinking', thinking: expect.stringContaining('consider this') });
    expect(text).toMatchObject({ type: 'text', text: expect.stringMatching(/^\s*I have considered it\.$/) });
    const quiet = await anthropic(flow).messages.create(asked);
    expect(quiet.content).toMatchObject([{ type: 'text', text: 'I have not considered it.' }]);
  }, 180_000);

  test('calls a tool and goes on with its result, in both protocols, streamed and whole', async () => {
    if (!flow) return;
    const question = saying('What is the weather in Paris?');
    for (const isStream of [false, true]) {
      const asked = { model: 'talker', messages: question, tools: TOOLS };
      const { completions } = client(flow).chat;
      const first = isStream ? await completions.stream(asked).finalChatCompletion() : await completions.create(asked);
      const [choice] = first.choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      const [call] = choice?.message.tool_calls ?? [];
      expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
      expect(JSON.parse(call?.type === 'function' ? call.function.arguments : '')).toEqual({ city: 'Paris' });
      const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'Sunny.' };
      const said = { role: 'assistant' as const, content: null, tool_calls: choice?.message.tool_calls ?? [] };
      const second = await completions.create({ ...asked, messages: [...question, said, result] });
      expect(second.choices[0]?.message.content).toContain('sunny in Paris');
    }
    const asked = { model: 'talker', max_tokens: 300, messages: question };
    const tools = [{ name: 'get_weather', input_schema: CITY }];
    const message = await anthropic(flow)
      .messages.stream({ ...asked, tools })
      .finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content.at(-1)).toMatchObject({ type: 'tool_use', name: 'get_weather', input: { city: 'Paris' } });
  }, 180_000);

  test('finds a call in an answer that its own parser cannot read, or says that there was none', async () => {
    if (!flow) return;
    for (const script of ['malformed', 'unclosed']) {
      for (const stream of [false, true]) {
        const asked = { model: 'talker', messages: saying(`play ${script} now`), tools: TOOLS };
        const { completions } = client(flow).chat;
        const answer = stream ? await completions.stream(asked).finalChatCompletion() : await completions.create(asked);
        const [choice] = answer.choices;
        const hasCalls = (choice?.message.tool_calls ?? []).length > 0;
        if (choice?.finish_reason !== 'length') expect(choice?.finish_reason === 'tool_calls').toBe(hasCalls);
      }
    }
  }, 180_000);

  test('stops at a stop string, and at the limit', async () => {
    if (!flow) return;
    const asked = { model: 'talker', messages: saying('play stops now') };
    const stopped = await client(flow).chat.completions.create({ ...asked, stop: 'END_OF' });
    expect(stopped.choices[0]).toMatchObject({
      finish_reason: 'stop',
      message: { content: 'First line of the answer.\n' },
    });
    const limited = await client(flow).chat.completions.create({ ...asked, max_tokens: 3 });
    expect(limited.choices[0]?.finish_reason).toBe('length');
    expect(limited.usage?.completion_tokens).toBeLessThanOrEqual(4);
    const named = await anthropic(flow).messages.create({ ...asked, max_tokens: 100, stop_sequences: ['END_OF'] });
    expect(named).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END_OF' });
  }, 180_000);

  test('answers in JSON that fits its schema', async () => {
    if (!flow) return;
    const answer = await client(flow).chat.completions.create({
      model: 'talker',
      messages: saying('play json now'),
      response_format: { type: 'json_schema', json_schema: { name: 'place', schema: CITY } },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toEqual({ city: 'Paris', degrees: 21 });
  }, 180_000);

  test('counts a prompt exactly while it is idle', async () => {
    if (!flow) return;
    const asked = { model: 'talker', messages: saying('play plain now') };
    const counted = await anthropic(flow).messages.countTokens(asked);
    const { usage } = await anthropic(flow).messages.create({ ...asked, max_tokens: 50 });
    expect(counted.input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  }, 180_000);

  test('lets go of an endless answer when its client leaves', async () => {
    if (!flow) return;
    const running = flow;
    const gone = new AbortController();
    const body = JSON.stringify({ model: 'talker', messages: saying('play endless now'), stream: true });
    const answer = await fetch(`${flow.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: gone.signal,
    });
    const first = await answer.body?.getReader().read();
    expect(first?.done).toBe(false);
    gone.abort();
    const busy = async () => JSON.stringify((await running.json('/api/requests')).body).includes('"generating"');
    await until('no request to run', async () => !(await busy()));
    // mlx-openai-server looks for a client only between tokens that are slow to come: it runs on to its limit.
    if (kind !== 'mlx-openai-server') {
      await until('an engine at rest', async () => (await cpuTicksWithin(running, 300)) < 10, 20_000);
    }
    const next = await client(flow).chat.completions.create({ model: 'talker', messages: saying('play plain now') });
    expect(next.choices[0]?.message.content).toBe(MLX_SCRIPTS.plain);
  }, 180_000);
});
