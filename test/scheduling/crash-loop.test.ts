/** F-15: a model that crashes again and again is left alone for longer each time, and for good in the end. */
import { expect, test } from 'bun:test';
import { GOOD, startsOf, type World, worldOf } from './world.ts';

/** Dies a second after it was ready. */
const FRAIL = { ...GOOD, livesMs: 1_000 };

function pinned(): World {
  const world = worldOf({});
  world.add('a', 8, FRAIL);
  world.configure('a', { is_pinned: true });
  world.fleet.load('a', {});
  return world;
}

test('F-15: a crash loop is started again after 1, 2, 4 and 8 s, and the fifth crash is the last', async () => {
  const world = pinned();
  for (let seconds = 0; seconds < 300; seconds += 1) await world.pass(1_000);
  const startsMs = world.starts.map(({ atMs }) => atMs);
  const lifeMs = 10 + FRAIL.loadMs + FRAIL.livesMs;
  const waitsMs = startsMs.slice(1).map((atMs, index) => atMs - (startsMs[index] ?? 0) - lifeMs);
  expect(waitsMs.map((ms) => Math.round(ms / 1_000))).toEqual([1, 2, 4, 8]);
  expect(world.fleet.model('a').state).toMatchObject({ phase: 'failed', retryAtMs: null, attempts: 5 });
  const late = world.ask('a');
  await world.pass(1_000);
  expect(late.fault).toMatchObject({ kind: 'load-failed' });
  // Only a person ends it.
  world.fates.set('a', GOOD);
  world.fleet.load('a', {});
  await world.pass(5_000);
  expect(world.phase('a')).toBe('ready');
});

test('F-15: a minute of health clears the count, so that a crash each minute is never a loop', async () => {
  const world = pinned();
  world.fates.set('a', { ...GOOD, livesMs: 61_000 });
  for (let seconds = 0; seconds < 600; seconds += 1) await world.pass(1_000);
  expect(startsOf(world, 'a')).toBeGreaterThan(8);
  expect(world.fleet.model('a').state.phase).not.toBe('failed');
});
