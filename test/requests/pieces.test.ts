// What is kept of the records between two looks: always the same figures as without it, in bounded memory. The tally
// itself: tally.test.ts.
import { Database } from 'bun:sqlite';
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { NO_FILTER, type Period, type PeriodFilter, Periods } from '#src/requests/period.ts';
import { Pieces } from '#src/requests/pieces.ts';
import type { PeriodTally } from '#src/requests/tally.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { deleteExpired, deleteOldest } from '#src/store/retention.ts';
import type { NewRequestRow } from '#src/store/schema.ts';
import { addRequests } from './record-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-pieces-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const HOUR_MS = 3_600_000;
const BEGIN_MS = 1_000 * HOUR_MS;
const writer = { flush: () => {} };

function house(rowsMax?: number) {
  const path = join(root, `${crypto.randomUUID()}.sqlite`);
  const store = openStore(path);
  let nowMs = 0;
  const parts = { store, writer, turn: () => Promise.resolve(), ...(rowsMax === undefined ? {} : { rowsMax }) };
  // Each question comes long after the one before, so that none is answered by a result that was kept.
  const monotonicMs = () => (nowMs += 10_000);
  return { path, store, parts, periods: new Periods({ ...parts, monotonicMs }), monotonicMs };
}

/** Everything of a tally, as text; sums of fractions as near as they can be. */
function written(tally: PeriodTally): string {
  return JSON.stringify(tally, (_, value: unknown) => {
    if (value instanceof Map) return [...value];
    return typeof value === 'number' && !Number.isInteger(value) ? value.toPrecision(10) : value;
  });
}

/** What SQLite itself counts. */
function counted(store: Store, { fromMs, untilMs }: Period, filter: PeriodFilter) {
  return store.$client
    .query<{ requests: number; failed: number; inputTokens: number; loadMs: number }, (string | number | null)[]>(
      `SELECT count(*) AS requests, coalesce(sum(outcome = 'failed'), 0) AS failed,
         coalesce(sum(input_tokens), 0) AS inputTokens, round(coalesce(sum(load_ms), 0), 3) AS loadMs
       FROM requests WHERE started_at_ms >= ?1 AND started_at_ms < ?2 AND (?3 IS NULL OR model_id = ?3)
         AND (?4 IS NULL OR client = ?4) AND (?5 IS NULL OR outcome = ?5) AND (?6 IS NULL OR termination = ?6)`,
    )
    .get(fromMs, untilMs, filter.modelId, filter.client, filter.outcome, filter.termination);
}

const momentMs = fc.integer({ min: BEGIN_MS, max: BEGIN_MS + 12 * HOUR_MS });
const milliseconds = fc.option(fc.double({ min: 0, max: 1e6, noNaN: true }));
const record = fc.record({
  startedAtMs: momentMs,
  modelId: fc.constantFrom('gemma', 'qwen', null),
  client: fc.constantFrom('codex', 'hermes', null),
  outcome: fc.constantFrom('completed', 'failed', 'cancelled'),
  termination: fc.constantFrom('--', 'EG', 'CP'),
  errorKind: fc.constantFrom(null, 'engine-died'),
  errorMessage: fc.constantFrom(null, 'one', 'two'),
  finishReason: fc.constantFrom(null, 'stop', 'tool_calls'),
  queueMs: milliseconds,
  loadMs: milliseconds,
  ttftMs: milliseconds,
  inputTokens: fc.option(fc.nat(100_000)),
  decodeTokensPerS: milliseconds,
});
const filter = fc.record({
  modelId: fc.constantFrom(null, 'gemma'),
  client: fc.constantFrom(null, 'hermes'),
  outcome: fc.constantFrom(null, 'failed'),
  termination: fc.constantFrom(null, null, 'EG'),
});
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write'), rows: fc.array(record, { maxLength: 40 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look'), one: momentMs, other: momentMs, filter }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire'), beforeMs: momentMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('strange'), beforeMs: momentMs }) },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** Does one thing; a look is held against a look that keeps nothing, and against SQLite. */
async function take(at: ReturnType<typeof house>, todo: Step): Promise<void> {
  if ('rows' in todo)
    return addRequests(at.store, todo.rows.length, (index): Partial<NewRequestRow> => todo.rows[index] ?? {});
  if ('beforeMs' in todo) {
    if (todo.kind === 'expire') return void deleteExpired(at.store.$client, todo.beforeMs);
    // Somebody with a tool of their own: rows go from the middle.
    using other = new Database(at.path);
    return void other.run('DELETE FROM requests WHERE started_at_ms BETWEEN ? AND ?', [
      todo.beforeMs,
      todo.beforeMs + 2 * HOUR_MS,
    ]);
  }
  const period = { fromMs: Math.min(todo.one, todo.other), untilMs: Math.max(todo.one, todo.other) + 1 };
  const wanted = { ...NO_FILTER, ...todo.filter };
  const fresh = new Periods({ ...at.parts, monotonicMs: at.monotonicMs });
  const [kept, read] = await Promise.all([at.periods.tally(period, wanted, 7), fresh.tally(period, wanted, 7)]);
  expect(written(kept)).toBe(written(read));
  const { requests, failed, inputTokens, loadMs } = kept.total;
  const shown = { requests, failed, inputTokens, loadMs: Math.round(loadMs * 1000) / 1000 };
  const sql = counted(at.store, period, wanted);
  expect({ ...shown, loadMs: 0 }).toEqual({ ...shown, ...sql, loadMs: 0 });
  expect(shown.loadMs).toBeCloseTo(sql?.loadMs ?? 0, 1);
}

