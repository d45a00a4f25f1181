/**
 * Memory in parts: they must add up whatever is measured, and what is said to come next must be what the scheduler
 * does.
 */
import { expect, test } from 'bun:test';
import { memoryStory } from '#src/pages/monitor/memory-story.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import { readyModel, sampleFleetModel } from '#test/support/dashboard.ts';

const GB = 1e9;
type FleetModels = ReturnType<typeof readyModel>[];
const fleetOf = (models: FleetModels, parts: Partial<FleetSnapshot> = {}): FleetSnapshot => ({
  models,
  memory: { budgetBytes: 40 * GB, reservedBytes: 0, byModel: [] },
  queue: [],
  swaps: 0,
  contention: null,
  ...parts,
});
/** Wall clock and monotonic, the same here. */
const NOW = { wallMs: 1_000_000, monotonicMs: 1_000_000 };
const knownAs = (id: string) => ({ name: id.toUpperCase(), isExternal: id.startsWith('foreign') });
const story = (
  machine: { totalBytes: number; freeBytes: number; availableBytes: number },
  models: FleetModels,
  parts: Partial<FleetSnapshot> = {},
) => memoryStory(machine, fleetOf(models, parts), knownAs, NOW);

const CASES = [
  { name: 'plain', total: 48, free: 3.6, available: 8.6, models: 18 },
  { name: 'mapped weights counted as cache', total: 48, free: 10, available: 40, models: 30 },
  { name: 'models measured larger than what is used', total: 16, free: 4, available: 6, models: 40 },
  { name: 'available less than free', total: 16, free: 8, available: 2, models: 1 },
  { name: 'nothing known', total: 0, free: 0, available: 0, models: 1 },
];
for (const { name, total, free, available, models } of CASES) {
  test(`the parts sum to the whole: ${name}`, () => {
    const machine = { totalBytes: total * GB, freeBytes: free * GB, availableBytes: available * GB };
    const { segments, totalBytes } = story(machine, [readyModel('a', { measuredBytes: models * GB })]);
    expect(segments.reduce((sum, { bytes }) => sum + bytes, 0)).toBeCloseTo(totalBytes, 0);
    expect(segments.every(({ bytes }) => bytes >= 0)).toBe(true);
  });
}

const MACHINE = { totalBytes: 48 * GB, freeBytes: GB, availableBytes: 2 * GB };

test('the idle model that is cheapest to lose goes first, never one that is busy, pinned or not ours', () => {
  const { outlook } = story(MACHINE, [
    readyModel('busy', { inFlight: 1, lastUsedAtMs: 1 }),
    readyModel('pinned', { isPinned: true, lastUsedAtMs: 2 }),
    readyModel('foreign', { lastUsedAtMs: 3 }),
    readyModel('newer', { lastUsedAtMs: 900_000 }),
    readyModel('older', { lastUsedAtMs: 808_000 }),
  ]);
  expect(outlook).toBe('If another model needs room, OLDER (idle 3:12) is unloaded first.');
});

test('F-39: models that push each other out are named, with what it costs, and nothing is said before', () => {
  expect(story(MACHINE, []).advice).toBeNull();
  const contention = { modelIds: ['a', 'b'], swaps: 14, windowMs: 600_000, loadingRatio: 0.412 };
  const { advice } = story(MACHINE, [], { contention });
  expect(advice).toStartWith('A and B do not fit together: 14 swaps in 10 min, 41 % of the time spent loading.');
});

test('what takes long to load again is kept though it was used longer ago', () => {
  const { outlook } = story(MACHINE, [
    readyModel('slow', { lastUsedAtMs: 808_000, usualLoadMs: 120_000 }),
    readyModel('quick', { lastUsedAtMs: 900_000, usualLoadMs: 2_000 }),
  ]);
  expect(outlook).toContain('QUICK (idle 1:40) is unloaded first');
});

test('a swap that is under way, or waits, is what comes next', () => {
  const waiting = (wait: FleetSnapshot['queue'][number]['wait']) => ({
    queue: [{ requestId: 'r', modelId: 'new', sinceMs: 0, wait }],
  });
  const stopping = sampleFleetModel('old', {
    state: { phase: 'stopping', generation: 1, sinceMs: 0, reason: 'eviction', killAtMs: 1, pid: 1 },
  });
  expect(story(MACHINE, [stopping], waiting({ reason: 'stopping', place: 1, modelId: 'old' })).outlook).toBe(
    'OLD is being unloaded to make room for NEW.',
  );
  const memory = waiting({ reason: 'memory', place: 1, waitingFor: ['busy'], lacks: 'memory' });
  expect(story(MACHINE, [readyModel('busy', { inFlight: 2 })], memory).outlook).toBe(
    'Next: NEW needs room, and waits until BUSY is done with 2 requests.',
  );
});

test('says so when nothing can go, or nothing is there', () => {
  expect(story(MACHINE, [readyModel('busy', { inFlight: 1 })]).outlook).toContain('busy or pinned');
  expect(story(MACHINE, [sampleFleetModel('idle')]).outlook).toContain('None is loaded');
});

test('who holds memory is listed, the largest first, with what it is for', () => {
  const { holders } = story(MACHINE, [
    readyModel('small', { measuredBytes: GB }),
    sampleFleetModel('none'),
    readyModel('large', { measuredBytes: null }),
  ]);
  expect(holders.map(({ name, isMeasured }) => [name, isMeasured])).toEqual([
    ['LARGE', false],
    ['SMALL', true],
  ]);
  expect(holders[0]?.parts?.weightsBytes).toBe(15 * GB);
});
