/** F-19: an engine that answers with errors of its own is marked and left alone. Errors of requests: test/gateway. */
import { describe, expect, test } from 'bun:test';
import { GOOD, type World, worldOf } from './world.ts';

/** So many requests in turn, each answered with this status. */
async function answers(world: World, count: number, status: number): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const one = world.ask('a');
    await world.pass(2_000);
    one.lease?.answered(status);
    one.end();
  }
}
const isMarked = (world: World) => world.fleet.model('a').isMisbehaving;

describe('F-19: an engine', () => {
  test('F-19: that gives five errors in a row is marked, is told of, and is not stopped', async () => {
    const world = worldOf({ a: 8 });
    await answers(world, 4, 500);
    expect(isMarked(world)).toBe(false);
    const last = world.ask('a');
    await world.pass(2_000);
    world.events.length = 0;
    last.lease?.answered(502);
    expect(isMarked(world)).toBe(true);
    expect(world.events).toContainEqual({ type: 'model-changed', modelId: 'a' });
    last.end();
    expect([world.phase('a'), world.stops]).toEqual(['ready', []]);
    await answers(world, 1, 200);
    expect(isMarked(world)).toBe(false);
  });

  test.each([400, 404, 429, 501])(
    'F-19: is not marked for what requests did wrong, or it cannot do: %d',
    async (status) => {
      const world = worldOf({ a: 8 });
      await answers(world, 9, status);
      expect(isMarked(world)).toBe(false);
    },
  );

  test('F-19: that is started anew has no mark, and its predecessor’s answers give it none', async () => {
    const world = worldOf({ a: 8 });
    const old = world.ask('a');
    await answers(world, 5, 500);
    expect(isMarked(world)).toBe(true);
    world.supervisors.get('a')?.crash('killed');
    const next = world.ask('a');
    await world.pass(GOOD.loadMs + 5_000);
    expect(next.lease?.generation).toBe(2);
    for (let index = 0; index < 9; index += 1) old.lease?.answered(500);
    expect(isMarked(world)).toBe(false);
  });
});
