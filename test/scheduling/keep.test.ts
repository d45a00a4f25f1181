/**
 * Leases that take no slot, and models that stay as long as a request asked for. Random lives with both are in
 * `fuzz.test.ts`.
 */
import { describe, expect, test } from 'bun:test';
import { BRIEF_LEASES_MAX } from '#src/scheduling/seat.ts';
import { type Asked, flushed, worldOf } from './world.ts';

const settledOf = (asked: readonly Asked[]) => asked.filter((one) => one.lease !== null).length;

describe('a lease without a slot', () => {
  test('is had at once while every slot answers', async () => {
    const world = worldOf({ a: 4 });
    const answers = [world.ask('a'), world.ask('a'), world.ask('a')];
    await world.pass(3_000);
    expect(settledOf(answers)).toBe(world.slots);
    const brief = world.ask('a', 'brief', true);
    await flushed();
    expect(brief.lease).not.toBeNull();
    expect(answers[2]?.lease).toBeNull();
  });

  test('loads a model that is not loaded', async () => {
    const world = worldOf({ a: 4 });
    const brief = world.ask('a', 'brief', true);
    await world.pass(3_000);
    expect(brief.lease).not.toBeNull();
  });

  test('keeps its model from being evicted, and takes no slot from an answer', async () => {
    const world = worldOf({ a: 12, b: 12 });
    const brief = world.ask('a', 'brief', true);
    await world.pass(200_000, 1_000);
    const other = world.ask('b');
    const answers = [world.ask('a'), world.ask('a')];
    await world.pass(1_000);
    expect(settledOf(answers)).toBe(2);
    for (const answer of answers) answer.end();
    await world.pass(30_000, 1_000);
    expect(other.lease).toBeNull();
    brief.end();
    await world.pass(30_000, 1_000);
    expect(other.lease).not.toBeNull();
  });

  test(`is lent to ${BRIEF_LEASES_MAX} at a time, in the order of arrival`, async () => {
    const world = worldOf({ a: 4 });
    const briefs = Array.from({ length: 25 }, (_, index) => world.ask('a', `brief ${index}`, true));
    await world.pass(3_000);
    for (let done = 0; done < briefs.length; done += 1) {
      expect(settledOf(briefs)).toBe(Math.min(briefs.length, done + BRIEF_LEASES_MAX));
      briefs[done]?.end();
      await flushed();
    }
  });

  test('waits while its model makes way for another', async () => {
    const world = worldOf({ a: 12, b: 12 });
    world.set({ starvation_seconds: 5, min_residency_seconds: 0 });
    const holder = world.ask('a');
    await world.pass(3_000);
    world.ask('b');
    await world.pass(10_000, 500);
    const brief = world.ask('a', 'brief', true);
    await world.pass(1_000);
    expect(brief.lease).toBeNull();
    holder.end();
  });
});

describe('keep', () => {
  /** Loads `a`, uses it once, and says how long it then stays, in seconds; null = longer than a day. */
  async function staysFor(keepAlive: number | 'forever' | 'default', config = {}): Promise<number | null> {
    const world = worldOf({ a: 4 });
    world.configure('a', config);
    const asked = world.ask('a');
    await world.pass(3_000);
    world.fleet.keep('a', keepAlive);
    asked.end();
    const { unloadAtMs } = world.fleet.model('a');
    const nowMs = world.clock.monotonicMs();
    await world.pass(86_400_000, 3_600_000);
    if (world.phase('a') === 'ready') return null;
    expect(world.stops.map(({ reason }) => reason)).toEqual(['cooldown']);
    return unloadAtMs === null ? 0 : (unloadAtMs - nowMs) / 1000;
  }

  for (const [what, keepAlive, config, expected] of [
    ['some seconds', 42, {}, 42],
    ['no time', 0, {}, 0],
    ['for ever', 'forever', {}, null],
    ['as configured', 'default', { cooldown_s: 7 }, 7],
    ['longer than configured', 60, { cooldown_s: 7 }, 60],
    ['although configured to stay', 9, { cooldown_s: 0 }, 9],
    ['no time, but pinned', 0, { is_pinned: true }, null],
  ] as const) {
    test(`lets a model stay ${what}`, async () => {
      expect(await staysFor(keepAlive, config)).toBe(expected);
    });
  }

  test('unloads a model at once that is idle already, and waits for one that is busy', async () => {
    const world = worldOf({ a: 4, b: 4 });
    const [idle, busy] = [world.ask('a'), world.ask('b')];
    await world.pass(3_000);
    idle.end();
    world.fleet.keep('a', 0);
    world.fleet.keep('b', 0);
    await world.pass(500);
    expect([world.phase('a'), world.phase('b')]).toEqual(['idle', 'ready']);
    busy.end();
    await world.pass(500);
    expect(world.phase('b')).toBe('idle');
  });

  test('is forgotten with the process', async () => {
    const world = worldOf({ a: 4 });
    world.ask('a').controller.abort();
    const first = world.ask('a');
    await world.pass(3_000);
    world.fleet.keep('a', 'forever');
    expect(world.fleet.model('a').staysMs).toBeNull();
    first.end();
    world.fleet.unload('a', { force: false });
    await world.pass(1_000);
    world.fleet.keep('a', 'forever');
    world.ask('a');
    await world.pass(3_000);
    expect(world.fleet.model('a').staysMs).toBe(300_000);
  });
});
