/** What is booked for which second, from what requests show of themselves. The ring alone: series.test.ts. */
import { expect, test } from 'bun:test';
import { Pace } from '#src/pages/monitor/pace.ts';
import type { RequestView } from '#src/requests/request.ts';
import { sampleRequest } from '#test/support/dashboard.ts';

const WALL_MS = 1_750_000_000_000;
/** Requests of these tests began when Flow did. */
const request = (parts: Partial<RequestView>) =>
  sampleRequest('a', { modelId: 'm', stage: 'generating', startedAtMs: WALL_MS, stageSinceAtMs: WALL_MS, ...parts });
const at = (seconds: number) => ({ wallMs: WALL_MS + seconds * 1000, monotonicMs: seconds * 1000 });

/** The last points of the minute. */
const tail = (pace: Pace, what: 'output' | 'read' | 'queue', seconds: number, count: number) =>
  pace.points(what, '1m', seconds * 1000).slice(-count);

test('tokens count for the second in which they came, for all, for the model and for the request', () => {
  const pace = new Pace(0);
  for (const [second, outputTokens] of [0, 40, 100, 100].entries())
    pace.take([request({ outputTokens })], 0, at(second));
  expect(tail(pace, 'output', 3, 3)).toEqual([40, 60, 0]);
  expect(pace.requestPoints('a', 3_000)).toEqual([40, 60, 0]);
  expect(pace.modelPoints('m', 5_000).at(-1)).toBe(20);
});

test('an answer that is only counted at its end is spread over the time that it took', () => {
  const pace = new Pace(0);
  pace.take([request({ stage: 'prefilling' })], 0, at(1));
  const ended = { stage: 'completed' as const, outputTokens: 80, tokensPerS: 20, endedAtMs: WALL_MS + 10_000 };
  pace.take([request(ended)], 0, at(10));
  pace.take([request(ended)], 0, at(11));
  expect(tail(pace, 'output', 11, 6)).toEqual([0, 20, 20, 20, 20, 0]);
});

test('a prompt is read without what the engine still knew of it, between the asking and the first token', () => {
  const pace = new Pace(0);
  pace.take(
    [request({ queueMs: 1_000, loadMs: 1_000, ttftMs: 4_000, promptTokens: 900, cachedTokens: 700 })],
    0,
    at(5),
  );
  expect(tail(pace, 'read', 5, 5)).toEqual([0, 0, 100, 100, 0]);
  const steps = new Pace(0);
  const prompt = { stage: 'prefilling' as const, promptTokens: 1_000, cachedTokens: 0 };
  for (const [second, prefillRatio] of [0, 0.2, 0.5].entries()) {
    steps.take([request({ ...prompt, prefillRatio })], 0, at(second));
  }
  expect(tail(steps, 'read', 2, 2)).toEqual([200, 300]);
});

test('the longest queue of a second counts, also when it was gone before anybody looked', () => {
  const pace = new Pace(0);
  pace.raiseQueue(3, 1_200);
  pace.take([], 1, at(1.9));
  pace.take([], 0, at(2.9));
  expect(tail(pace, 'queue', 3, 2)).toEqual([3, 0]);
});

test('requests that are gone are forgotten, and models beyond a bound as well', () => {
  const pace = new Pace(0);
  for (let second = 1; second <= 100; second += 1) {
    pace.take([request({ id: `r${second}`, modelId: `m${second}`, outputTokens: 5 })], 0, at(second));
  }
  expect(pace.requestPoints('r99', 100_000)).toEqual([]);
  expect(pace.modelIds().length).toBe(64);
  expect(pace.modelPoints('m100', 101_000).some((rate) => rate > 0)).toBe(true);
});
