/** Many callers at one model: whose turn it is, and how many may wait. The order by itself: `rounds.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { type Asked, flushed, type World, worldOf } from './world.ts';

const SLOTS_TAKEN_MS = 2_000;

/** Ends requests as they are served, one by one, and says in which order they were. */
async function servedInTurn(world: World, all: readonly Asked[]): Promise<readonly Asked[]> {
  const served: Asked[] = [];
  for (let turn = 0; turn < all.length * 2; turn += 1) {
    const next = all.find((one) => one.lease && !served.includes(one));
    if (next) served.push(next);
    next?.end();
    await world.pass(10, 10);
  }
  return served;
}

describe('F-50: callers take turns', () => {
  test('F-50: one agent floods with 50, and the single request of another waits for at most one of them', async () => {
    const world = worldOf({ a: 8 });
    world.slots = 1;
    const flood = Array.from({ length: 50 }, (_, index) => world.ask('a', `flood ${index}`, false, 'agent'));
    await world.pass(SLOTS_TAKEN_MS);
    const single = world.ask('a', 'single', false, 'chat');
    expect(single.waits.at(-1)).toMatchObject({ reason: 'slots', place: 1 });
    expect(flood[1]?.waits.at(-1)).toMatchObject({ reason: 'slots', place: 2 });
    flood[0]?.end();
    await flushed();
    expect(single.lease).not.toBeNull();
    expect(flood[1]?.lease).toBeNull();
  });

  test('F-50: so it is also when both wait for the load', async () => {
    const world = worldOf({ a: 8 });
    world.slots = 1;
    const flood = Array.from({ length: 50 }, (_, index) => world.ask('a', `flood ${index}`, false, 'agent'));
    const single = world.ask('a', 'single', false, 'chat');
    await world.pass(SLOTS_TAKEN_MS);
    flood[0]?.end();
    await flushed();
    expect(single.lease).not.toBeNull();
  });

  test('F-50: the requests of one caller are served as they came, and none is forgotten', async () => {
    const world = worldOf({ a: 8 });
    world.slots = 1;
    const callers = ['agent', 'agent', 'chat', 'agent', 'cli', 'chat', 'agent'];
    const all = callers.map((caller, index) => world.ask('a', `r${index}`, false, caller));
    await world.pass(SLOTS_TAKEN_MS);
    const served = await servedInTurn(world, all);
    expect(served.map((one) => all.indexOf(one))).toEqual([0, 2, 4, 1, 5, 3, 6]);
    const ids = world.fleet.snapshot().queue;
    expect(ids).toEqual([]);
  });

  test('F-50: the queue is shown in the order in which it will be served', async () => {
    const world = worldOf({ a: 8 });
    world.slots = 1;
    for (const [index, caller] of ['agent', 'agent', 'agent', 'chat'].entries())
      world.ask('a', `${caller} ${index}`, false, caller);
    await world.pass(SLOTS_TAKEN_MS);
    const { queue } = world.fleet.snapshot();
    expect(queue.map(({ requestId, wait }) => [requestId, 'place' in wait ? wait.place : null])).toEqual([
      ['chat 3', 1],
      ['agent 1', 2],
      ['agent 2', 3],
    ]);
  });
});

test('F-39: a model whose turn is over goes for the one that waits, though its own queue is older', async () => {
  const world = worldOf({ a: 10, b: 10 });
  world.slots = 1;
  world.set({ starvation_seconds: 30 });
  const flood = Array.from({ length: 20 }, (_, index) => world.ask('a', `flood ${index}`, false, 'agent'));
  await world.pass(SLOTS_TAKEN_MS);
  const other = world.ask('b', 'other', false, 'chat');
  // Each answer takes 5 s, so without the cap the flood would go on for 100 s.
  for (const one of flood.slice(0, 8)) {
    await world.pass(5_000);
    one.end();
  }
  expect(other.settledAtMs).toBeLessThan(other.askedAtMs + 40_000);
  other.end();
  await world.pass(20_000);
  const left = flood.filter((one) => one.lease?.endedBy === null || one.lease === null);
  expect(left.length).toBeGreaterThan(10);
  await servedInTurn(world, left);
  expect(flood.every((one) => one.lease !== null)).toBe(true);
});

describe('F-47: limits of the queue', () => {
  test('F-47: of 10,001 requests for a loaded model as many wait as may, and others still find room', async () => {
    const world = worldOf({ a: 8 });
    world.set({ queue_limit: 1_000, queue_limit_per_key: 600 });
    world.fleet.load('a', {});
    await world.pass(SLOTS_TAKEN_MS);
    const flood = Array.from({ length: 10_001 }, (_, index) => world.ask('a', `r${index}`, false, 'agent'));
    await flushed();
    const refused = flood.filter((one) => one.fault !== null);
    expect(flood.filter((one) => one.lease)).toHaveLength(world.slots);
    expect(refused).toHaveLength(10_001 - world.slots - 600);
    expect(refused.at(-1)?.fault).toMatchObject({ kind: 'queue-full', retryAfterS: 5 });
    expect(refused.at(-1)?.fault?.hint).toContain('queue_limit_per_key');
    const others = Array.from({ length: 500 }, (_, index) => world.ask('a', `o${index}`, false, `program ${index}`));
    await flushed();
    expect(others.filter((one) => !one.isSettled)).toHaveLength(400);
    expect(others.at(-1)?.fault?.message).toBe('1000 requests wait for a already; that is the limit.');
    expect(world.fleet.model('a').waiting).toBe(1_000);
  });

  test('F-47: the limit of a caller counts what it waits for at all models together, loaded or not', async () => {
    const world = worldOf({ a: 10, b: 10, c: 10 });
    world.set({ queue_limit: 1_000, queue_limit_per_key: 6 });
    const ask = (id: string, times: number) => Array.from({ length: times }, () => world.ask(id, 'r', false, 'agent'));
    ask('a', world.slots);
    await world.pass(SLOTS_TAKEN_MS);
    const all = [...ask('a', 3), ...ask('b', 3), ...ask('c', 3)];
    const [brief] = [world.ask('a', 'brief', true, 'agent')];
    await flushed();
    expect(all.map((one) => one.fault?.kind)).toEqual([...Array(6), ...Array(3).fill('queue-full')]);
    // It need not wait, so it is in nobody's way.
    expect(brief?.lease).not.toBeNull();
    all[0]?.controller.abort();
    await flushed();
    expect(world.ask('c', 'r', false, 'agent').fault).toBeNull();
  });
});
