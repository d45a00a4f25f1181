/** The bounds of a key, with time passed by hand. */
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { Allowance } from '#src/keys/allowance.ts';
import type { KeyRules } from '#src/keys/key.ts';

const RULES: KeyRules = {
  ...{ name: 'k', scopes: ['infer'], models: null, requestsPerMinute: null, tokensPerDay: null, expiresAtMs: null },
};
const NOON = new Date(2026, 10, 23, 12).getTime();

test('in no minute more than the bound are let in, and none is held back without need', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 80 }),
      (bound, pauses) => {
        const allowance = new Allowance({ day: '', tokens: 0 });
        const admitted: number[] = [];
        let nowMs = 0;
        for (const pause of pauses) {
          nowMs += pause;
          const before = admitted.filter((atMs) => atMs > nowMs - 60_000).length;
          const fault = allowance.take({ ...RULES, requestsPerMinute: bound }, nowMs, NOON);
          expect(fault === null).toBe(before < bound);
          if (fault === null) admitted.push(nowMs);
        }
      },
    ),
  );
});

test('who must wait is told for how long', () => {
  const allowance = new Allowance({ day: '', tokens: 0 });
  const rules = { ...RULES, requestsPerMinute: 2 };
  allowance.take(rules, 0, NOON);
  allowance.take(rules, 20_000, NOON);
  const fault = allowance.take(rules, 30_500, NOON);
  expect([fault?.kind, fault?.status, fault?.retryAfterS]).toEqual(['rate-limited', 429, 30]);
  expect(allowance.take(rules, 60_000, NOON)).toBeNull();
});

test('another bound counts at once, and the last minute is not forgotten', () => {
  const allowance = new Allowance({ day: '', tokens: 0 });
  for (const atMs of [1, 2, 3]) expect(allowance.take({ ...RULES, requestsPerMinute: 3 }, atMs, NOON)).toBeNull();
  expect(allowance.take({ ...RULES, requestsPerMinute: 2 }, 4, NOON)?.kind).toBe('rate-limited');
  const wider = { ...RULES, requestsPerMinute: 3 };
  expect(allowance.take(wider, 5, NOON)).toBeNull();
  expect(allowance.take(wider, 6, NOON)?.kind).toBe('rate-limited');
});

test('the tokens of a day end at midnight here, which is when it goes on', () => {
  const allowance = new Allowance({ day: '', tokens: 0 });
  const rules = { ...RULES, tokensPerDay: 100 };
  allowance.spend(99, NOON);
  expect(allowance.take(rules, 0, NOON)).toBeNull();
  allowance.spend(50, NOON);
  const fault = allowance.take(rules, 0, NOON);
  expect([fault?.kind, fault?.status, fault?.isRetryable]).toEqual(['quota-used', 429, false]);
  expect(fault?.retryAfterS).toBe(12 * 3600);
  expect(allowance.take(rules, 0, NOON + 12 * 3_600_000)).toBeNull();
});

test('F-82: a clock that was a year ahead and is set right does not make the day last for a year', () => {
  const allowance = new Allowance({ day: '', tokens: 0 });
  const rules = { ...RULES, tokensPerDay: 10 };
  allowance.spend(10, NOON + 365 * 86_400_000);
  expect(allowance.take(rules, 0, NOON)).toBeNull();
  allowance.spend(10, NOON);
  expect(allowance.take(rules, 0, NOON)?.retryAfterS).toBeLessThanOrEqual(12 * 3_600);
});

test('use of another day that was kept does not count today, that of today does', () => {
  const today = new Allowance({ day: '2026-11-23', tokens: 70 });
  expect(today.tokensOf(NOON)).toBe(70);
  expect(new Allowance({ day: '2026-11-22', tokens: 70 }).tokensOf(NOON)).toBe(0);
});
