/** What is told of the end of a loaded model: why, and for whom. */
import { expect, test } from 'bun:test';
import { GOOD, worldOf } from './world.ts';

test('a swap says for whom, a cooldown and a person say themselves, a load that was given up is no end', async () => {
  const world = worldOf({ a: 10, b: 10 });
  world.set({ jit_cooldown_seconds: 60, min_residency_seconds: 0 });
  const one = world.ask('a');
  await world.pass(3_000);
  one.end();
  await world.pass(3_000);
  const other = world.ask('b');
  await world.pass(10_000);
  other.end();
  await world.pass(90_000);
  world.fleet.load('a', {});
  await world.pass(5_000);
  world.fleet.unload('a', { force: false });
  await world.pass(5_000);
  world.fleet.load('b', {});
  await world.pass(10);
  world.fleet.unload('b', { force: true });
  await world.pass(5_000);
  expect(world.ends.map(({ endedAtMs: _endedAtMs, ...end }) => end)).toEqual([
    { modelId: 'a', kind: 'unload', reason: 'eviction', madeRoomFor: 'b' },
    { modelId: 'b', kind: 'unload', reason: 'cooldown', madeRoomFor: null },
    { modelId: 'a', kind: 'unload', reason: 'user', madeRoomFor: null },
  ]);
  expect(world.loads.at(-1)).toMatchObject({ modelId: 'b', outcome: 'abandoned' });
});

test('an engine that ends by itself is a crash, with its kind', async () => {
  const world = worldOf({ a: 4 });
  world.fates.set('a', { ...GOOD, livesMs: 5_000 });
  world.fleet.load('a', {});
  await world.pass(20_000);
  expect(world.ends[0]).toMatchObject({ modelId: 'a', kind: 'crash' });
});

test('the end of Flow is one for each loaded model', async () => {
  const world = worldOf({ a: 4, b: 4 });
  world.fleet.load('a', {});
  world.fleet.load('b', {});
  await world.pass(5_000);
  void world.fleet.shutdown(0);
  await world.pass(20_000);
  expect(world.ends.map((end) => end.kind === 'unload' && end.reason)).toEqual(['shutdown', 'shutdown']);
});
