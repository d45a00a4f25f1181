/**
 * Named situations of the whole scheduler on a fake clock. Random lives: `fuzz.test.ts`. Policies alone: the tables
 * beside this file.
 */
import { describe, expect, test } from 'bun:test';
import { type Asked, flushed, GB, GOOD, startsOf, worldOf } from './world.ts';

const lastWait = (asked: Asked) => asked.waits.at(-1);

describe('joining and lending', () => {
  test('F-37: two hundred requests for a cold model cause one start, and all are served in order', async () => {
    const world = worldOf({ a: 8 });
    const all = Array.from({ length: 200 }, (_, index) => world.ask('a', `r${index}`));
    const served: Asked[] = [];
    for (let turn = 0; turn < 3_000 && served.length < 200; turn += 1) {
      await world.pass(100);
      for (const one of all.filter((asked) => asked.lease && !served.includes(asked))) {
        served.push(one);
        one.end();
      }
    }
    expect(served).toEqual(all);
    expect(startsOf(world, 'a')).toBe(1);
  });

  test('no more requests than slots hold a lease; the next one hears its place', async () => {
    const world = worldOf({ a: 8 });
    const all = [world.ask('a'), world.ask('a'), world.ask('a'), world.ask('a')];
    await world.pass(2_000);
    expect(all.map((one) => one.lease !== null)).toEqual([true, true, false, false]);
    expect(lastWait(all[3] as Asked)).toEqual({ reason: 'slots', place: 2, busy: 2 });
    all[0]?.end();
    await flushed();
    expect(all[2]?.lease).not.toBeNull();
    expect(lastWait(all[3] as Asked)).toMatchObject({ reason: 'slots', place: 1 });
  });

  test('one model is one model, however its id is spelled', async () => {
    const world = worldOf({ a: 8 });
    const all = [world.ask('a'), world.ask('A'), world.ask('A')];
    await world.pass(2_000);
    expect(all.map((one) => one.lease?.modelId)).toEqual(['a', 'a', undefined]);
    expect(startsOf(world, 'a')).toBe(1);
    expect(world.fleet.model('A')).toMatchObject({ modelId: 'a', inFlight: 2, waiting: 1 });
    expect(() => world.fleet.unload('A', { force: false })).toThrow('2 requests');
  });

  test('a lease given back twice counts once', async () => {
    const world = worldOf({ a: 8 });
    const [one, two] = [world.ask('a'), world.ask('a')];
    await world.pass(2_000);
    one.end();
    one.end();
    expect(world.fleet.model('a').inFlight).toBe(1);
    two.end();
    expect(world.fleet.model('a').inFlight).toBe(0);
  });

  test('a lease that outlives its process is void, says why, and does not lower the next count', async () => {
    const world = worldOf({ a: 8 });
    const old = world.ask('a');
    await world.pass(2_000);
    world.supervisors.get('a')?.crash('killed');
    expect(old.lease?.endedBy?.kind).toBe('engine-died');
    const next = world.ask('a');
    await world.pass(5_000);
    expect(next.lease?.generation).toBe(2);
    old.end();
    expect(world.fleet.model('a').inFlight).toBe(1);
  });

  test('a request that meets a stopping model waits for its end, then starts it', async () => {
    const world = worldOf({ a: 8 });
    world.ask('a').controller.abort();
    await world.pass(2_000);
    world.fleet.unload('a', { force: false });
    expect(world.phase('a')).toBe('stopping');
    const one = world.ask('a');
    expect(lastWait(one)).toEqual({ reason: 'stopping', place: 1, modelId: 'a' });
    await world.pass(3_000);
    expect(one.lease?.generation).toBe(2);
  });

  test('F-40: the cooldown that ends in the same instant as a request arrives never fails the request', async () => {
    const world = worldOf({ a: 8 });
    world.fleet.load('a', {});
    await world.pass(2_000);
    const { unloadAtMs } = world.fleet.model('a');
    world.clock.advance((unloadAtMs ?? 0) - world.clock.monotonicMs());
    const one = world.ask('a');
    await world.pass(5_000);
    expect(one.lease).not.toBeNull();
  });

  test('F-24: who leaves is out of the queue at once, and a load that only it wanted is not started', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const holder = world.ask('a');
    await world.pass(2_000);
    const left = world.ask('b');
    left.controller.abort();
    await flushed();
    expect(left.fault?.kind).toBe('cancelled');
    expect(world.fleet.snapshot().queue).toEqual([]);
    holder.end();
    await world.pass(30_000);
    expect(startsOf(world, 'b')).toBe(0);
  });

  test('progress is told in steps of at least one percent, and nothing is told twice', async () => {
    const world = worldOf({ a: 8 });
    const one = world.ask('a');
    await world.pass(900);
    const ratios = one.waits.map((wait) => (wait.reason === 'loading' ? wait.ratio : wait.reason));
    expect(ratios).toEqual([null, 0.5]);
  });

  test('what one listener throws ends its own request and nobody else is harmed', async () => {
    const world = worldOf({ a: 8 });
    const signal = new AbortController().signal;
    const broken = world.fleet.acquire('a', {
      requestId: 'broken',
      signal,
      onWait: () => {
        throw new Error('listener');
      },
    });
    const one = world.ask('a');
    expect(await broken.catch((fault) => fault.kind)).toBe('internal');
    await world.pass(2_000);
    expect(one.lease).not.toBeNull();
  });
});

