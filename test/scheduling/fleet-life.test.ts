/** Failures, wishes, switches and the end, on a fake clock. Lending, memory and turns: `fleet.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import { forecast, type Plan } from '#src/scheduling/forecast.ts';
import { type Asked, flushed, GB, GOOD, startsOf, type World, worldOf } from './world.ts';

/** One model would be unloaded for another. */
function planFor(modelId: string, leaving: string): Plan {
  return {
    modelId,
    needBytes: GB,
    admission: { decision: 'start', lacks: 'memory', evict: [leaving], leaving: [leaving] },
  };
}

const lastWait = (asked: Asked) => asked.waits.at(-1);

describe('failures', () => {
  test('F-13: a second out-of-memory ends it, even if another idle model could be unloaded by then', async () => {
    const world = worldOf({ a: 4, b: 4, c: 4 });
    world.fleet.load('a', {});
    await world.pass(2_000);
    world.fates.set('b', { ...GOOD, loadMs: 5_000, end: 'out-of-memory' });
    const one = world.ask('b');
    await world.pass(6_000);
    world.fleet.load('c', {});
    await world.pass(20_000);
    expect(one.fault?.kind).toBe('load-failed');
    expect(startsOf(world, 'b')).toBe(2);
    expect(world.phase('c')).toBe('ready');
  });

  test('F-05: a failed load tells everybody who waited why, with the last lines and what may help', async () => {
    const world = worldOf({ a: 8 });
    world.fates.set('a', { ...GOOD, end: 'corrupt-file', isSticky: true });
    const all = Array.from({ length: 50 }, () => world.ask('a'));
    await world.pass(2_000);
    for (const one of all) expect(one.fault).toMatchObject({ kind: 'load-failed', hint: 'Look at the log.' });
    expect(all[0]?.fault).toMatchObject({ details: { tail: ['last words'] } });
    expect(startsOf(world, 'a')).toBe(1);
    const later = world.ask('a');
    await flushed();
    expect(later.fault?.kind).toBe('load-failed');
    expect(startsOf(world, 'a')).toBe(1);
  });

  test('F-11: a sticky failure lasts until the file, the configuration or the settings change', async () => {
    const world = worldOf({ a: 8 });
    const changes: readonly (() => void)[] = [
      () => world.fileStates.set('a', 'another file'),
      () => world.configure('a', { cooldown_s: 7 }),
      () => world.set({ default_ctx_size: 4096 }),
    ];
    for (const change of changes) {
      world.fates.set('a', { ...GOOD, end: 'corrupt-file', isSticky: true });
      const failed = world.ask('a');
      await world.pass(5_000);
      expect(failed.fault?.kind).toBe('load-failed');
      const starts = world.starts.length;
      world.fates.set('a', GOOD);
      const refused = world.ask('a');
      await world.pass(100);
      expect(refused.fault?.kind).toBe('load-failed');
      expect(world.starts.length).toBe(starts);
      change();
      const served = world.ask('a');
      await world.pass(5_000);
      expect(served.lease).not.toBeNull();
      served.end();
      world.fleet.unload('a', { force: false });
      await world.pass(5_000);
    }
  });

  test("a person's wish to load clears a failure that requests do not", async () => {
    const world = worldOf({ a: 8 });
    world.fates.set('a', { ...GOOD, end: 'corrupt-file', isSticky: true });
    world.ask('a');
    await world.pass(2_000);
    world.fates.set('a', GOOD);
    world.fleet.load('a', {});
    await world.pass(2_000);
    expect(world.phase('a')).toBe('ready');
  });

  test('F-15: a request in a short back-off waits; in a long one it hears when to come back', async () => {
    const world = worldOf({ a: 8 });
    world.fates.set('a', { ...GOOD, end: 'unknown' });
    for (let failure = 0; failure < 2; failure += 1) {
      world.ask('a');
      await world.pass(3_200);
    }
    const waiting = world.ask('a');
    await world.pass(1_500);
    expect(waiting.fault?.kind).toBe('load-failed');
    const soon = world.ask('a');
    expect(lastWait(soon)).toMatchObject({ reason: 'back-off', place: 1 });
    await world.pass(6_000);
    const refused = world.ask('a');
    await flushed();
    expect(refused.fault?.kind).toBe('load-failed');
    expect(refused.fault?.retryAfterS).toBeGreaterThan(5);
  });

  test('F-14: a pinned model that crashes comes back by itself; another only when asked', async () => {
    const world = worldOf({ a: 4, b: 4 });
    world.configure('a', { is_pinned: true });
    world.fleet.load('a', { ctx_size: 8_192 });
    world.fleet.load('b', {});
    await world.pass(2_000);
    world.supervisors.get('a')?.crash();
    world.supervisors.get('b')?.crash();
    await world.pass(10_000);
    expect([world.phase('a'), world.phase('b')]).toEqual(['ready', 'failed']);
    expect(world.starts.findLast((one) => one.modelId === 'a')?.overrides).toEqual({ ctx_size: 8_192 });
  });
});

