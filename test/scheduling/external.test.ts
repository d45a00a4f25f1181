// Models whose engines somebody else started, as the scheduler treats them. How they are watched: test/external.
import { expect, test } from 'bun:test';
import { asFault } from '#src/faults.ts';
import { flushed, type World, worldOf } from './world.ts';

const ENDPOINT = { baseUrl: 'http://127.0.0.1:9', engine: 'openai', modelName: 'a' } as const;

function connected(): World {
  const world = worldOf({ a: 1 });
  connect(world);
  return world;
}

function connect(world: World): void {
  const model = world.models.get('a');
  if (!model) throw new Error('no model');
  world.models.set('a', { ...model, path: '', endpoint: ENDPOINT });
  world.bus.publish({ type: 'model-added', modelId: 'a' });
}

test('a load with other settings is refused, because Flow did not start its engine', async () => {
  const world = connected();
  world.fleet.load('a', {});
  await world.pass(2_000);
  expect(world.phase('a')).toBe('ready');
  world.fleet.load('a', {});
  try {
    world.fleet.load('a', { ctx_size: 77 });
    expect.unreachable();
  } catch (cause) {
    expect(asFault(cause)).toMatchObject({ kind: 'conflict', message: expect.stringContaining('did not start') });
  }
});

test('one that was removed is not watched, and its watch says nothing of a successor', async () => {
  const world = connected();
  const first = world.supervisors.get('a');
  const model = world.models.get('a');
  world.remove('a');
  await flushed();
  expect(world.stops).toMatchObject([{ modelId: 'a', reason: 'abandoned' }]);
  if (!model || !first) throw new Error('no model');
  world.models.set('a', model);
  connect(world);
  world.fleet.load('a', {});
  await world.pass(2_000);
  const asked = world.ask('a');
  await flushed();
  // A look of the first one was under way, and ends only now.
  first.start(model, {});
  await world.pass(2_000);
  first.crash();
  await flushed();
  expect(first.state.phase).toBe('failed');
  expect([world.phase('a'), asked.lease !== null, asked.lease?.endedBy ?? null]).toEqual(['ready', true, null]);
  asked.end();
});
