/** Keys over a real database, with time passed by hand. At the doors of a whole Flow: e2e/keys. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { KeyBook } from '#src/keys/key-book.ts';
import { digestOf, looksLikeKey, newKeyText, sessionFor } from '#src/keys/key-text.ts';
import { keyWire } from '#src/keys/wire.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { hasStoredKeys } from '#src/store/stored-keys.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder = '';
let store: Store;
let clock: FakeClock;
let cancelled: string[];
let secrets: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-keys-'));
  store = openStore(join(folder, 'flow.db'));
  clock = new FakeClock();
  cancelled = [];
  secrets = [];
});
afterEach(() => {
  closeStore(store);
  rmSync(folder, { recursive: true, force: true });
});

function openBook(): KeyBook {
  return new KeyBook({
    store,
    clock,
    bus: new Bus(),
    modelIdOf: (name) => {
      if (name.startsWith('no')) throw new Fault('model-not-found', `There is no model "${name}".`);
      return name.toLowerCase();
    },
    protect: (secret) => secrets.push(secret),
    cancel: (requestId) => cancelled.push(requestId),
  });
}

const kindOf = (act: () => unknown): string => {
  try {
    act();
    return 'nothing';
  } catch (cause) {
    return cause instanceof Fault ? cause.kind : String(cause);
  }
};

test('a key is flow_ and 43 letters and digits, never the same twice', () => {
  const keys = Array.from({ length: 500 }, newKeyText);
  expect(new Set(keys).size).toBe(500);
  for (const key of keys) expect(key).toMatch(/^flow_[0-9A-Za-z]{43}$/);
  expect(keys.every(looksLikeKey)).toBe(true);
  expect(['flow', 'sk-1234', 'flow_sk_test', '', `${keys[0]}x`].some(looksLikeKey)).toBe(false);
});

test('a key is found by its digest and its session by that of the cookie, also after a restart', () => {
  const { key, text } = openBook().create({ name: 'laptop' });
  const again = openBook();
  expect(again.byDigest(digestOf(text))?.id).toBe(key.id);
  expect(again.bySession(digestOf(sessionFor(text)))?.id).toBe(key.id);
  expect(again.byDigest(digestOf(`${text}x`))).toBeNull();
  expect(again.byDigest(text)).toBeNull();
});

test('the text of a key is in no file and in no answer, but is told to the logs to be kept out', () => {
  const book = openBook();
  const { key, text } = book.create({ name: 'laptop' });
  book.seen(key, '127.0.0.1', 'curl/8');
  book.close();
  const bytes = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
  expect(bytes.some((content) => content.includes(text))).toBe(false);
  expect(bytes.some((content) => content.includes(sessionFor(text)))).toBe(false);
  expect(JSON.stringify(book.list().map(keyWire))).not.toContain(text.slice(5, 30));
  expect(secrets).toEqual([text]);
});

test('a revoked key is unknown at once, its name is free, and what ran under it is cancelled', () => {
  const book = openBook();
  const { key, text } = book.create({ name: 'laptop' });
  let ended = 0;
  key.whenOver(() => (ended += 1));
  book.began(key, 'r1');
  book.began(key, 'r2');
  book.ended({ requestId: 'r2', route: '/v1/messages', inputTokens: 1, cachedTokens: 0, outputTokens: 1 });
  book.revoke('LAPTOP');
  expect(cancelled).toEqual(['r1']);
  expect(ended).toBe(1);
  expect(book.byDigest(digestOf(text))).toBeNull();
  expect(book.bySession(digestOf(sessionFor(text)))).toBeNull();
  expect(kindOf(() => book.create({ name: 'laptop' }))).toBe('nothing');
});

test('a key that is over ends what it opened by itself, and is told as expired', () => {
  const book = openBook();
  const { key } = book.create({ name: 'guest', expires_at: new Date(clock.wallMs() + 3_600_000).toISOString() });
  let ended = 0;
  key.whenOver(() => (ended += 1));
  clock.advance(3_599_000);
  expect([key.isExpired, ended]).toEqual([false, 0]);
  clock.advance(2_000);
  expect([key.isExpired, ended, book.hasLive]).toEqual([true, 1, false]);
});

test('the last use and the tokens of the day are kept, a while later and at the end', () => {
  const book = openBook();
  const { key } = book.create({ name: 'laptop', tokens_per_day: 1000 });
  book.seen(key, '::ffff:192.168.1.7', 'claude-cli/2.1 (external)');
  book.began(key, 'r1');
  book.ended({ requestId: 'r1', route: '/v1/messages', inputTokens: 100, cachedTokens: 60, outputTokens: 5 });
  expect(openBook().need('laptop').lastUse).toBeNull();
  clock.advance(5_000);
  const kept = openBook().need('laptop');
  expect(kept.lastUse).toEqual({ atMs: clock.wallMs() - 5_000, place: 'local network', client: 'claude-cli' });
  expect(kept.tokensToday).toBe(45);
});

test('who looks at the file from outside sees whether there is a key that still opens anything', () => {
  const path = join(folder, 'flow.db');
  const has = () => hasStoredKeys(path, clock.wallMs());
  expect([has(), hasStoredKeys(join(folder, 'none.db'), 0)]).toEqual([false, false]);
  const book = openBook();
  book.create({ name: 'guest', expires_at: new Date(clock.wallMs() + 60_000).toISOString() });
  expect(has()).toBe(true);
  clock.advance(60_000);
  expect(has()).toBe(false);
});

test('counting tokens uses none', () => {
  const book = openBook();
  const { key } = book.create({ name: 'laptop' });
  book.began(key, 'r1');
  const counted = { inputTokens: 900, cachedTokens: null, outputTokens: 0 };
  book.ended({ requestId: 'r1', route: '/v1/messages/count_tokens', ...counted });
  expect(key.tokensToday).toBe(0);
});

test('a change keeps what it does not name, and counts at once', () => {
  const book = openBook();
  const { key } = book.create({ name: 'laptop', models: ['Qwen'], requests_per_minute: 10 });
  book.change(key.id, { name: 'desk', requests_per_minute: null });
  expect(key.rules).toEqual({
    ...{ name: 'desk', scopes: ['infer'], models: ['qwen'], requestsPerMinute: null },
    ...{ tokensPerDay: null, expiresAtMs: null },
  });
  expect(openBook().need('desk').rules).toEqual(key.rules);
});

describe('a wish that makes no sense is refused by its field, and nothing is made', () => {
  const cases: readonly (readonly [unknown, string])[] = [
    [{}, 'name'],
    [{ name: '\u0000 ' }, 'name'],
    [{ name: 'x'.repeat(41) }, 'name'],
    [{ name: 'a', scopes: [] }, 'scopes'],
    [{ name: 'a', scopes: ['all'] }, 'scopes'],
    [{ name: 'a', scopes: 'infer' }, 'scopes'],
    [{ name: 'a', models: [] }, 'models'],
    [{ name: 'a', models: [7] }, 'models'],
    [{ name: 'a', scopes: ['manage'], models: ['qwen'] }, 'models'],
    [{ name: 'a', requests_per_minute: 0 }, 'requests_per_minute'],
    [{ name: 'a', requests_per_minute: 1.5 }, 'requests_per_minute'],
    [{ name: 'a', tokens_per_day: '5' }, 'tokens_per_day'],
    [{ name: 'a', expires_at: 'soon' }, 'expires_at'],
    [{ name: 'a', expires_at: '1999-01-01' }, 'expires_at'],
    [{ name: 'a', digest: 'x' }, 'digest'],
  ];
  test.each(cases)('%j', (wish, field) => {
    const book = openBook();
    let fault: unknown = null;
    try {
      book.create(wish);
    } catch (cause) {
      fault = cause;
    }
    expect(fault).toBeInstanceOf(Fault);
    expect((fault as Fault).kind).toBe('invalid-request');
    expect((fault as Fault).details.field).toBe(field);
    expect(book.list()).toEqual([]);
  });
});

test('a name in use is a conflict, a model that is not there is not found', () => {
  const book = openBook();
  book.create({ name: 'Laptop' });
  expect(kindOf(() => book.create({ name: 'laptop' }))).toBe('conflict');
  expect(kindOf(() => book.create({ name: 'other', models: ['nothing'] }))).toBe('model-not-found');
  expect(kindOf(() => book.change('laptop', { name: 'LAPTOP' }))).toBe('nothing');
});
