/** How one request is told. Where its facts come from: tracker.test.ts; what the page says: test/pages/requests. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { accountOfRow, accountOfView, stretchesOf } from '#src/requests/account.ts';
import { sampleRequest } from '#test/support/dashboard.ts';
import { recordRow } from './record-rows.ts';

const account = (changes: Parameters<typeof recordRow>[0] = {}) => accountOfRow({ id: 7, ...recordRow(changes) });
const ms = (changes: Parameters<typeof recordRow>[0]) => stretchesOf(account(changes)).map((stretch) => stretch.ms);

describe('the stretches of a request', () => {
  test('lie behind one another: queue, load, prefill, answer', () => {
    expect(ms({ queueMs: 1_000, loadMs: 3_000, ttftMs: 6_000, durationMs: 8_000 })).toEqual([
      1_000, 3_000, 2_000, 2_000,
    ]);
  });

  test('without a first token all work was reading', () => {
    expect(ms({ queueMs: 0, loadMs: null, ttftMs: null, durationMs: 900, outputTokens: 0 })).toEqual([0, 0, 900, 0]);
  });

  test('of an answer that came whole, the engine’s speed says how long was written', () => {
    const whole = {
      queueMs: 0,
      loadMs: null,
      ttftMs: null,
      durationMs: 3_000,
      outputTokens: 100,
      decodeTokensPerS: 50,
    };
    expect(ms(whole)).toEqual([0, 0, 1_000, 2_000]);
  });

  test('add up to the whole and are never negative, whatever was recorded', () => {
    const time = fc.option(fc.double({ min: 0, max: 1e7, noNaN: true }));
    fc.assert(
      fc.property(
        time,
        time,
        time,
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        (queueMs, loadMs, ttftMs, durationMs) => {
          const found = ms({ queueMs, loadMs, ttftMs, durationMs });
          expect(found.reduce((sum, one) => sum + one, 0)).toBeCloseTo(durationMs, 3);
          expect(found.every((one) => one >= 0)).toBe(true);
        },
      ),
    );
  });
});

test('a request that runs is as long as it has run', () => {
  const view = sampleRequest('aaaaaaaaaaaa', { startedAtMs: 1_000, queueMs: 200, ttftMs: 1_000 });
  expect(accountOfView(view, 4_000)).toMatchObject({ durationMs: 3_000, endedAtMs: null, requestId: 'aaaaaaaaaaaa' });
  expect(stretchesOf(accountOfView(view, 4_000)).map((stretch) => stretch.ms)).toEqual([200, 0, 800, 2_000]);
});
