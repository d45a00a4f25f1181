/** Guessing keys, with time passed by hand. Keys on routes: test/web/guard.test.ts. */
import { expect, test } from 'bun:test';
import { Credentials } from '#src/web/credentials.ts';
import { FakeClock } from '../support/fake-clock.ts';

const KEY = 'flow_sk_right';
const shown = (key: string, address = '10.0.0.9') => ({
  authorization: `Bearer ${key}`,
  apiKeyHeader: null,
  cookie: null,
  address,
});

test('S-45: after ten wrong keys in a minute an address is told to wait; the right key still opens', () => {
  const clock = new FakeClock();
  const credentials = new Credentials({ apiKey: KEY, clock });
  for (let count = 0; count < 10; count += 1) expect(credentials.judge(shown(`wrong ${count}`))).toBe('wrong');
  expect(credentials.judge(shown('wrong again'))).toBe('throttled');
  expect(credentials.judge(shown('wrong elsewhere', '10.0.0.10'))).toBe('wrong');
  expect(credentials.judge(shown(KEY))).toBe('granted');
  clock.advance(60_000);
  expect(credentials.judge(shown('wrong later'))).toBe('wrong');
});

for (const odd of ["' OR 1=1--", '\u0000', 'x'.repeat(1_000_000), 'ключ', '']) {
  test(`S-10: an odd key of ${odd.length} characters is simply wrong`, () => {
    expect(new Credentials({ apiKey: KEY, clock: new FakeClock() }).judge(shown(odd))).toBe('wrong');
  });
}

test('a session outlives a restart, and ends when the key changes', () => {
  const clock = new FakeClock();
  const { cookie } = new Credentials({ apiKey: KEY, clock }).open(KEY, '::1');
  const presented = { authorization: null, apiKeyHeader: null, cookie, address: '::1' };
  expect(new Credentials({ apiKey: KEY, clock }).judge(presented)).toBe('granted');
  expect(new Credentials({ apiKey: 'another', clock }).judge(presented)).toBe('missing');
});
