// The gateway before a real llama-server: what passes, what is counted, and that a client's end frees the slot.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineProcess, startEngine } from '#test/support/engine-process.ts';
import { COMMON_SCRIPTS, EMOJI_TEXT, writeScriptedModel } from '#test/support/scripted-model.ts';
import { contentOf, dataOf, House, post, until } from './support/house.ts';

let folder: string;
let engine: EngineProcess;
let house: House;
let url: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-gateway-real-'));
  const path = join(folder, 'm.gguf');
  await writeScriptedModel(path, { scripts: COMMON_SCRIPTS });
  engine = await startEngine(path, ['-c', '131072', '-np', '2', '--alias', 'org/Some-Model', '--slots']);
  house = new House();
  house.lender.engines.push(engine.baseUrl);
  url = house.listen();
});
afterAll(async () => {
  await house.close();
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const body = (words: string, more: object = {}) =>
  JSON.stringify({ temperature: 0, messages: [{ role: 'user', content: `${words} please` }], ...more });
const say = (words: string) => `say ${words} now`;
const withoutIds = (choices: unknown) =>
  JSON.parse(JSON.stringify(choices, (name, value) => (name === 'id' ? 0 : value)));
const busySlots = async (): Promise<number> => {
  const slots: { is_processing: boolean }[] = await (await fetch(`${engine.baseUrl}/slots`)).json();
  return slots.filter((slot) => slot.is_processing).length;
};

/** Asks for what never ends by itself within a test; the function takes the client away. */
function begin(address: string, asked: string, headers: Readonly<Record<string, string>> = {}): () => void {
  const controller = new AbortController();
  post(address, asked, { signal: controller.signal, headers })
    .then((response) => response.text())
    .catch(() => {});
  return () => controller.abort();
}

async function busySlotsToBe(count: number): Promise<void> {
  for (const startMs = performance.now(); performance.now() - startMs < 5_000; await Bun.sleep(20)) {
    if ((await busySlots()) === count) return;
  }
  expect(await busySlots()).toBe(count);
}

describe('a real engine', () => {
  test('streams through the gateway as it streams directly', async () => {
    const asked = body(say('emoji'), { stream: true, stream_options: { include_usage: true } });
    const direct = await (await post(`${engine.baseUrl}/v1/chat/completions`, asked)).text();
    const through = await (await post(`${url}/v1/chat/completions`, asked)).text();
    expect(contentOf(through)).toBe(EMOJI_TEXT);
    const shape = (text: string) =>
      dataOf(text).map((data) => data.replace(/"(created|id|timings|usage)":("[^"]*"|\d+|\{.*?\}+)/g, '"$1"'));
    expect(shape(through)).toEqual(shape(direct));
    await until(() => house.tracker.settled.length === 1);
    expect(house.tracker.settled[0]).toMatchObject({
      outcome: { kind: 'completed', finishReason: 'stop', usage: { outputTokens: expect.any(Number) } },
    });
    expect(house.tracker.settled[0]?.prefills.length).toBeGreaterThan(0);
  });

  for (const [what, path, asked] of [
    ['chat', '/v1/chat/completions', body(say('plain'))],
    ['chat with probabilities', '/v1/chat/completions', body(say('plain'), { logprobs: true, top_logprobs: 2 })],
    ['chat in two versions', '/v1/chat/completions', body(say('plain'), { n: 2 })],
    ['text', '/v1/completions', JSON.stringify({ prompt: 'say', max_tokens: 5, temperature: 0 })],
    ['text with probabilities', '/v1/completions', JSON.stringify({ prompt: 'say', max_tokens: 5, logprobs: 2 })],
    ['two texts', '/v1/completions', JSON.stringify({ prompt: ['say', 'x'], max_tokens: 5, temperature: 0 })],
  ] as const) {
    test(`answers whole with the same fields: ${what}`, async () => {
      const keys = (value: object): string[] =>
        Object.entries(value).flatMap(([name, inner]) =>
          inner && typeof inner === 'object' ? [name, ...keys(inner).map((key) => `${name}.${key}`)] : [name],
        );
      const direct = await (await post(engine.baseUrl + path, asked)).json();
      const through = await (await post(url + path, asked)).json();
      expect(keys(through).toSorted()).toEqual(keys(direct).toSorted());
      expect(through.object).toBe(direct.object);
      expect(withoutIds(through.choices)).toEqual(withoutIds(direct.choices));
    });
  }

  test('speaks Anthropic’s protocol, with exact counts', async () => {
    const asked = { model: 'some', max_tokens: 200, messages: [{ role: 'user', content: `${say('emoji')} please` }] };
    const answer = await (await post(`${url}/v1/messages`, JSON.stringify(asked))).json();
    expect(answer.content.at(-1).text).toBe(EMOJI_TEXT);
    const counted = await (await post(`${url}/v1/messages/count_tokens`, JSON.stringify(asked))).json();
    const { input_tokens: fresh, cache_read_input_tokens: cached } = answer.usage;
    expect(counted.input_tokens).toBe(fresh + cached);
  });

  test('completes text, streamed', async () => {
    const asked = JSON.stringify({ prompt: 'a', stream: true, max_tokens: 3 });
    const text = await (await post(`${url}/v1/completions`, asked)).text();
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(text).not.toContain('"error"');
    const native = JSON.stringify({ prompt: 'a', stream: true, n_predict: 3 });
    const own = await (await post(`${url}/upstream/org/Some-Model/completion`, native)).text();
    expect(own).toContain('"stop":true');
    expect(own).not.toContain('"error"');
  });

  test("shows the engine's own page in an origin that is not ours", async () => {
    const page = await fetch(`${url}/upstream/org/Some-Model/`);
    expect(page.headers.get('content-type')).toStartWith('text/html');
    expect(page.headers.get('content-security-policy')).toBe('sandbox allow-scripts');
    const props = await fetch(`${url}/upstream/org/Some-Model/props`);
    expect(props.headers.has('content-security-policy')).toBe(false);
  });

  test('refuses a prompt that is too long with its numbers, in both protocols', async () => {
    const content = 'word '.repeat(60_000);
    const openai = await post(`${url}/v1/chat/completions`, body(content, { stream: true }));
    expect(openai.status).toBe(400);
    const { error } = await openai.json();
    expect(error).toMatchObject({ code: 'context_length_exceeded', type: 'exceed_context_size_error' });
    const asked = { model: 'some', max_tokens: 5, stream: true, messages: [{ role: 'user', content }] };
    const anthropic = await post(`${url}/v1/messages`, JSON.stringify(asked));
    expect(anthropic.status).toBe(400);
    expect(await anthropic.text()).toMatch(/prompt is too long: \d+ tokens > \d+ maximum/);
  });

  // Left alone, the answer goes on for as long as its context of 65,536 tokens lasts: longer than is waited here. Of
  // whole answers the engine would not notice at all that nobody waits, as the one beside them never lets it pause.
  for (const stream of [true, false]) {
    for (const path of ['/v1/chat/completions', '/v1/completions', '/v1/messages']) {
      test(`F-27, F-28: has its slot free soon when the client leaves (${path}, stream: ${stream})`, async () => {
        const endless = { prompt: say('endless'), stream, max_tokens: 100_000, ignore_eos: true };
        const other = body(say('endless'), { stream: true, max_tokens: 100_000 });
        const leaveOther = begin(`${engine.baseUrl}/v1/chat/completions`, other);
        await busySlotsToBe(1);
        // With this header the engine itself would go on for a client that comes back.
        const headers = { 'x-conversation-id': 'abc' };
        const leave = begin(url + path, body(say('endless'), { model: 'some', ...endless }), headers);
        await busySlotsToBe(2);
        leave();
        await busySlotsToBe(1);
        leaveOther();
        await busySlotsToBe(0);
        await until(() => house.tracker.settlements === house.tracker.opened);
        expect(house.lender.out).toBe(0);
      });
    }
  }
});
