/** F-58: file descriptors run out. A whole Flow under a small limit, and the count itself. */
import { expect, test } from 'bun:test';
import { DescriptorRoom } from '#src/web/descriptor-room.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { startFlow, until } from '#test/support/running-flow.ts';

const FILES_MAX = 64;
const CLIENTS = 60;

test('F-58: what has no descriptors is refused in words, said once a minute, and Flow recovers', async () => {
  await using flow = await startFlow({ engine: realEngine().executable, filesMax: FILES_MAX });
  const messages = [{ role: 'user', content: 'Tell me a long story' }];
  const body = JSON.stringify({ model: 'flow-demo', stream: true, max_tokens: 100, messages });
  const ask = async (): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${flow.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', connection: 'close' },
      body,
      signal: AbortSignal.timeout(60_000),
    });
    return { status: response.status, text: await response.text() };
  };
  expect((await ask()).status).toBe(200);
  const answers = await Promise.all(Array.from({ length: CLIENTS }, ask));
  const refused = answers.filter(({ status }) => status === 503);
  const answered = answers.filter(({ status, text }) => status === 200 && text.includes('[DONE]'));
  expect([refused.length + answered.length, refused.length > 0, answered.length > 0]).toEqual([CLIENTS, true, true]);
  expect(refused[0]?.text).toContain(`${FILES_MAX} files open`);
  expect(flow.output().match(/requests are refused/g)).toHaveLength(1);
  await until('Flow has room again', async () => (await ask()).status === 200, 20_000);
}, 180_000);

test('F-58: the limit leaves room for engines, and the warning comes once a minute', () => {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const room = new DescriptorRoom({ filesMax: 64, openAtStart: 28, clock, warn: (text) => warnings.push(text) });
  expect(room.requestsMax).toBe(10);
  expect(room.refusal({ pendingRequests: 8, pendingWebSockets: 2 })).toBeNull();
  const fault = room.refusal({ pendingRequests: 9, pendingWebSockets: 2 });
  expect(fault).toMatchObject({ kind: 'too-busy', status: 503 });
  for (let times = 0; times < 100; times += 1) room.refusal({ pendingRequests: 11, pendingWebSockets: 0 });
  expect(warnings).toHaveLength(1);
  clock.advance(60_000);
  room.refusal({ pendingRequests: 11, pendingWebSockets: 0 });
  expect(warnings).toEqual([expect.stringContaining('(1 so far)'), expect.stringContaining('(102 so far)')]);
  const unbounded = new DescriptorRoom({ filesMax: null, openAtStart: 0, clock, warn: () => {} });
  expect(unbounded.refusal({ pendingRequests: 1_000_000, pendingWebSockets: 0 })).toBeNull();
});
