/** Memory in parts: they must add up whatever is measured. */
import { expect, test } from 'bun:test';
import { memoryStory } from '#src/pages/monitor/memory-story.ts';
import { readyModel, sampleFleetModel } from '#test/support/dashboard.ts';

const GB = 1e9;
const fleetOf = (...models: ReturnType<typeof readyModel>[]) => ({
  models,
  memory: { budgetBytes: 40 * GB, reservedBytes: 0, byModel: [] },
  queue: [],
  swaps: 0,
});
const story = (
  machine: { totalBytes: number; freeBytes: number; availableBytes: number },
  ...models: ReturnType<typeof readyModel>[]
) => memoryStory(machine, fleetOf(...models), (id) => id.toUpperCase(), 1_000_000);

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
    const { segments, totalBytes } = story(machine, readyModel('a', { measuredBytes: models * GB }));
    expect(segments.reduce((sum, { bytes }) => sum + bytes, 0)).toBeCloseTo(totalBytes, 0);
    expect(segments.every(({ bytes }) => bytes >= 0)).toBe(true);
  });
}

const MACHINE = { totalBytes: 48 * GB, freeBytes: GB, availableBytes: 2 * GB };

test('the idle model that was used longest ago goes first', () => {
  const { outlook } = story(
    MACHINE,
    readyModel('busy', { inFlight: 1, lastUsedAtMs: 1 }),
    readyModel('pinned', { isPinned: true, lastUsedAtMs: 2 }),
    readyModel('newer', { lastUsedAtMs: 900_000 }),
    readyModel('older', { lastUsedAtMs: 808_000 }),
  );
  expect(outlook).toBe('If another model needs room, OLDER (idle 3:12) is unloaded first.');
});

test('says so when nothing can go, or nothing is there', () => {
  expect(story(MACHINE, readyModel('busy', { inFlight: 1 })).outlook).toContain('busy or pinned');
  expect(story(MACHINE, sampleFleetModel('idle')).outlook).toContain('None is loaded');
});
