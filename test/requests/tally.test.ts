// Figures over periods: the pure tally, and the reading in parts. The page: test/browser/telemetry.test.ts.
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { NO_FILTER, type PeriodFilter, Periods } from '#src/requests/period.ts';
import { RecordSearch } from '#src/requests/record-search.ts';
import { Spread } from '#src/requests/spread.ts';
import { closeStore, openStore } from '#src/store/open.ts';
import { repairs } from '#src/store/schema.ts';
import { addRequests } from '#test/requests/record-rows.ts';
import { tallyRow as row, tallied } from '#test/requests/tally-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-tally-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const ALL: PeriodFilter = NO_FILTER;

test('a percentile is within 1 % of the exact one, whatever the values', () => {
  const values = fc.array(fc.double({ min: 0.02, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, fc.constantFrom(0.25, 0.5, 0.95), (all, share) => {
      const spread = new Spread();
      for (const value of all) spread.add(value);
      const sorted = [...all].sort((one, other) => one - other);
      const exact = sorted[Math.max(1, Math.ceil(share * all.length)) - 1] ?? 0;
      const found = spread.at(share) ?? Number.NaN;
      expect(found / exact).toBeGreaterThan(0.9899);
      expect(found / exact).toBeLessThan(1.0101);
    }),
  );
});

test('no value has no percentile, and zero is one', () => {
  expect(new Spread().at(0.5)).toBeNull();
  const spread = new Spread();
  spread.add(0);
  expect(spread.at(0.5)).toBe(0);
});

test('each request counts once, in its part of the period', () => {
  const { total, buckets } = tallied([
    row({ at: 0, input: 10, cached: 4, output: 3 }),
    row({ at: 99, outcome: 'failed', termination: 'EG' }),
    row({ at: 100, outcome: 'cancelled', termination: 'CP', input: 5 }),
    row({ at: 399, output: 7 }),
  ]);
  expect(buckets.map(({ requests }) => requests)).toEqual([2, 1, 0, 1]);
  expect(total).toMatchObject({ requests: 4, completed: 2, failed: 1, cancelled: 1 });
  expect(total).toMatchObject({ inputTokens: 15, cachedTokens: 4, outputTokens: 10, ttftP50Ms: null });
});

test('a filter narrows the figures, never what one can filter by', () => {
  const rows = [row({ model: 'gemma', client: 'codex' }), row({ model: 'qwen', client: 'hermes', speed: 40 })];
  const { total, models, clients, buckets } = tallied(rows, { filter: { ...ALL, modelId: 'qwen' } });
  expect(total.requests).toBe(1);
  expect([models, clients]).toEqual([
    ['gemma', 'qwen'],
    ['codex', 'hermes'],
  ]);
  expect([...(buckets[0]?.speeds.keys() ?? [])]).toEqual(['qwen']);
});

test('each filter holds, and what one can choose from is of all requests', () => {
  const rows = [
    row({ route: '/v1/messages' }),
    row({ outcome: 'failed', termination: 'FQ', kind: 'queue-full' }),
    row({ outcome: 'cancelled', termination: 'CP', kind: 'cancelled' }),
  ];
  const countOf = (parts: Partial<PeriodFilter>) => tallied(rows, { filter: { ...ALL, ...parts } }).total.requests;
  expect(countOf({})).toBe(3);
  expect(countOf({ route: '/v1/messages' })).toBe(1);
  expect(countOf({ termination: 'CP' })).toBe(1);
  expect(countOf({ errorKind: 'queue-full' })).toBe(1);
  expect(countOf({ termination: 'CP', errorKind: 'queue-full' })).toBe(0);
  expect(tallied(rows, { filter: { ...ALL, route: 'none' } })).toMatchObject({
    routes: ['/v1/chat/completions', '/v1/messages'],
    terminations: ['CP', 'FQ'],
    errorKinds: ['cancelled', 'queue-full'],
  });
});

test('answers that called tools are counted by model', () => {
  const { toolAnswers, answers } = tallied([row({ tools: true }), row({}), row({ model: 'qwen', tools: true })]);
  expect([...toolAnswers]).toEqual([
    ['gemma', 1],
    ['qwen', 1],
  ]);
  expect([...answers]).toEqual([
    ['gemma', 2],
    ['qwen', 1],
  ]);
});

test('what did not complete is grouped by how, and by whom', () => {
  const left = (duration: number) => row({ outcome: 'cancelled', termination: 'CP', duration });
  const rows = [
    left(58_000),
    left(58_500),
    left(59_000),
    row({ id: 7, at: 70, outcome: 'failed', termination: 'EG', isTold: true, input: 900 }),
    row({ at: 80, outcome: 'failed', termination: 'EG' }),
  ];
  const { failures } = tallied(rows, { messageOf: (id) => (id === 7 ? 'It died.' : null) });
  expect(failures.map(({ termination, count }) => [termination, count])).toEqual([
    ['CP', 3],
    ['EG', 2],
  ]);
  expect(failures[1]).toMatchObject({ lastAtMs: 80, lastMessage: 'It died.' });
  expect(failures[1]?.medianInputTokens).toBeCloseTo(900, -2);
  expect(failures[0]).toMatchObject({ medianInputTokens: null, lastMessage: null });
  expect(failures[0]?.medianMs).toBeGreaterThan(57_000);
  expect(failures[0]?.models).toEqual(['gemma']);
});

test('names and groups without end cost bounded memory', () => {
  const { models, failures, total } = tallied(
    Array.from({ length: 5_000 }, (_, index) =>
      row({ model: `m${index}`, client: `c${index}`, outcome: 'failed', termination: 'FQ', speed: 1 }),
    ),
  );
  expect(models.length).toBe(100);
  expect(failures.length).toBe(200);
  expect(total.requests).toBe(5_000);
});

function house(rows: number) {
  const store = openStore(join(root, `${crypto.randomUUID()}.sqlite`));
  addRequests(store, rows, (index) => ({ startedAtMs: 1_000_000 + Math.floor(index / 3), client: `c${index % 7}` }));
  const writer = { flush: () => {} };
  let nowMs = 0;
  const periods = new Periods({ store, writer, monotonicMs: () => nowMs });
  const search = new RecordSearch({ store, writer });
  return { store, periods, search, pass: (ms: number) => (nowMs += ms) };
}

test('reading in parts counts every record once, also those of the same millisecond', async () => {
  const { store, periods } = house(7_001);
  const { total } = await periods.tally({ fromMs: 1_000_000, untilMs: 2_000_000 }, ALL, 10);
  expect(total.requests).toBe(7_001);
  const part = await periods.tally({ fromMs: 1_000_100, untilMs: 1_000_200 }, ALL, 10);
  expect(part.total.requests).toBe(300);
  closeStore(store);
});

test('repairs of a period are counted by the answers they were used on', () => {
  const { store, periods } = house(1);
  const use = { modelId: 'gemma', kind: 'leaked-call', before: null, after: null } as const;
  const rows = ['a', 'a', 'b'].map((requestId, index) => ({ ...use, key: `${index}`, requestId, note: `n${index}` }));
  store
    .insert(repairs)
    .values(rows.map((one, index) => ({ ...one, startedAtMs: 100 + index })))
    .run();
  expect(periods.repairs({ fromMs: 0, untilMs: 1_000 }, null)).toMatchObject([
    { modelId: 'gemma', kind: 'leaked-call', requests: 2, note: 'n2' },
  ]);
  expect(periods.repairs({ fromMs: 0, untilMs: 100 }, null)).toEqual([]);
  expect(periods.repairs({ fromMs: 0, untilMs: 1_000 }, 'qwen')).toEqual([]);
  closeStore(store);
});

test('the same question within seconds is answered once', async () => {
  const { store, periods, pass } = house(10);
  const period = { fromMs: 0, untilMs: 2_000_000 };
  const first = periods.tally(period, ALL, 10);
  pass(3_001);
  // However long it takes, nobody begins it a second time meanwhile.
  expect(periods.tally(period, ALL, 10)).toBe(first);
  await first;
  expect(periods.tally(period, ALL, 10)).toBe(first);
  pass(3_001);
  expect(periods.tally(period, ALL, 10)).not.toBe(first);
  await first;
  closeStore(store);
});

test('pages hold every record of a period once, newest first, also when few match among many', () => {
  const { store, search } = house(45_000);
  const period = { fromMs: 1_000_000, untilMs: 2_000_000 };
  const ids: number[] = [];
  let before: number | null = null;
  let pages = 0;
  do {
    const page = search.page(period, { ...ALL, client: 'c3' }, 1_000, before);
    ids.push(...page.records.map(({ id }) => id));
    before = page.nextBefore;
    pages += 1;
  } while (before !== null && pages < 100);
  expect(ids).toHaveLength(
    Array.from({ length: 45_000 }, (_, index) => index).filter((index) => index % 7 === 3).length,
  );
  expect(ids).toEqual([...new Set(ids)].sort((one, other) => other - one));
  const none = search.page(period, { ...ALL, client: 'nobody' }, 50, null);
  expect([none.records.length, none.nextBefore]).toEqual([0, 25_001]);
  expect(search.count).toBe(45_000);
  closeStore(store);
});
