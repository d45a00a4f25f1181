/** Judging what a caller shows, with time passed by hand. Keys on routes: test/web/guard, e2e/keys. */
import { describe, expect, test } from 'bun:test';
import type { HeldKey } from '#src/keys/held-key.ts';
import { digestOf, newKeyText, sessionFor } from '#src/keys/key-text.ts';
import { Credentials, type CredentialsParts, type Presented } from '#src/web/credentials.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'flow_sk_right';
const NOTHING: Presented = {
  ...{ authorization: null, apiKeyHeader: null, cookie: null, localKey: null },
  ...{ address: '127.0.0.1', isForwarded: false },
};
const shown = (key: string, address = '10.0.0.9'): Presented => ({
  ...{ ...NOTHING, authorization: `Bearer ${key}`, address },
});

/** Keys as the book holds them, by text. */
function bookOf(...texts: readonly string[]) {
  const made = texts.map((text) => ({ text, key: { isExpired: false, may: () => true } as unknown as HeldKey }));
  return {
    keyOf: (text: string) => made.find((one) => one.text === text)?.key ?? null,
    byDigest: (digest: string) => made.find(({ text }) => digestOf(text) === digest)?.key ?? null,
    bySession: (digest: string) => made.find(({ text }) => digestOf(sessionFor(text)) === digest)?.key ?? null,
    hasManager: made.length > 0,
  };
}

const open = (parts: Partial<CredentialsParts> = {}) =>
  new Credentials({ apiKey: null, clock: new FakeClock(), ...parts });
const verdict = (credentials: Credentials, presented: Presented) => credentials.judge(presented).verdict;

test('S-45: after ten wrong keys in a minute an address is told to wait; the right key still opens', () => {
  const clock = new FakeClock();
  const credentials = open({ apiKey: KEY, clock });
  for (let count = 0; count < 10; count += 1) expect(verdict(credentials, shown(`wrong ${count}`))).toBe('wrong');
  expect(verdict(credentials, shown('wrong again'))).toBe('throttled');
  expect(verdict(credentials, shown('wrong elsewhere', '10.0.0.10'))).toBe('wrong');
  expect(verdict(credentials, shown(KEY))).toBe('granted');
  clock.advance(60_000);
  expect(verdict(credentials, shown('wrong later'))).toBe('wrong');
});

test('S-11: a guess meets the keys as its digest alone, of one length, however much of a key it has right', () => {
  const key = newKeyText();
  const asked: string[] = [];
  const byDigest = (digest: string) => {
    asked.push(digest);
    return null;
  };
  const book = { ...bookOf(key), byDigest };
  const guesses = Array.from({ length: key.length + 1 }, (_, right) => key.slice(0, right).padEnd(key.length, '!'));
  for (const [index, guess] of guesses.entries()) verdict(open({ keys: book }), shown(guess, `10.0.0.${index}`));
  expect(asked).toEqual(guesses.map(digestOf));
  // A comparison that stops at the first difference stops as soon for a nearly right guess as for a wrong one.
  const shared = asked.slice(0, -1).map((digest) => commonLength(digest, asked.at(-1) ?? ''));
  expect(new Set(asked.map((digest) => digest.length)).size).toBe(1);
  expect(Math.max(...shared)).toBeLessThan(8);
});

