/**
 * F-40: a model that goes meets a request that comes, in every order and at every distance. Each round is one life on a
 * fake clock whose times follow from its number, so a number that is printed is a life that can be repeated.
 */
import { expect, test } from 'bun:test';
import { flushed, GOOD, type World, worldOf } from './world.ts';

const ROUNDS = 10_000;
const COOLDOWN_MS = 5_000;

/** How the model is made to go. */
const ENDINGS: readonly ((world: World) => void)[] = [
  () => {},
  (world) => world.fleet.unload('a', { force: false }),
  (world) => world.fleet.keep('a', 0),
  (world) => void world.ask('b').controller.abort(),
];

/** Numbers from 0 to below `limit` that follow from the seed alone. */
function dice(seed: number): (limit: number) => number {
  let state = seed + 1;
  return (limit) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
}

/** One life; answers what became of the request. */
async function meet(seed: number): Promise<{ generation: number; endedBy: string | null; fault: string | null }> {
  const roll = dice(seed);
  const world = worldOf({ a: 10, b: 10 });
  world.set({ jit_cooldown_seconds: COOLDOWN_MS / 1000, min_residency_seconds: 0 });
  world.fates.set('a', { ...GOOD, loadMs: 100, stopMs: roll(3) * 40 });
  world.fleet.load('a', {});
  world.clock.advance(110);
  await flushed();
  const { unloadAtMs } = world.fleet.model('a');
  // From 3 ms before the end of the cooldown to 3 ms after it, the exact tick most often.
  const offsetMs = [-3, -1, 0, 0, 0, 1, 3][roll(7)] ?? 0;
  world.clock.advance((unloadAtMs ?? 0) - world.clock.monotonicMs() + offsetMs);
  const end = ENDINGS[roll(ENDINGS.length)];
  const isBefore = roll(2) === 0;
  if (isBefore) end?.(world);
  for (let turn = roll(3); turn > 0; turn -= 1) await null;
  const one = world.ask('a');
  try {
    if (!isBefore) end?.(world);
  } catch {
    // A busy model is not unloaded.
  }
  for (let turn = 0; turn < 60 && !one.isSettled; turn += 1) await world.pass(50, 50);
  const { lease, fault } = one;
  return { generation: lease?.generation ?? 0, endedBy: lease?.endedBy?.kind ?? null, fault: fault?.kind ?? null };
}

test(`F-40: ${ROUNDS} meetings of an unload and a request: each served by the old process or a fresh one`, async () => {
  const served = { old: 0, fresh: 0 };
  for (let seed = 0; seed < ROUNDS; seed += 1) {
    const { generation, endedBy, fault } = await meet(seed);
    if (fault !== null || endedBy !== null || generation < 1 || generation > 2)
      throw new Error(`round ${seed}: process ${generation}, refused by ${fault}, ended by ${endedBy}`);
    if (generation === 1) served.old += 1;
    else served.fresh += 1;
  }
  // Both happened, or the rounds say nothing.
  expect(Math.min(served.old, served.fresh)).toBeGreaterThan(ROUNDS / 10);
});
