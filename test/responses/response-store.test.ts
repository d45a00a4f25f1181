// Answers that are kept: in memory within bounds, and in the database when the client asked for it.

import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeptResponse } from '#src/responses/memory.ts';
import { ResponseStore, type ResponseStoreParts } from '#src/responses/response-store.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { deleteExpired } from '#src/store/retention.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let folder: string;
let path: string;
let store: Store;
let clock: FakeClock;
let troubles: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-responses-'));
  path = join(folder, 'flow.db');
  store = openStore(path);
  clock = new FakeClock();
  troubles = [];
});
afterEach(() => {
  closeStore(store);
  rmSync(folder, { recursive: true, force: true });
});

const open = (parts: Partial<ResponseStoreParts> = {}) =>
  new ResponseStore({ store, clock, onTrouble: (text) => troubles.push(text), ...parts });

const answer = (id: string, words = 'Hello.'): KeptResponse => ({
  id,
  previousId: null,
  createdS: 1_760_000_000,
  input: [{ type: 'message', id: `${id}-in`, role: 'user', content: words }],
  response: { id, output: [] },
  owner: null,
});
const rows = () =>
  store.$client
    .query<{ id: string }, []>('SELECT id FROM responses ORDER BY id')
    .all()
    .map(({ id }) => id);
const LASTING = { isLasting: true };
const PASSING = { isLasting: false };

describe('in memory', () => {
  test('an answer is found as it was kept, and is not in the database', () => {
    const responses = open();
    responses.keep(answer('a'), PASSING);
    expect(responses.find('a')).toEqual(answer('a'));
    expect(responses.find('b')).toBeNull();
    clock.advance(60_000);
    expect(rows()).toEqual([]);
  });

  test('what was used longest ago goes first', () => {
    const responses = open({ limits: { entriesMax: 2 } });
    for (const id of ['a', 'b']) responses.keep(answer(id), PASSING);
    responses.find('a');
    responses.keep(answer('c'), PASSING);
    expect(['a', 'b', 'c'].filter((id) => responses.find(id) !== null)).toEqual(['a', 'c']);
  });

  test('the size of all together is bounded, and one that is too large alone is not kept', () => {
    const responses = open({ limits: { charactersMax: 1_000 } });
    responses.keep(answer('large', 'x'.repeat(2_000)), PASSING);
    expect(responses.find('large')).toBeNull();
    for (let index = 0; index < 20; index += 1) responses.keep(answer(`r${index}`, 'x'.repeat(100)), PASSING);
    expect(responses.find('r0')).toBeNull();
    expect(responses.find('r19')).not.toBeNull();
  });

  test('a day without use is the end', () => {
    const responses = open({ limits: { ageMsMax: 1_000 } });
    responses.keep(answer('a'), PASSING);
    clock.advance(900);
    expect(responses.find('a')).not.toBeNull();
    clock.advance(900);
    expect(responses.find('a')).not.toBeNull();
    clock.advance(1_100);
    expect(responses.find('a')).toBeNull();
  });

  test('it is forgotten when asked, once', () => {
    const responses = open();
    responses.keep(answer('a'), PASSING);
    expect(responses.forget('a')).toBe(true);
    expect(responses.forget('a')).toBe(false);
    expect(responses.find('a')).toBeNull();
  });
});

describe('in the database', () => {
  test('a stored answer survives a restart, also one that was stored just before the end', () => {
    const before = open();
    before.keep(answer('a'), LASTING);
    clock.advance(1_000);
    before.keep(answer('b'), LASTING);
    before.close();
    const after = open();
    expect(after.find('a')).toEqual(answer('a'));
    expect(after.find('b')).toEqual(answer('b'));
  });

  test('it is forgotten in the database too, also while it waits to be written', () => {
    const responses = open();
    responses.keep(answer('a'), LASTING);
    clock.advance(1_000);
    responses.keep(answer('b'), LASTING);
    expect(responses.forget('a')).toBe(true);
    expect(responses.forget('b')).toBe(true);
    clock.advance(1_000);
    expect(rows()).toEqual([]);
  });

  test('the retention setting applies', () => {
    const responses = open();
    responses.keep(answer('a'), LASTING);
    responses.keep({ ...answer('b'), createdS: 1_770_000_000 }, LASTING);
    clock.advance(1_000);
    deleteExpired(store.$client, 1_765_000_000_000);
    expect(rows()).toEqual(['b']);
  });

  test('while somebody else holds the database it waits, says so once, and is written later', () => {
    const responses = open();
    const other = new Database(path);
    other.run('BEGIN IMMEDIATE');
    responses.keep(answer('a'), LASTING);
    clock.advance(20_000);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).not.toContain('Hello');
    expect(responses.find('a')).not.toBeNull();
    expect(() => responses.forget('b')).toThrow('holds Flow');
    other.run('ROLLBACK');
    other.close();
    clock.advance(20_000);
    expect(rows()).toEqual(['a']);
  });

  test('the oldest go when too much is stored, also after a restart', () => {
    const storedCharactersMax = 10_000;
    for (const life of ['a', 'b']) {
      const responses = open({ storedCharactersMax });
      for (let index = 0; index < 20; index += 1) {
        responses.keep(
          { ...answer(`${life}${index + 10}`, 'x'.repeat(1_000)), createdS: 1_760_000_000 + index },
          LASTING,
        );
        clock.advance(1_000);
      }
      responses.close();
      expect(rows().length).toBeWithin(7, 10);
      expect(rows()).toContain(`${life}29`);
    }
  });

  test('one that is larger than all room is not stored, and takes no other life with it for ever', () => {
    const responses = open({ storedCharactersMax: 10_000 });
    responses.keep(answer('large', 'x'.repeat(20_000)), LASTING);
    clock.advance(1_000);
    expect(rows()).toEqual([]);
    responses.keep(answer('a'), LASTING);
    clock.advance(1_000);
    expect(rows()).toEqual(['a']);
  });

  test('all that is stored is counted once, not at each write', () => {
    const responses = open();
    const query = spyOn(store.$client, 'query');
    for (let index = 0; index < 20; index += 1) {
      responses.keep(answer(`a${index}`), LASTING);
      clock.advance(1_000);
    }
    expect(rows()).toHaveLength(20);
    expect(query.mock.calls.filter(([sql]) => sql.includes('SUM('))).toHaveLength(1);
  });

  test('what waits for the database is bounded in size, and written at once where that is possible', () => {
    const responses = open({ limits: { charactersMax: 1_000 } });
    const long = 'x'.repeat(20 << 20);
    for (const id of ['a', 'b', 'c', 'd']) responses.keep(answer(id, long), LASTING);
    expect(rows()).toEqual(['a', 'b', 'c', 'd']);
    const other = new Database(path);
    other.run('BEGIN IMMEDIATE');
    for (const id of ['e', 'f', 'g', 'h', 'i']) responses.keep(answer(id, long), LASTING);
    expect(['e', 'f', 'g', 'h', 'i'].filter((id) => responses.find(id) !== null)).toEqual(['g', 'h', 'i']);
    other.run('ROLLBACK');
    other.close();
    clock.advance(10_000);
    expect(rows()).toEqual(['a', 'b', 'c', 'd', 'g', 'h', 'i']);
  });

  test('nothing is written after the end', () => {
    const responses = open();
    responses.close();
    responses.keep(answer('a'), LASTING);
    clock.advance(1_000);
    expect(rows()).toEqual([]);
  });
});
