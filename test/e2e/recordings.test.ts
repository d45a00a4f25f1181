// Every request that an agent really sent (`test/fixtures/requests`) goes once more through a whole Flow to a real
// engine, word for word but for the model's name, and must get an answer of the right shape in its protocol: from a
// model that answers, one that calls a tool, one that thinks. How single fields are read is tested with the dialects.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import {
  type Answered,
  readAnthropicStream,
  readChatStream,
  readCompletion,
  readResponsesStream,
} from './support/replay-answers.ts';
import { ANSWER, REPLAY_MODELS, type ReplayModel, THOUGHT, writeReplayModel } from './support/replay-models.ts';

const REQUESTS = join(import.meta.dir, '../fixtures/requests');
const ROUTES: Readonly<Record<string, string>> = {
  anthropic: '/v1/messages?beta=true',
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
};
const ENDS: Readonly<Record<string, { readonly answer: string; readonly call: string }>> = {
  anthropic: { answer: 'end_turn', call: 'tool_use' },
  chat: { answer: 'stop', call: 'tool_calls' },
  responses: { answer: 'completed', call: 'completed' },
};

type Body = Readonly<Record<string, unknown>>;

let dataDir: string;
let flow: RunningFlow;
const ids = new Map<ReplayModel, string>();

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-replay-'));
  mkdirSync(join(dataDir, 'models'));
  const paths = REPLAY_MODELS.map((model) => join(dataDir, 'models', `replay-${model}.gguf`));
  await Promise.all(REPLAY_MODELS.map((model, index) => writeReplayModel(paths[index] ?? '', model)));
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  for (const [index, model] of REPLAY_MODELS.entries()) {
    const { body } = await flow.json('/api/register-local', { path: paths[index] });
    ids.set(model, String(body.model_id));
  }
});

afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function replayed(protocol: string, body: Body, model: ReplayModel): Promise<Answered> {
  const response = await fetch(flow.url + ROUTES[protocol], {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, model: ids.get(model) }),
  });
  const answer = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${answer}`);
  expect(response.headers.get('x-flow-model')).toBe(ids.get(model) ?? '');
  if (body.stream !== true) return readCompletion(JSON.parse(answer));
  expect(response.headers.get('content-type')).toStartWith('text/event-stream');
  if (protocol === 'anthropic') return readAnthropicStream(answer);
  if (protocol === 'responses') return readResponsesStream(answer);
  return readChatStream(answer, JSON.stringify(body.stream_options ?? {}).includes('true'));
}

/** The names under which the request offers tools that a local model can call. */
function offeredTools(tools: unknown, prefix = ''): string[] {
  const list: readonly Body[] = Array.isArray(tools) ? tools : [];
  return list.flatMap((tool) => {
    const named: Body = typeof tool.function === 'object' ? (tool.function as Body) : tool;
    if (tool.type === 'namespace') return offeredTools(tool.tools, `${String(tool.name)}.`);
    const isCallable =
      tool.defer_loading !== true && (tool.type ?? 'custom').toString().match(/^(?:function|custom)$/) !== null;
    return isCallable && typeof named.name === 'string' ? [prefix + named.name] : [];
  });
}

/** Whether the request itself fixes the form of the answer: then the engine's grammar writes it. */
const hasSchema = (body: Body) => /"(?:response_format|format)":\{"type":"json_schema"/.test(JSON.stringify(body));

/** Whether the request wants thoughts: Anthropic's says so, the other protocols leave it to the model. */
function wantsThoughts(protocol: string, body: Body): boolean {
  return protocol !== 'anthropic' || body.thinking !== undefined;
}

for (const protocol of readdirSync(REQUESTS).sort()) {
  describe(`recorded ${protocol} requests`, () => {
    const ends = ENDS[protocol];
    for (const file of readdirSync(join(REQUESTS, protocol)).sort()) {
      const body: Body = JSON.parse(readFileSync(join(REQUESTS, protocol, file), 'utf8'));
      const names = offeredTools(body.tools);

      test(`${file} is answered`, async () => {
        const answered = await replayed(protocol, body, 'answers');
        expect(answered).toMatchObject({ thinking: '', calls: [], end: ends?.answer ?? '' });
        if (hasSchema(body)) expect(JSON.parse(answered.text)).toBeObject();
        else expect(answered.text).toBe(ANSWER);
      });

      if (hasSchema(body)) continue;

      test(`${file} gets thoughts when it wants them`, async () => {
        const { thinking, text } = await replayed(protocol, body, 'thinks');
        expect(text).toBe(ANSWER);
        expect(thinking.trim()).toBe(wantsThoughts(protocol, body) ? THOUGHT : '');
      });

      if (names.length === 0) continue;

      test(`${file} gets a call of its own tools`, async () => {
        const { calls, end } = await replayed(protocol, body, 'calls');
        expect(calls.length).toBeGreaterThan(0);
        for (const call of calls) {
          expect(names).toContain(call.name);
          expect(['object', 'string']).toContain(typeof call.input);
        }
        expect(end).toBe(ends?.call ?? '');
      });
    }
  });
}