describe('wishes and switches', () => {
  test('a model that is unpinned in its back-off stays away', async () => {
    const world = worldOf({ a: 4 });
    world.configure('a', { is_pinned: true });
    world.fleet.load('a', {});
    await world.pass(2_000);
    world.supervisors.get('a')?.crash();
    world.configure('a', { is_pinned: false });
    await world.pass(10_000);
    expect(startsOf(world, 'a')).toBe(1);
  });

  test('F-42: unloading a busy model is refused with the count; by force it cuts, and the lease says why', async () => {
    const world = worldOf({ a: 8 });
    const [one, two, waiting] = [world.ask('a'), world.ask('a'), world.ask('a')];
    await world.pass(2_000);
    expect(() => world.fleet.unload('a', { force: false })).toThrow('answers 2 requests, and 1 request waits');
    world.isForced = true;
    world.fleet.unload('a', { force: true });
    expect(one.lease?.endedBy?.kind).toBe('model-unloaded');
    expect(two.lease?.endedBy?.kind).toBe('model-unloaded');
    const stopped = world.fleet.stopped('a');
    world.clock.advance(1_000);
    await stopped;
    expect(waiting.fault?.kind).toBe('model-unloaded');
    expect(world.phase('a')).toBe('idle');
  });

  test('a model that hangs is started afresh for those who wait, and its holders learn the true reason', async () => {
    const world = worldOf({ a: 4 });
    const holders = [world.ask('a'), world.ask('a')];
    await world.pass(2_000);
    const waiting = world.ask('a');
    await world.pass(100);
    world.isForced = true;
    world.fleet.unload('a', { force: true, reason: 'unhealthy' });
    await world.pass(5_000);
    expect(holders.map((one) => one.lease?.endedBy?.kind)).toEqual(['engine-died', 'engine-died']);
    expect(waiting.fault).toBeNull();
    expect(waiting.lease?.generation).toBe(2);
  });

  test('F-46: the same model asked with other settings while loaded is a conflict, not a reload', async () => {
    const world = worldOf({ a: 4 });
    world.fleet.load('a', { ctx_size: 8_192 });
    await world.pass(2_000);
    world.fleet.load('a', { ctx_size: 8_192 });
    world.fleet.load('a', {});
    expect(() => world.fleet.load('a', { ctx_size: 4_096 })).toThrow('unload it first');
    expect(startsOf(world, 'a')).toBe(1);
  });

  test('F-46: two wishes of context for one model: it stays as it is, and both are served', async () => {
    const world = worldOf({ a: 4 });
    world.fleet.load('a', { ctx_size: 131_072 });
    await world.pass(2_000);
    for (let turn = 0; turn < 20; turn += 1) {
      const wish = turn % 2 === 0 ? { ctx_size: 8_192 } : { ctx_size: 131_072 };
      const load = () => world.fleet.load('a', wish);
      if (turn % 2 === 0) expect(load).toThrow('unload it first');
      else load();
      const one = world.ask('a');
      await world.pass(1_000);
      expect(one.lease).toMatchObject({ generation: 1 });
      one.end();
    }
    expect(startsOf(world, 'a')).toBe(1);
  });

  test('F-46: the same wish twice is no conflict, though the engine got another context', async () => {
    const world = worldOf({ a: 8 });
    world.fleet.load('a', { ctx_size: 0 });
    await world.pass(2_000);
    world.fleet.load('a', { ctx_size: 0 });
    expect(() => world.fleet.load('a', { ctx_size: 100 })).toThrow('other settings');
  });

  test('with just-in-time loading off only loaded models serve, and the switch is effective at once', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const holder = world.ask('a');
    await world.pass(2_000);
    const waiting = world.ask('b');
    world.set({ jit_enabled: false });
    const late = world.ask('b');
    const served = world.ask('a');
    await flushed();
    expect([waiting.fault?.kind, late.fault?.kind]).toEqual(['model-not-loaded', 'model-not-loaded']);
    expect(served.lease).not.toBeNull();
    holder.end();
    served.end();
    world.fleet.load('b', {});
    const joined = world.ask('b');
    await world.pass(15_000);
    expect(joined.lease).not.toBeNull();
  });

  const cooldowns: readonly [string, (world: World) => void, number | null][] = [
    ['the global cooldown by default', () => {}, 300],
    ["the model's own", (world) => world.configure('a', { cooldown_s: 7 }), 7],
    ['never, when its own is 0', (world) => world.configure('a', { cooldown_s: 0 }), null],
    ['never, when pinned', (world) => world.configure('a', { is_pinned: true, cooldown_s: 7 }), null],
    ['never, when switched off', (world) => world.set({ jit_cooldown_enabled: false }), null],
    ['the changed setting at once', (world) => world.set({ jit_cooldown_seconds: 40 }), 40],
    [
      'a year, which is longer than a timer can wait',
      (world) => world.configure('a', { cooldown_s: 31_536_000 }),
      31_536_000,
    ],
  ];
  for (const [name, arrange, seconds] of cooldowns) {
    test(`an idle model unloads after ${name}`, async () => {
      const world = worldOf({ a: 8 });
      world.fleet.load('a', {});
      await world.pass(2_000);
      arrange(world);
      const { unloadAtMs, state } = world.fleet.model('a');
      const readySinceMs = state.phase === 'ready' ? state.sinceMs : 0;
      expect(unloadAtMs).toBe(seconds === null ? null : readySinceMs + seconds * 1000);
    });
  }

  test('the cooldown starts anew at every end of a request, and after a load nobody waited for', async () => {
    const world = worldOf({ a: 8 });
    world.ask('a').controller.abort();
    await world.pass(2_000);
    expect(world.fleet.model('a').unloadAtMs).not.toBeNull();
    const one = world.ask('a');
    await world.pass(100_000, 1_000);
    expect(world.fleet.model('a').unloadAtMs).toBeNull();
    one.controller.abort();
    one.end();
    expect(world.fleet.model('a').unloadAtMs).toBe(world.clock.monotonicMs() + 300_000);
    await world.pass(301_000, 1_000);
    expect(world.phase('a')).toBe('idle');
    expect(world.stops).toMatchObject([{ reason: 'cooldown' }]);
  });

  test('F-83: time that the machine slept cools nothing down and ends no wait', async () => {
    const world = worldOf({ a: 10, b: 10 });
    const busy = world.ask('a');
    await world.pass(2_000);
    const waiting = world.ask('b');
    await world.pass(30_000);
    world.clock.sleep(3_600_000);
    await world.pass(10_000);
    expect(waiting.fault).toBeNull();
    busy.end();
    await world.pass(3_000);
    waiting.end();
    await world.pass(200_000);
    world.clock.sleep(3_600_000);
    await world.pass(90_000);
    expect(world.phase('b')).toBe('ready');
    await world.pass(20_000);
    expect(world.phase('b')).toBe('idle');
  });

  const jumps = { 'back an hour': -1, 'on an hour': 1, 'back a day': -24, 'on a day': 24 };
  for (const [name, hours] of Object.entries(jumps)) {
    test(`F-82: a wall clock that jumps ${name} unloads nothing, ends no wait, no time is negative`, async () => {
      const world = worldOf({ a: 10, b: 10, c: 4 });
      const busy = world.ask('a');
      const used = world.ask('c');
      await world.pass(2_000);
      used.end();
      const waiting = world.ask('b');
      const { unloadAtMs } = world.fleet.model('c');
      world.clock.jump(hours * 3_600_000);
      await world.pass(10_000);
      expect([world.phase('a'), world.phase('c'), waiting.fault]).toEqual(['ready', 'ready', null]);
      expect(world.fleet.model('c').unloadAtMs).toBe(unloadAtMs);
      busy.end();
      world.clock.jump(hours * 3_600_000);
      await world.pass(20_000);
      expect(waiting.lease).not.toBeNull();
      expect(world.loads.map(({ loadMs }) => loadMs)).toEqual([1_010, 1_010, 1_010]);
      const [next] = forecast(world.fleet.snapshot(), [planFor('x', 'c')], world.clock.wallMs());
      expect(next).not.toContain('-');
    });
  }

  test('F-47: the queue limit holds for a loading, a loaded and a waiting model', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.settings = { ...world.settings, queue_limit: 3 };
    const loading = Array.from({ length: 5 }, () => world.ask('a'));
    await world.pass(2_000);
    expect(loading.filter((one) => one.fault?.kind === 'queue-full')).toHaveLength(2);
    const loaded = Array.from({ length: 5 }, () => world.ask('a'));
    await flushed();
    expect(loaded.filter((one) => one.fault?.kind === 'queue-full')).toHaveLength(3);
    expect(loaded.at(-1)?.fault?.retryAfterS).toBeGreaterThan(0);
    const waiting = Array.from({ length: 5 }, () => world.ask('b'));
    await flushed();
    expect(waiting.filter((one) => one.fault?.kind === 'queue-full')).toHaveLength(2);
  });

  test('a wait longer than allowed ends with queue-timeout; the time of a load does not count', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.set({ queue_wait_seconds: 20 });
    world.fates.set('a', { ...GOOD, loadMs: 100_000 });
    const holder = world.ask('a');
    const queued = world.ask('b');
    await world.pass(101_000, 1_000);
    expect(holder.lease).not.toBeNull();
    expect(queued.fault).toMatchObject({ kind: 'queue-timeout' });
    expect(queued.settledAtMs).toBe(queued.askedAtMs + 20_000);
  });

  test('an unknown model is refused, and one that is removed is unloaded when its last request ends', async () => {
    const world = worldOf({ a: 8 });
    const unknown = world.ask('nobody');
    const one = world.ask('a');
    await world.pass(2_000);
    expect(unknown.fault?.kind).toBe('model-not-found');
    world.models.delete('a');
    world.bus.publish({ type: 'model-removed', modelId: 'a' });
    expect(world.phase('a')).toBe('ready');
    one.end();
    await world.pass(1_000);
    expect(world.phase('a')).toBe('idle');
  });
});

