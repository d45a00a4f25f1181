/** How records are kept within their room. By their days: writer.test.ts. What one deletes at a time: here, too. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { Sweeper } from '#src/store/sweeper.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let folder = '';
let store: Store;
let clock: FakeClock;
let sweeper: Sweeper | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-sweeper-'));
  store = openStore(join(folder, 'flow.db'));
  clock = new FakeClock();
});
afterEach(() => {
  sweeper?.[Symbol.dispose]();
  closeStore(store);
  rmSync(folder, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;
const DAYS = 400;

function begin(bytesMax: number): Sweeper {
  sweeper = new Sweeper({ client: store.$client, clock, retention: () => ({ days: 3_650, bytesMax }) });
  return sweeper;
}

/** Requests at equal distances over 400 days until now, and with each fourth one a repair with its texts. */
function fill(rows: number): void {
  const nowMs = clock.wallMs();
  const request = store.$client.prepare(`INSERT INTO requests (request_id, route, dialect, is_stream, started_at_ms,
    ended_at_ms, outcome, termination, duration_ms, repairs) VALUES (?1, '/v1/chat/completions', 'chat', 1, ?2, ?2,
    'completed', '--', 12.5, '["leaked-call"]')`);
  const repair = store.$client.prepare(`INSERT INTO repairs (key, request_id, kind, note, before, started_at_ms)
    VALUES (?1, ?1, 'leaked-call', 'a call', ?3, ?2)`);
  store.$client.transaction(() => {
    for (let row = 0; row < rows; row += 1) {
      const startedAtMs = Math.round(nowMs - DAYS * DAY_MS * (1 - row / rows));
      request.run(`req_${row}`, startedAtMs);
      if (row % 4 === 0) repair.run(`req_${row}`, startedAtMs, 'x'.repeat(200));
    }
  })();
}

const count = (table: string): number =>
  store.$client.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
const oldest = (table: string): number =>
  store.$client.query<{ n: number }, []>(`SELECT min(started_at_ms) AS n FROM ${table}`).get()?.n ?? 0;
function fileBytes(): number {
  store.$client.run('PRAGMA wal_checkpoint(TRUNCATE)');
  return statSync(join(folder, 'flow.db')).size;
}

describe('F-81: records that take more than their room', () => {
  test('go, the oldest first, until the file itself has shrunk to it; the newest stay', () => {
    fill(40_000);
    const bytesMax = 4_000_000;
    expect(fileBytes()).toBeGreaterThan(2 * bytesMax);
    begin(bytesMax);
    clock.advance(60_000 + 60_000);
    expect(fileBytes()).toBeLessThanOrEqual(bytesMax * 1.1);
    expect(fileBytes()).toBeGreaterThan(bytesMax * 0.8);
    const kept = store.$client.query<{ id: number }, []>('SELECT id FROM requests ORDER BY id').all();
    expect(kept.at(-1)?.id).toBe(40_000);
    // One unbroken row of the newest, and repairs go with the time of their requests.
    expect(kept).toHaveLength(40_000 - (kept[0]?.id ?? 0) + 1);
    expect(Math.abs(oldest('repairs') - oldest('requests'))).toBeLessThan(10 * DAY_MS);
    // Nothing more to do: the next look is in an hour.
    expect(clock.armedCount).toBe(1);
  });

  test('go at most 500 of a table at a time, with a pause for others between', () => {
    fill(10_000);
    begin(100_000);
    let before = count('requests');
    clock.advance(60_000);
    for (let round = 0; round < 5; round += 1) {
      expect(before - count('requests')).toBeLessThanOrEqual(500);
      expect(before - count('requests')).toBeGreaterThan(400);
      expect(Math.abs(oldest('repairs') - oldest('requests'))).toBeLessThan(DAY_MS);
      before = count('requests');
      clock.advance(49);
      expect(count('requests')).toBe(before);
      clock.advance(1);
    }
  });

  test('go soon after ten thousand new ones, not only in an hour', () => {
    const watched = begin(3_000_000);
    clock.advance(60_000);
    fill(20_000);
    watched.noteRows(9_999);
    clock.advance(10_000);
    expect(count('requests')).toBe(20_000);
    watched.noteRows(1);
    clock.advance(10_000);
    expect(fileBytes()).toBeLessThanOrEqual(3_300_000);
  });

  test('do not go because conversations take room, which stay', () => {
    fill(4_000);
    const records = fileBytes();
    const turn = store.$client.prepare(`INSERT INTO turns (id, conversation_id, role, content, reasoning, images, calls,
      state, created_at_ms) VALUES (?1, 'c', 'user', 'What is this?', '', ?2, '[]', 'done', 1)`);
    for (let row = 0; row < 40; row += 1) turn.run(`turn-${row}`, JSON.stringify([`data:,${'A'.repeat(200_000)}`]));
    begin(records + 500_000);
    expect(fileBytes()).toBeGreaterThan(8_000_000);
    clock.advance(120_000);
    expect([count('requests'), count('turns')]).toEqual([4_000, 40]);
  });
});