test('F-81: what is kept between looks gives the same figures as reading it all, whatever comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 4, maxLength: 14 }),
      fc.constantFrom(undefined, 60),
      async (todo, rowsMax) => {
        const at = house(rowsMax);
        try {
          for (const one of todo) await take(at, one);
        } finally {
          closeStore(at.store);
        }
      },
    ),
    { numRuns: 40 },
  );
});

async function rowsRead(pieces: Pieces, period: Period): Promise<number> {
  let rows = 0;
  for await (const records of pieces.read(period)) rows += records.count;
  return rows;
}

/** Rows spread evenly over so many hours. */
const spread = (count: number, hours: number) => (index: number) => ({
  startedAtMs: BEGIN_MS + Math.floor((index / count) * hours * HOUR_MS),
  client: `c${index % 5}`,
});

test('F-81: what is kept stays within its bound, however much is looked at', async () => {
  const { store, parts } = house(1_000);
  addRequests(store, 9_600, spread(9_600, 48));
  const pieces = new Pieces(parts);
  for (const [from, hours] of [
    [0, 3],
    [0, 48],
    [40, 8],
    [10, 1],
    [0, 48],
  ] as const) {
    const period = { fromMs: BEGIN_MS + from * HOUR_MS, untilMs: BEGIN_MS + (from + hours) * HOUR_MS };
    expect(await rowsRead(pieces, period)).toBe(200 * hours);
    expect(pieces.keptRows).toBeLessThanOrEqual(1_000);
    expect(pieces.keptRows).toBeGreaterThan(0);
  }
  closeStore(store);
});

test('F-81: of more than fits the newest hours are kept, until others are looked at for long', async () => {
  const { store, parts } = house(1_000);
  addRequests(store, 9_600, spread(9_600, 48));
  let reads = 0;
  const turn = async () => {
    reads += 1;
  };
  const pieces = new Pieces({ ...parts, turn });
  const hours = (from: number, until: number) =>
    rowsRead(pieces, { fromMs: BEGIN_MS + from * HOUR_MS, untilMs: BEGIN_MS + until * HOUR_MS });
  const readsOf = async (from: number, until: number) => {
    const before = reads;
    await hours(from, until);
    return reads - before;
  };
  await hours(0, 48);
  expect(await readsOf(44, 48)).toBe(0);
  expect(await readsOf(0, 4)).toBe(1);
  expect(await readsOf(44, 48)).toBe(0);
  for (let look = 0; look < 20; look += 1) await hours(0, 4);
  expect(await readsOf(0, 4)).toBe(0);
  expect(await readsOf(44, 48)).toBe(1);
  closeStore(store);
});

test('F-81: names without end do not make what is kept grow', async () => {
  const { store, parts } = house();
  addRequests(store, 10_500, (index) => ({ ...spread(10_500, 10)(index), client: `client ${index}` }));
  const pieces = new Pieces(parts);
  const period = { fromMs: BEGIN_MS, untilMs: BEGIN_MS + 10 * HOUR_MS };
  expect(await rowsRead(pieces, period)).toBe(10_500);
  expect(pieces.keptRows).toBeLessThan(1_100);
  expect(await rowsRead(pieces, period)).toBe(10_500);
  closeStore(store);
});

