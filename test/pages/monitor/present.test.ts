/** What rows and cards say of a request: times left, names, room. */
import { expect, test } from 'bun:test';
import { contextUsed, doingOf, prefillLeftS, requestRow } from '#src/pages/monitor/present.ts';
import { sampleRequest } from '#test/support/dashboard.ts';
import { idleModel, readyModel } from '#test/support/fleet-snapshots.ts';
import { Doing, look } from '#views/monitor/model-card.tsx';
import { waitWords } from '#views/monitor/wait-words.ts';
import { wavePath } from '#views/monitor/wave.tsx';
import { sparkPath } from '#views/parts/spark.tsx';

const NOW = { wallMs: 1_000_000, monotonicMs: 50_000 };
const prefilling = (parts: Parameters<typeof sampleRequest>[1]) =>
  sampleRequest('a', { stage: 'prefilling', stageSinceAtMs: NOW.wallMs - 10_000, ...parts });

test('the rest of a prompt takes as long as its part that was read, the cached one aside', () => {
  expect(prefillLeftS(prefilling({ promptTokens: 4_000, cachedTokens: 1_000, prefillRatio: 0.5 }), NOW)).toBe(20);
});

const UNTOLD = [
  { name: 'nothing is known of the prompt', parts: {} },
  { name: 'nothing beyond the cache was read', parts: { promptTokens: 100, cachedTokens: 50, prefillRatio: 0.5 } },
  { name: 'it has only begun', parts: { promptTokens: 100, prefillRatio: 0.1, stageSinceAtMs: NOW.wallMs - 500 } },
  { name: 'it is past', parts: { stage: 'generating' as const, promptTokens: 100, prefillRatio: 1 } },
];
for (const { name, parts } of UNTOLD) {
  test(`no time left is made up when ${name}`, () => expect(prefillLeftS(prefilling(parts), NOW)).toBe(null));
}

test('a row calls models by their names, and says what of the context is full', () => {
  const view = sampleRequest('a', {
    wait: { reason: 'memory', place: 2, waitingFor: ['gemma'], lacks: 'memory' },
    promptTokens: 500,
    outputTokens: 100,
  });
  const row = requestRow(view, { contextTokens: 1_000, rates: [], nameOf: (id) => id.toUpperCase() }, NOW);
  expect(row.wait === null ? '' : waitWords(row.wait)).toBe('place 2: waiting for GEMMA to finish');
  expect(row.contextRatio).toBe(0.6);
});

test('what waits to be tried again says when', () => {
  const view = sampleRequest('a', { wait: { reason: 'back-off', place: 1, retryAtMs: NOW.monotonicMs + 8_000 } });
  expect(requestRow(view, { contextTokens: null, rates: [], nameOf: (id) => id }, NOW).retryInS).toBe(8);
});

test('the largest conversation in work counts, and none that waits or is over', () => {
  const views = [
    sampleRequest('a', { stage: 'generating', promptTokens: 100, outputTokens: 20 }),
    sampleRequest('b', { stage: 'prefilling', promptTokens: 300 }),
    sampleRequest('c', { stage: 'completed', promptTokens: 9_000, endedAtMs: 1 }),
  ];
  expect(contextUsed(views)).toBe(300);
  expect(contextUsed([])).toBe(null);
});

const LINES = [
  { name: 'a slope', values: [0, 10], path: 'M0 31L2 1' },
  { name: 'equal values are one stroke', values: [0, 0, 0, 10], path: 'M0 31H4L6 1' },
  { name: 'a rest at the end', values: [10, 0, 0], path: 'M0 1L2 31H4' },
  { name: 'what is not known is a gap', values: [0, null, 10, 10], path: 'M0 31M4 1H6' },
];
for (const { name, values, path } of LINES) {
  test(`a line: ${name}`, () => expect(sparkPath(values, values.length, 10)).toBe(path));
}

test('fewer values than there is room for stand at the end of the line', () => {
  expect(sparkPath([0, 10], 4, 10)).toBe('M4 31L6 1');
});

test('a wave is flat where nothing was done, and always as wide as its window', () => {
  expect(wavePath([])).toBe('M0 20h600');
  expect(wavePath([0, 0])).toBe('M0 20h600');
  expect(wavePath([10, 0])).toBe('M0 20h580q5 -36 10 0h10');
});

test('F-16: a model that stops says when it will be ended by force', () => {
  const state = {
    phase: 'stopping',
    generation: 1,
    sinceMs: NOW.monotonicMs - 3_000,
    reason: 'user',
    killAtMs: NOW.monotonicMs + 7_000,
    pid: 1,
  } as const;
  const doing = doingOf(state, idleModel('a', { state }), NOW);
  expect(doing).toEqual({ phase: 'stopping', why: 'Unloaded by you.', forcedInS: 7 });
  expect(Doing({ doing, name: 'a' })).toContain('data-seconds="7"');
});

test('F-19: a model whose engine gives nothing but errors wears that as its badge', () => {
  const model = readyModel('a', { isMisbehaving: true, inFlight: 1 });
  const doing = doingOf(model.state, model, NOW);
  expect(look(doing)).toMatchObject({ word: 'misbehaving', tone: 'danger' });
  expect(Doing({ doing, name: 'a' })).toContain('all errors of its engine');
  const well = doingOf(model.state, { ...model, isMisbehaving: false }, NOW);
  expect([look(well).word, Doing({ doing: well, name: 'a' })]).toEqual(['working', '']);
});