function commonLength(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

for (const odd of ["' OR 1=1--", '\u0000', 'x'.repeat(1_000_000), 'ключ', '']) {
  test(`S-10: an odd key of ${odd.length} characters is simply wrong`, () => {
    expect(verdict(open({ apiKey: KEY }), shown(odd))).toBe('wrong');
  });
}

test('a session outlives a restart, and ends when the key changes', () => {
  const opening = open({ apiKey: KEY }).open(KEY, '::1');
  const cookie = opening.kind === 'opened' ? opening.cookie : '';
  expect(verdict(open({ apiKey: KEY }), { ...NOTHING, cookie })).toBe('granted');
  expect(verdict(open({ apiKey: 'another' }), { ...NOTHING, cookie })).toBe('missing');
});

describe('who needs a key', () => {
  const far = { ...NOTHING, address: '192.168.1.9' };
  const forwarded = { ...NOTHING, isForwarded: true };
  const gone = { ...NOTHING, address: '' };
  const mapped = { ...NOTHING, address: '::ffff:127.0.0.1' };
  const one = bookOf(newKeyText());
  const cases: readonly (readonly [string, Partial<CredentialsParts>, Presented, string])[] = [
    ['nobody on this machine, while there is no key', {}, NOTHING, 'granted'],
    ['nor in IPv6 spelling', {}, mapped, 'granted'],
    ['nobody on this machine, when others were given keys', { keys: one }, NOTHING, 'granted'],
    ['everybody, with a key of Flow itself', { apiKey: KEY }, NOTHING, 'missing'],
    ['everybody from elsewhere', { keys: one }, far, 'missing'],
    ['whoever comes through a proxy, whose address it is', {}, forwarded, 'missing'],
    ['a client that has gone: it may have been anybody', {}, gone, 'missing'],
    ['nobody, where Flow was told to be open', { isOpenAllowed: true }, far, 'granted'],
    ['everybody, where the owner wishes it', { keys: one, isKeyWished: () => true }, NOTHING, 'missing'],
    ['also in the open', { keys: one, isKeyWished: () => true, isOpenAllowed: true }, far, 'missing'],
    ['not the owner, whom nobody could let in again', { isKeyWished: () => true }, NOTHING, 'granted'],
  ];
  test.each(cases)('%s', (_, parts, presented, expected) => {
    expect(verdict(open(parts), presented)).toBe(expected as 'granted');
  });
});

describe('whoever shows a key acts as that key', () => {
  const [mine, theirs, revoked] = [newKeyText(), newKeyText(), newKeyText()];
  const keys = bookOf(mine, theirs);
  const as = (presented: Presented, parts: Partial<CredentialsParts> = {}) => {
    const judged = open({ keys, ...parts }).judge(presented);
    return judged.verdict === 'granted' ? (judged.key ?? 'owner') : judged.verdict;
  };

  test('also where none is asked for', () => {
    expect(as(shown(mine, '127.0.0.1'))).toBe(keys.keyOf(mine) as HeldKey);
    expect(as({ ...NOTHING, apiKeyHeader: theirs })).toBe(keys.keyOf(theirs) as HeldKey);
  });

  test('by either header, and by both when they are the same', () => {
    expect(as({ ...shown(mine), apiKeyHeader: mine })).toBe(keys.keyOf(mine) as HeldKey);
    expect(as({ ...shown(mine), apiKeyHeader: theirs })).toBe('wrong');
    expect(as({ ...shown(mine, '127.0.0.1'), apiKeyHeader: 'flow' })).toBe('wrong');
  });

  test('a word that agents send in its place counts for nothing, a revoked key does not', () => {
    expect(as({ ...shown('flow', '127.0.0.1'), apiKeyHeader: 'sk-none' })).toBe('owner');
    expect(as(shown(revoked, '127.0.0.1'))).toBe('wrong');
    expect(as(shown('flow'))).toBe('wrong');
  });

  test('a dashboard has what its key has, and is nobody’s when the key is gone', () => {
    const opening = open({ keys }).open(mine, '::1');
    const cookie = opening.kind === 'opened' ? opening.cookie : '';
    expect(as({ ...NOTHING, cookie, address: '10.0.0.9' })).toBe(keys.keyOf(mine) as HeldKey);
    expect(as({ ...NOTHING, cookie }, { keys: bookOf(theirs) })).toBe('owner');
    expect(as({ ...NOTHING, cookie, address: '10.0.0.9' }, { keys: bookOf(theirs) })).toBe('missing');
    expect(cookie).not.toContain(mine);
  });

  test('the cookie is no key, and the digest that is kept is neither', () => {
    expect(as(shown(sessionFor(mine)))).toBe('wrong');
    expect(as(shown(digestOf(mine)))).toBe('wrong');
    const forged = `flow_session=${digestOf(sessionFor(mine))}`;
    expect(as({ ...NOTHING, cookie: forged, address: '10.0.0.9' })).toBe('missing');
  });
});

describe('the command line of Flow’s own user', () => {
  const localKey = 'a'.repeat(64);
  test('is let in on this machine, whatever keys there are', () => {
    expect(verdict(open({ apiKey: KEY, localKey }), { ...NOTHING, localKey })).toBe('granted');
  });
  test('but not from elsewhere, through a proxy, or with another word', () => {
    const credentials = open({ apiKey: KEY, localKey });
    expect(verdict(credentials, { ...NOTHING, localKey, address: '10.0.0.9' })).toBe('missing');
    expect(verdict(credentials, { ...NOTHING, localKey, isForwarded: true })).toBe('missing');
    expect(verdict(credentials, { ...NOTHING, localKey: 'b'.repeat(64) })).toBe('missing');
    expect(verdict(open({ apiKey: KEY }), { ...NOTHING, localKey: '' })).toBe('missing');
  });
});
