// GET /api/logs by its front door, and the stream behind `follow`.
import { expect, test } from 'bun:test';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { followStream } from '#src/logs/follow.ts';
import { Logs } from '#src/logs/logs.ts';
import { logRoutes } from '#src/logs/routes.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { waitUntil } from '#test/support/wait-until.ts';

function someLogs(clock: FakeClock | typeof systemClock = systemClock) {
  const logs = new Logs({ clock, bus: new Bus(), folder: null });
  for (let number = 1; number <= 3_000; number += 1) logs.append('org/tiny', `line ${number}`, 'stderr');
  logs.info('Flow says');
  return logs;
}

async function get(logs: Logs, query: string) {
  const response = await logRoutes({ logs, clock: systemClock, closing: new AbortController().signal }).handle(
    new Request(`http://localhost/api/logs${query}`),
  );
  return { status: response.status, body: response.status === 200 ? await response.json() : null };
}

test('without a question the last 200 lines of everything come, each with its source', async () => {
  const { body } = await get(someLogs(), '');
  expect(body.logs).toHaveLength(200);
  expect(body.logs.slice(-2)).toEqual(['[org/tiny] line 3000', '[flow] Flow says']);
  expect(body.entries.at(-1)).toMatchObject({ source: 'flow', level: 'info', text: 'Flow says' });
});

test('one model’s lines come bare; an id may hold a slash', async () => {
  const { body } = await get(someLogs(), '?model_id=org%2Ftiny&lines=2');
  expect(body.logs).toEqual(['line 2999', 'line 3000']);
});

test.each([
  ['?lines=100000', 200, 2_000],
  ['?model_id=nobody', 200, 0],
  ['?lines=0', 422, null],
  ['?lines=many', 422, null],
])('%s is answered with %d', async (query, status, count) => {
  const answer = await get(someLogs(), query);
  expect(answer.status).toBe(status);
  if (count !== null) expect(answer.body.logs).toHaveLength(count);
});

test('following gives the tail, then each line as it comes, over a real connection', async () => {
  const logs = someLogs();
  const app = logRoutes({ logs, clock: systemClock, closing: new AbortController().signal }).listen({
    port: 0,
    hostname: '127.0.0.1',
  });
  const leaving = new AbortController();
  try {
    const url = `http://127.0.0.1:${app.server?.port}/api/logs?follow=1&model_id=org/tiny&lines=1`;
    const response = await fetch(url, { signal: leaving.signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true });
    })().catch(() => {});
    await waitUntil('the tail', () => text.includes('"line 3000"'));
    logs.append('someone/else', 'not asked for', 'stderr');
    logs.append('org/tiny', 'fresh', 'stderr');
    await waitUntil('the fresh line', () => text.includes('"fresh"'));
    expect(text).not.toContain('not asked for');
    expect(logs.followerCount).toBe(1);
    leaving.abort();
    await reading;
    await waitUntil('the follower to be forgotten', () => logs.followerCount === 0);
  } finally {
    leaving.abort();
    await app.stop(true);
  }
});

test('in silence a comment comes every five seconds', async () => {
  const clock = new FakeClock();
  const logs = new Logs({ clock, bus: new Bus(), folder: null });
  const reader = followStream(logs, clock, { lines: 10 }).getReader();
  const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
  expect(decode((await reader.read()).value)).toBe(': quiet\n\n');
  const next = reader.read();
  await Bun.sleep(0);
  clock.advance(5_000);
  expect(decode((await next).value)).toBe(': quiet\n\n');
  await reader.cancel();
  expect(logs.followerCount).toBe(0);
});

test('a reader that does not read loses the oldest lines, and is told', async () => {
  const clock = new FakeClock();
  const logs = new Logs({ clock, bus: new Bus(), folder: null });
  const reader = followStream(logs, clock, { lines: 10 }).getReader();
  await reader.read();
  for (let number = 1; number <= 100_000; number += 1) logs.append('tiny', `line ${number}`, 'stderr');
  let text = '';
  while (!text.includes('line 100000"')) text += new TextDecoder().decode((await reader.read()).value);
  const dropped = Number(/event: dropped\ndata: (\d+)/.exec(text)?.[1]);
  expect(dropped).toBeGreaterThan(90_000);
  expect(dropped + text.split('\ndata: {').length - 1).toBe(100_000);
  await reader.cancel();
});

test('a follower whose client left before the first read holds nothing', () => {
  const logs = new Logs({ clock: new FakeClock(), bus: new Bus(), folder: null });
  followStream(logs, new FakeClock(), { lines: 10 });
  expect(logs.followerCount).toBe(0);
});

test('a reader that does not read costs a megabyte of long lines, not thousands of them', async () => {
  const clock = new FakeClock();
  const logs = new Logs({ clock, bus: new Bus(), folder: null });
  const reader = followStream(logs, clock, { lines: 1 }).getReader();
  await reader.read();
  for (let number = 1; number <= 500; number += 1) logs.append('tiny', 'x'.repeat(16_000), 'stderr');
  const text = new TextDecoder().decode((await reader.read()).value);
  expect(text.length).toBeLessThan(1_100_000);
  expect(Number(/event: dropped\ndata: (\d+)/.exec(text)?.[1])).toBeGreaterThan(400);
  await reader.cancel();
});

test('a Flow that stops ends the streams, also those in which nothing happens', async () => {
  const clock = new FakeClock();
  const logs = new Logs({ clock, bus: new Bus(), folder: null });
  const closing = new AbortController();
  const reader = followStream(logs, clock, { lines: 1 }, closing.signal).getReader();
  await reader.read();
  const next = reader.read();
  closing.abort();
  expect((await next).done).toBe(true);
  expect(logs.followerCount).toBe(0);
});