describe('memory', () => {
  test('F-44: what can never fit is refused at once with numbers, and nothing is unloaded for it', async () => {
    const world = worldOf({ a: 8, huge: 400 });
    world.fleet.load('a', {});
    await world.pass(20_000);
    const one = world.ask('huge');
    await flushed();
    expect(one.fault).toMatchObject({ kind: 'no-memory' });
    expect(one.fault?.message).toContain('400.0 GB');
    expect(one.fault?.message).toContain('16.0 GB');
    expect(one.fault?.hint).toContain('context');
    expect(world.stops).toEqual([]);
  });

  test('an idle model gives way, even while it cools down', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.fleet.load('a', {});
    await world.pass(12_000);
    const one = world.ask('b');
    expect(lastWait(one)).toEqual({ reason: 'stopping', place: 1, modelId: 'a' });
    await world.pass(2_000);
    expect(one.lease).not.toBeNull();
    expect(world.stops.map(({ modelId, reason }) => [modelId, reason])).toEqual([['a', 'eviction']]);
    expect(world.fleet.snapshot().swaps).toBe(1);
  });

  test('F-41: a busy model is not unloaded: the request waits for it and says so', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const holder = world.ask('a');
    await world.pass(20_000);
    const one = world.ask('b');
    expect(lastWait(one)).toEqual({ reason: 'memory', place: 1, waitingFor: ['a'], lacks: 'memory' });
    await world.pass(300_000, 1_000);
    expect(world.phase('a')).toBe('ready');
    holder.end();
    await world.pass(3_000);
    expect(one.lease).not.toBeNull();
  });

  test('F-48: a pinned model in the way is named, and stays', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.configure('a', { is_pinned: true });
    world.fleet.load('a', {});
    await world.pass(20_000);
    const one = world.ask('b');
    await flushed();
    expect(one.fault).toMatchObject({ kind: 'no-memory' });
    expect(one.fault?.message).toContain('a is pinned');
    expect(one.fault?.hint).toContain('Unpin a');
    expect(() => world.fleet.load('b', {})).toThrow('pinned');
  });

  test('two different models that do not fit together never load at the same time', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const [one, two] = [world.ask('a'), world.ask('b')];
    for (let turn = 0; turn < 400 && !two.lease; turn += 1) {
      await world.pass(100);
      expect(world.live.length).toBeLessThanOrEqual(1);
      one.end();
    }
    expect(two.lease).not.toBeNull();
  });

  test('a budget that shrinks by a setting unloads idle models until the rest fits, and never a busy one', async () => {
    const world = worldOf({ a: 6, b: 6 });
    const holder = world.ask('a');
    world.fleet.load('b', {});
    await world.pass(2_000);
    world.budgetBytes = 8 * GB;
    world.set({ memory_limit_gb: 8 });
    await world.pass(1_000);
    expect(world.live).toEqual(['a']);
    world.budgetBytes = 4 * GB;
    world.set({ memory_limit_gb: 4 });
    await world.pass(1_000);
    expect(world.phase('a')).toBe('ready');
    holder.end();
    const one = world.ask('b');
    await flushed();
    expect(one.fault?.kind).toBe('no-memory');
  });

  test('a load that runs out of memory is tried once more after the idle models are gone', async () => {
    const world = worldOf({ a: 4, b: 4 });
    world.fleet.load('a', {});
    await world.pass(2_000);
    world.fates.set('b', { ...GOOD, end: 'out-of-memory' });
    const one = world.ask('b');
    await world.pass(1_050, 50);
    world.fates.set('b', GOOD);
    await world.pass(3_000);
    expect(one.lease).not.toBeNull();
    expect(world.live).toEqual(['b']);
    expect(startsOf(world, 'b')).toBe(2);
  });

  test('F-45: what ran out of memory is given more the next time, by more room or none at all', async () => {
    const world = worldOf({ a: 4, b: 10 });
    const holder = world.ask('a');
    await world.pass(2_000);
    world.fates.set('b', { ...GOOD, end: 'out-of-memory', isSticky: false });
    const failed = world.ask('b');
    await world.pass(2_000);
    expect(failed.fault?.kind).toBe('load-failed');
    world.fates.set('b', GOOD);
    const again = world.ask('b');
    await world.pass(5_000);
    // 12.5 GB now: no longer beside the other one.
    expect(lastWait(again)).toMatchObject({ reason: 'memory', waitingFor: ['a'] });
    holder.end();
    await world.pass(5_000);
    expect(again.lease).not.toBeNull();
    expect(world.fleet.model('b').reserved?.totalBytes).toBe(12.5 * GB);
    expect(world.live).toEqual(['b']);
  });

  test('a second out-of-memory is told to everybody who waits', async () => {
    const world = worldOf({ a: 4, b: 4 });
    world.fleet.load('a', {});
    await world.pass(2_000);
    world.fates.set('b', { ...GOOD, end: 'out-of-memory' });
    const all = [world.ask('b'), world.ask('b'), world.ask('b')];
    await world.pass(5_000);
    expect(all.map((one) => one.fault?.kind)).toEqual(['load-failed', 'load-failed', 'load-failed']);
    expect(startsOf(world, 'b')).toBe(2);
  });
});