test('F-81: a second look, another filter and a part of the period read nothing again', async () => {
  const { store, parts } = house();
  addRequests(store, 6_000, spread(6_000, 12));
  let reads = 0;
  const turn = async () => {
    reads += 1;
  };
  const periods = new Periods({ ...parts, turn, monotonicMs: house().monotonicMs });
  const period = { fromMs: BEGIN_MS, untilMs: BEGIN_MS + 12 * HOUR_MS };
  expect((await periods.tally(period, NO_FILTER, 10)).total.requests).toBe(6_000);
  expect(reads).toBe(4);
  addRequests(store, 3, () => ({ startedAtMs: BEGIN_MS + HOUR_MS }));
  expect((await periods.tally(period, NO_FILTER, 7)).total.requests).toBe(6_003);
  expect((await periods.tally(period, { ...NO_FILTER, client: 'c2' }, 7)).total.requests).toBe(1_200);
  const part = { fromMs: BEGIN_MS + 1.5 * HOUR_MS, untilMs: BEGIN_MS + 2.5 * HOUR_MS };
  expect((await periods.tally(part, NO_FILTER, 7)).total.requests).toBe(500);
  expect(reads).toBe(4);
  // Flow deletes from the oldest on: the hours after that are still known.
  deleteOldest(store.$client);
  expect((await periods.tally(period, NO_FILTER, 7)).total.requests).toBeLessThan(5_600);
  expect(reads).toBe(5);
  closeStore(store);
});

test('F-81: rows that a tool of somebody else deletes from the middle are not counted any more', async () => {
  const { store, path, periods } = house();
  addRequests(store, 600, spread(600, 12));
  const period = { fromMs: BEGIN_MS, untilMs: BEGIN_MS + 12 * HOUR_MS };
  expect((await periods.tally(period, NO_FILTER, 3)).total.requests).toBe(600);
  {
    using other = new Database(path);
    other.run('DELETE FROM requests WHERE id BETWEEN 201 AND 300');
  }
  expect((await periods.tally(period, NO_FILTER, 3)).total.requests).toBe(500);
  closeStore(store);
});

test('F-81: an hour with more requests than are ever kept of one is counted in parts, and not kept', async () => {
  const { store, parts, monotonicMs } = house();
  addRequests(store, 1, () => ({ startedAtMs: BEGIN_MS }));
  const names = store.$client
    .query<{ name: string }, []>(
      "SELECT name FROM pragma_table_info('requests') WHERE name NOT IN ('id', 'started_at_ms')",
    )
    .all()
    .map(({ name }) => name)
    .join(', ');
  // By SQLite itself, a dozen times as quick as rows from here.
  store.$client.run(`WITH RECURSIVE places(place) AS (
      SELECT 1 UNION ALL SELECT place + 1 FROM places WHERE place < 201000)
    INSERT INTO requests (started_at_ms, ${names}) SELECT ${BEGIN_MS} + place * 10, ${names} FROM requests, places`);
  const period = { fromMs: BEGIN_MS, untilMs: BEGIN_MS + 2 * HOUR_MS };
  const { total } = await new Periods({ ...parts, monotonicMs }).tally(period, NO_FILTER, 5);
  expect(total.requests).toBe(201_001);
  const pieces = new Pieces(parts);
  expect(await rowsRead(pieces, period)).toBe(201_001);
  expect(pieces.keptRows).toBeLessThan(100);
  closeStore(store);
});

test('F-81: looks at the same time read together, and none counts a row twice or misses one', async () => {
  const { store, parts } = house();
  addRequests(store, 9_000, spread(9_000, 9));
  let reads = 0;
  let late: Promise<number> | null = null;
  const turn = async () => {
    reads += 1;
    // Written while others read, into hours that were read and that will be.
    if (reads < 4) addRequests(store, 2, (index) => ({ startedAtMs: BEGIN_MS + index * 8 * HOUR_MS }));
    // Such a look takes in what was written, for the others too.
    if (reads === 2) late = rowsRead(pieces, half);
    await Bun.sleep(1);
  };
  const pieces = new Pieces({ ...parts, turn });
  const period = { fromMs: BEGIN_MS, untilMs: BEGIN_MS + 9 * HOUR_MS };
  const half = { ...period, fromMs: BEGIN_MS + 4 * HOUR_MS };
  await Promise.all([rowsRead(pieces, period), rowsRead(pieces, half), rowsRead(pieces, period)]);
  await late;
  expect(await rowsRead(pieces, period)).toBe(9_006);
  expect(reads).toBeLessThan(12);
  closeStore(store);
});