describe('telling', () => {
  test('a model that is removed while it loads is stopped at once, and nothing is kept of it', async () => {
    const world = worldOf({ a: 4, b: 4 });
    world.fates.set('a', { ...GOOD, loadMs: 60_000 });
    const one = world.ask('a');
    await world.pass(1_000);
    world.remove('a');
    await world.pass(1_000);
    expect(one.fault?.kind).toBe('model-not-found');
    expect(world.live).toEqual([]);
    expect(world.fleet.snapshot()).toMatchObject({ models: [], memory: { reservedBytes: 0 } });
  });

  test('of a failed model nothing is kept when it is removed, and its successor starts afresh', async () => {
    const world = worldOf({ a: 4 });
    world.fates.set('a', { ...GOOD, end: 'corrupt-file', isSticky: true });
    world.ask('a');
    await world.pass(2_000);
    world.remove('a');
    expect(world.fleet.snapshot().models).toEqual([]);
    world.add('a', 4);
    const again = world.ask('a');
    await world.pass(2_000);
    expect(again.lease).not.toBeNull();
  });

  test('a file that is gone is told with the name of its model, as what it is', async () => {
    const world = worldOf({ a: 4 });
    world.needOf = () => {
      throw new Fault('not-found', 'There is no file a.gguf in that place.');
    };
    const one = world.ask('a');
    await flushed();
    expect(one.fault).toMatchObject({
      kind: 'not-found',
      message: 'a cannot be loaded: there is no file a.gguf in that place.',
      hint: 'Put the file back, or remove the model from the list.',
    });
  });

  test('each pass publishes one event a model, and none when nothing changed', async () => {
    const world = worldOf({ a: 8 });
    for (let index = 0; index < 5; index += 1) world.ask('a');
    await world.pass(2_000);
    world.events.length = 0;
    world.set({ strip_attribution: false });
    expect(world.events.filter((event) => event.type !== 'settings-changed')).toEqual([]);
    world.fleet.unload('a', { force: true, reason: 'shutdown' });
    expect(world.events.filter((event) => event.type === 'model-changed')).toHaveLength(1);
  });

  test('a listener may ask for a model while it is being told, and is served', async () => {
    const world = worldOf({ a: 4, b: 4 });
    const asked: Asked[] = [];
    world.fleet.load('b', {});
    await world.pass(2_000);
    world.bus.subscribe((event) => {
      if (event.type === 'model-changed' && event.modelId === 'a' && asked.length === 0) asked.push(world.ask('b'));
    });
    world.ask('a');
    await flushed();
    expect(asked[0]?.lease).not.toBeNull();
  });

  test('a plan says who would be unloaded for whom', async () => {
    const world = worldOf({ a: 10, b: 10 });
    world.ask('a');
    await world.pass(2_000);
    world.ask('b');
    expect(world.fleet.plans()).toMatchObject([
      { modelId: 'b', needBytes: 10 * GB, admission: { decision: 'wait', why: 'busy', leaving: ['a'] } },
    ]);
  });
});

