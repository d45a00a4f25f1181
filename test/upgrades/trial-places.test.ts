/** Places of engines on trial, in the real fleet on a fake clock. */
import { expect, test } from 'bun:test';
import { whyNoPlace } from '#src/upgrades/open.ts';
import { TrialPlaces } from '#src/upgrades/trial-places.ts';
import { GB, worldOf } from '../scheduling/world.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { waitUntil } from '../support/wait-until.ts';

const NEED = { kind: 'mlx-lm', bytes: 10 * GB, mlxProcesses: 1 };
const quiet = () => ({ signal: new AbortController().signal, onWait: () => {} });

test('a load that does not fit beside a trial waits for its end, and says so', async () => {
  const world = worldOf({ a: 8 });
  const places = new TrialPlaces(world);
  world.guests = () => places.guests();
  const place = await places.take(NEED, { ...quiet(), whyNot: () => null });
  world.fleet.load('a', {});
  world.clock.advance(60_000);
  expect(world.starts).toEqual([]);
  expect(world.fleet.plans()[0]?.admission).toMatchObject({ decision: 'wait', for: ['an engine on trial'] });
  place[Symbol.dispose]();
  expect(world.starts).toMatchObject([{ modelId: 'a' }]);
});

test('a load that fits beside it starts at once', async () => {
  const world = worldOf({ a: 6 });
  const places = new TrialPlaces(world);
  world.guests = () => places.guests();
  using _place = await places.take(NEED, { ...quiet(), whyNot: () => null });
  world.fleet.load('a', {});
  expect(world.starts).toMatchObject([{ modelId: 'a' }]);
});

test('a trial waits for its place, says why once, and says when it has it', async () => {
  const clock = new FakeClock();
  const places = new TrialPlaces({ clock, bus: worldOf({}).bus });
  const heard: (string | null)[] = [];
  let why: string | null = 'a runs.';
  const { signal } = new AbortController();
  const taken = places.take(NEED, { signal, whyNot: () => why, onWait: (words) => heard.push(words) });
  for (let second = 0; second < 3; second += 1) {
    await Bun.sleep(0);
    clock.advance(1_000);
  }
  expect(places.guests()).toEqual([]);
  why = null;
  await Bun.sleep(0);
  clock.advance(1_000);
  using _place = await taken;
  expect(heard).toEqual(['Waiting for room for the trial: a runs.', null]);
  expect(places.guests()).toHaveLength(1);
});

test('a trial without room is given up after ten minutes, and at once when it is cancelled', async () => {
  const clock = new FakeClock();
  const places = new TrialPlaces({ clock, bus: worldOf({}).bus });
  const late = places.take(NEED, { ...quiet(), whyNot: () => 'a runs.' }).catch((cause) => cause);
  for (let minute = 0; minute <= 11; minute += 1) {
    await Bun.sleep(0);
    clock.advance(60_000);
  }
  expect(await late).toMatchObject({ kind: 'no-memory', message: 'a runs.' });
  const abort = new AbortController();
  const cancelled = places.take(NEED, { ...quiet(), signal: abort.signal, whyNot: () => 'a runs.' });
  abort.abort();
  await expect(cancelled).rejects.toMatchObject({ kind: 'cancelled' });
  await waitUntil('no guest', () => places.guests().length === 0);
});

test('there is no place without its memory, nor beside as many MLX servers as may run', () => {
  const world = worldOf({ a: 1, b: 1, c: 1 });
  for (const [id, model] of world.models) if (id !== 'c') world.models.set(id, { ...model, format: 'mlx' });
  world.fleet.load('a', {});
  world.fleet.load('c', {});
  const why = (mlx_processes_max: number, kind = 'mlx-lm', freeBytes = 20 * GB) =>
    whyNoPlace({ kind, bytes: 10 * GB, mlxProcesses: kind === 'llama.cpp' ? 0 : 1 }, freeBytes, {
      models: () => [...world.models.values()],
      fleet: () => world.fleet.snapshot(),
      settings: () => ({ ...world.settings, mlx_processes_max }),
    });
  expect(why(1)).toBe('a runs, and only one MLX server may (mlx_processes_max).');
  expect(why(2)).toBeNull();
  expect(why(0)).toBeNull();
  expect(why(1, 'llama.cpp')).toBeNull();
  expect(why(0, 'mlx-lm', 5 * GB)).toBe('it needs 10.0 GB, and 5.0 GB are free.');
});
