/** How much models were used of late: what counts, how fresh it is, and what it costs with many rows. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { ModelUsages } from '#src/requests/model-usage.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { requests } from '#src/store/schema.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { requestRow } from '#test/support/request-rows.ts';

const DAY_MS = 86_400_000;
let store: Store;
let clock: FakeClock;
let usages: ModelUsages;

beforeEach(() => {
  store = openStore(':memory:');
  clock = new FakeClock();
  usages = new ModelUsages({ store, clock });
});
afterEach(() => closeStore(store));

function write(changes: Parameters<typeof requestRow>[0]): void {
  const startedAtMs = clock.wallMs();
  store
    .insert(requests)
    .values(requestRow({ startedAtMs, endedAtMs: startedAtMs, ...changes }))
    .run();
}

test('requests are counted, speeds are those of completed ones, and the last end is the last use', () => {
  const nowMs = clock.wallMs();
  write({ modelId: 'a', decodeTokensPerS: 40, engineTtftMs: 100, endedAtMs: nowMs - 10 });
  write({ modelId: 'a', decodeTokensPerS: 20, engineTtftMs: 300, endedAtMs: nowMs - 5 });
  write({ modelId: 'a', decodeTokensPerS: 1, outcome: 'failed', endedAtMs: nowMs });
  write({ modelId: 'b', decodeTokensPerS: null, engineTtftMs: null });
  write({ modelId: null });
  expect(Object.fromEntries(usages.all())).toEqual({
    a: { requests: 3, tokensPerS: 30, firstTokenMs: 200, lastUsedAtMs: nowMs },
    b: { requests: 1, tokensPerS: null, firstTokenMs: null, lastUsedAtMs: nowMs },
  });
});

test('what is older than thirty days does not count', () => {
  write({ modelId: 'old', startedAtMs: clock.wallMs() - 31 * DAY_MS });
  write({ modelId: 'new', startedAtMs: clock.wallMs() - 29 * DAY_MS });
  expect([...usages.all().keys()]).toEqual(['new']);
});

test('it is read anew after ten seconds, not with every row that is shown', () => {
  write({ modelId: 'a' });
  expect(usages.all().get('a')?.requests).toBe(1);
  write({ modelId: 'a' });
  expect(usages.all().get('a')?.requests).toBe(1);
  clock.advance(10_001);
  expect(usages.all().get('a')?.requests).toBe(2);
});

test('of many records only the newest are read', () => {
  const insert = store.$client.prepare(`
    INSERT INTO requests (request_id, model_id, route, dialect, is_stream, started_at_ms, ended_at_ms, outcome,
      termination, duration_ms, repairs) VALUES ('x', ?, '/', 'chat', 1, ?, ?, 'completed', '--', 1, '[]')`);
  store.$client.transaction(() => {
    for (let row = 0; row < 60_000; row += 1) insert.run(row < 30_000 ? 'early' : 'late', clock.wallMs(), 1);
  })();
  expect(Object.fromEntries([...usages.all()].map(([id, { requests: count }]) => [id, count]))).toEqual({
    late: 20_000,
  });
});

test('a database in trouble costs the numbers, never the list', () => {
  write({ modelId: 'a' });
  store.$client.run('DROP TABLE requests');
  expect(usages.all().size).toBe(0);
});