describe('shutdown', () => {
  test('new and waiting requests are refused, running ones end until the drain time, then all stops', async () => {
    const world = worldOf({ a: 8, b: 4 });
    world.fates.set('a', { ...GOOD, stopMs: null });
    const [one, two, waiting] = [world.ask('a'), world.ask('a'), world.ask('a')];
    world.fleet.load('b', {});
    await world.pass(2_000);
    let isGone = false;
    void world.fleet.shutdown(5_000).then(() => {
      isGone = true;
    });
    const late = world.ask('a');
    await world.pass(4_900);
    expect([waiting.fault?.kind, late.fault?.kind]).toEqual(['shutting-down', 'shutting-down']);
    expect(world.live).toEqual(['a']);
    expect(one.lease?.endedBy).toBeNull();
    one.end();
    await world.pass(200);
    expect(two.lease?.endedBy?.kind).toBe('shutting-down');
    await world.pass(10_100);
    expect(isGone).toBe(true);
    expect(world.live).toEqual([]);
  });

  test('a second, shorter shutdown does not wait for the first', async () => {
    const world = worldOf({ a: 8 });
    world.ask('a');
    await world.pass(2_000);
    const first = world.fleet.shutdown(30_000);
    const second = world.fleet.shutdown(0);
    await world.pass(500);
    await Promise.all([first, second]);
    expect(world.live).toEqual([]);
  });
});
