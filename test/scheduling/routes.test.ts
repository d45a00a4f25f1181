/**
 * The scheduler by HTTP: the seed's paths and fields. The sentences and decisions themselves are tested without HTTP.
 */
import { describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { Fault } from '#src/faults.ts';
import { schedulingRoutes } from '#src/scheduling/routes.ts';
import { flushed, GB, GOOD, World } from './world.ts';

function served(world: World) {
  const app = new Elysia()
    .onError({ as: 'global' }, ({ error }) =>
      error instanceof Fault
        ? Response.json({ error: { kind: error.kind, message: error.message } }, { status: error.status })
        : Response.json({ error: String(error) }, { status: 500 }),
    )
    .use(
      schedulingRoutes({
        fleet: world.fleet,
        findModel: (modelId) => world.models.get(modelId) ?? null,
        checkLaunch: () => {},
        hardware: () => ({ chip: 'test' }),
        clock: world.clock,
      }),
    );
  return async (method: string, path: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const init = body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const response = await app.handle(new Request(`http://localhost${path}`, init));
    return { status: response.status, body: (await response.json()) as Record<string, never> };
  };
}

function worldOf(): World {
  const world = new World();
  world.add('a', 8);
  world.add('org/b', 8);
  world.add('huge', 400);
  return world;
}

describe('load', () => {
  test('answers 202 at once, and 200 with port and address when it runs', async () => {
    const world = worldOf();
    const call = served(world);
    expect(await call('POST', '/api/models/a/load', {})).toEqual({
      status: 202,
      body: { model_id: 'a', status: 'loading' } as never,
    });
    await world.pass(2_000);
    expect(await call('POST', '/api/models/a/load')).toEqual({
      status: 200,
      body: { model_id: 'a', status: 'running', port: 8081, base_url: 'http://127.0.0.1:8081/v1' } as never,
    });
  });

  test('with ?wait=1 it answers when the model is ready, holding no lease', async () => {
    const world = worldOf();
    const answer = served(world)('POST', '/api/models/org%2Fb/load?wait=1', { ctx_size: 8192 });
    await flushed();
    for (let turn = 0; turn < 50; turn += 1) await world.pass(100);
    expect((await answer).body).toMatchObject({ model_id: 'org/b', status: 'running' });
    expect(world.fleet.model('org/b').inFlight).toBe(0);
  });

  test('with ?wait=1 a load that fails is answered with why', async () => {
    const world = worldOf();
    world.fates.set('a', { ...GOOD, end: 'unknown' });
    const answer = served(world)('POST', '/api/models/a/load?wait=1');
    await flushed();
    for (let turn = 0; turn < 50; turn += 1) await world.pass(100);
    expect(await answer).toMatchObject({ status: 503, body: { error: { kind: 'load-failed' } } });
  });

  const refused: readonly [string, string, unknown, number][] = [
    ['an unknown model', '/api/models/nobody/load', {}, 404],
    ['an unknown action', '/api/models/a/config', {}, 404],
    ['an unknown setting', '/api/models/a/load', { contxt: 1 }, 400],
    ['more than there is', '/api/models/huge/load', {}, 503],
  ];
  for (const [name, path, body, status] of refused) {
    test(`${name} is ${status}`, async () => {
      const world = worldOf();
      expect((await served(world)('POST', path, body)).status).toBe(status);
      expect(world.starts).toEqual([]);
    });
  }
});

describe('unload', () => {
  test('is refused while requests would be cut, done by force, and harmless when nothing runs', async () => {
    const world = worldOf();
    const call = served(world);
    expect((await call('POST', '/api/models/org/b/unload')).body).toMatchObject({ status: 'available', killed: false });
    const one = world.ask('org/b');
    await world.pass(2_000);
    expect(await call('POST', '/api/models/org/b/unload', {})).toMatchObject({
      status: 409,
      body: { error: { kind: 'conflict' } },
    });
    world.isForced = true;
    expect(await call('POST', '/api/models/org/b/unload', { force: true })).toMatchObject({
      status: 202,
      body: { status: 'unloading' },
    });
    expect(one.lease?.endedBy?.kind).toBe('model-unloaded');
  });
});

describe('what runs', () => {
  test("has the seed's fields", async () => {
    const world = worldOf();
    world.fleet.load('a', {});
    await world.pass(2_000);
    expect((await served(world)('GET', '/api/models/running')).body).toMatchObject({
      models: [
        {
          model_id: 'a',
          name: 'a',
          backend: 'gguf',
          port: 8081,
          base_url: 'http://127.0.0.1:8081/v1',
          pid: 1,
          is_running: true,
          backend_ready: true,
          load_progress: null,
        },
      ],
      hardware: { chip: 'test' },
    } as never);
  });

  test("the fleet tells everything but the engine's key, and what will be unloaded next", async () => {
    const world = worldOf();
    world.budgetBytes = 10 * GB;
    world.ask('a');
    await world.pass(2_000);
    world.ask('org/b');
    const { body } = await served(world)('GET', '/api/fleet');
    expect(JSON.stringify(body)).not.toContain('apiKey');
    const next = ['org/b needs 8.0 GB: would unload a (1 request)'];
    expect(body).toMatchObject({ swaps: 0, next, contention: null, advice: [] } as never);
  });

  test('F-39: models that push each other out are told as such, with what it costs', async () => {
    const world = worldOf();
    world.budgetBytes = 10 * GB;
    for (let turn = 0; turn < 6; turn += 1) {
      const one = world.ask(turn % 2 === 0 ? 'a' : 'org/b');
      await world.pass(20_000);
      one.end();
    }
    const { body } = await served(world)('GET', '/api/fleet');
    expect(body).toMatchObject({ swaps: 5, contention: { modelIds: ['a', 'org/b'], swaps: 5 } } as never);
    expect((body as { advice?: unknown }).advice).toEqual([
      'a and org/b do not fit together: 5 swaps in 2 min, 5 % of the time spent loading. ' +
        'A smaller context or quantization may let them stay side by side.',
    ]);
  });
});