describe('turns', () => {
  test("F-40: a request that arrives in the instant of its model's eviction waits for the next process", async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.set({ min_residency_seconds: 0 });
    world.fleet.load('a', {});
    const other = world.ask('b');
    const late: Asked[] = [];
    world.bus.subscribe((event) => {
      const isReady = event.type === 'model-changed' && event.modelId === 'a' && world.phase('a') === 'ready';
      if (isReady && late.length === 0) late.push(world.ask('a'));
    });
    await world.pass(2_500);
    expect(late[0]?.lease).toBeNull();
    other.end();
    await world.pass(5_000);
    expect(late[0]?.lease).toMatchObject({ generation: 2, endedBy: null });
  });

  test('F-38: ten models, room for two: all requests end, each model loads once, first come first served', async () => {
    const ids = Array.from({ length: 10 }, (_, index) => `m${index}`);
    const world = worldOf(Object.fromEntries(ids.map((id) => [id, 7])));
    const all = Array.from({ length: 200 }, (_, index) => world.ask(ids[index % 10] as string, `r${index}`));
    const ended: Asked[] = [];
    for (let turn = 0; turn < 5_000 && ended.length < 200; turn += 1) {
      await world.pass(100);
      for (const one of all.filter((asked) => asked.lease && !ended.includes(asked))) {
        ended.push(one);
        one.end();
      }
    }
    expect(ended).toHaveLength(200);
    expect(world.starts).toHaveLength(10);
    for (const id of ids) {
      const mine = (one: Asked): boolean => one.modelId === id;
      expect(ended.filter(mine)).toEqual(all.filter(mine));
    }
  });

  test('F-39: two agents alternate between models that do not fit together: few swaps, nobody starves', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const lanes: { modelId: string; asked: Asked; endAtMs: number | null }[] = [];
    const waits: number[] = [];
    for (const modelId of ['a', 'a', 'a', 'b', 'b', 'b']) {
      lanes.push({ modelId, asked: world.ask(modelId), endAtMs: null });
    }
    const MINUTES = 20;
    for (let turn = 0; turn < MINUTES * 600; turn += 1) {
      await world.pass(100);
      const nowMs = world.clock.monotonicMs();
      for (const lane of lanes) {
        if (!lane.asked.lease) continue;
        lane.endAtMs ??= nowMs + 700;
        if (nowMs < lane.endAtMs) continue;
        waits.push((lane.asked.settledAtMs ?? 0) - lane.asked.askedAtMs);
        lane.asked.end();
        lane.asked = world.ask(lane.modelId);
        lane.endAtMs = null;
      }
    }
    const { swaps } = world.fleet.snapshot();
    const starvationMs = world.settings.starvation_seconds * 1000;
    // One swap a cap, and not fewer: each gets its turn.
    expect(swaps).toBeLessThanOrEqual((MINUTES * 60_000) / starvationMs);
    expect(swaps).toBeGreaterThan(10);
    expect(Math.max(...waits)).toBeLessThan(starvationMs + 5_000);
  });

  test('F-39: a model just loaded keeps its place for a while, and whoever waits hears whose turn it is', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const first = world.ask('a');
    await world.pass(1_100);
    first.end();
    const one = world.ask('b');
    expect(lastWait(one)).toEqual({ reason: 'turn', place: 1, holder: 'a' });
    await world.pass(9_000);
    expect(world.phase('a')).toBe('ready');
    await world.pass(3_000);
    expect(one.lease).not.toBeNull();
  });

  test('F-39: at the cap the loaded model gets no new requests, ends its present ones and gives way', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const long = world.ask('a');
    await world.pass(2_000);
    const one = world.ask('b');
    await world.pass(61_000);
    const late = world.ask('a');
    expect(lastWait(late)).toEqual({ reason: 'turn', place: 1, holder: 'b' });
    expect(long.lease?.endedBy).toBeNull();
    long.end();
    await world.pass(2_000);
    expect(one.lease).not.toBeNull();
    expect(late.lease).toBeNull();
    one.end();
    await world.pass(15_000);
    expect(late.lease).not.toBeNull();
  });

  test('a smaller model that comes later does not take the memory promised to an earlier one', async () => {
    const world = worldOf({ a: 10, b: 14, c: 6 });
    const holder = world.ask('a');
    await world.pass(2_000);
    const one = world.ask('b');
    const late = world.ask('c');
    await world.pass(2_000);
    expect(late.lease).toBeNull();
    holder.end();
    await world.pass(12_000);
    expect(one.lease).not.toBeNull();
  });

  test('a load that nobody waits for any more is stopped when another model wants the memory', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.fates.set('a', { ...GOOD, loadMs: 60_000 });
    world.ask('a').controller.abort();
    await world.pass(1_000);
    expect(world.phase('a')).toBe('starting');
    const one = world.ask('b');
    await world.pass(2_000);
    expect(one.lease).not.toBeNull();
    expect(world.stops).toMatchObject([{ modelId: 'a', reason: 'abandoned' }]);
  });

  test('a load that a person asked for is finished first', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.fates.set('a', { ...GOOD, loadMs: 30_000 });
    world.fleet.load('a', {});
    const one = world.ask('b');
    await world.pass(31_000);
    expect(world.stops).toEqual([]);
    expect(lastWait(one)).toEqual({ reason: 'turn', place: 1, holder: 'a' });
    // It then keeps its place as long as it took to load.
    await world.pass(33_000);
    expect(one.lease).not.toBeNull();
  });

  test('F-37: two hundred waiters, a hundred times: however long the load, whenever they come, all wake', async () => {
    for (let round = 0; round < 100; round += 1) {
      const world = worldOf({ a: 8 });
      world.slots = 1 + (round % 4);
      world.fates.set('a', { ...GOOD, loadMs: round * 3 });
      const all: Asked[] = [];
      // Some come before, some in the very tick of the load's end, some after it.
      for (let index = 0; index < 200; index += 1) {
        all.push(world.ask('a', `r${index}`));
        if (index % 20 === 0) world.clock.advance(round % 31);
      }
      for (let turn = 0; turn < 600 && all.some((one) => one.lease === null); turn += 1) {
        await world.pass(10, 10);
        for (const one of all) one.end();
      }
      expect(all.filter((one) => one.lease === null)).toHaveLength(0);
      expect(startsOf(world, 'a')).toBe(1);
    }
  });

  test('F-37: a concurrent cold start of two models with room for one leaves no request queued for ever', async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const world = worldOf({ a: 10, b: 10 });
      world.fates.set('a', { ...GOOD, loadMs: turn * 7 });
      const all = [world.ask('a'), world.ask('b')];
      for (let round = 0; round < 200 && all.some((one) => !one.isSettled); round += 1) {
        await world.pass(100);
        for (const one of all) one.end();
      }
      expect(all.map((one) => one.fault)).toEqual([null, null]);
    }
  });
});
