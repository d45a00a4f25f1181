// Models that engines of somebody else's serve, in the list of models: their place, and what is known of them.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Bus } from '#src/events.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { someModel } from '#test/engines/support/plan.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let store: Store;
let changes: string[];
let registry: Registry;
beforeEach(() => {
  store = openStore(':memory:');
  changes = [];
  const bus = new Bus();
  bus.subscribe((event) => void (event.type === 'model-changed' && changes.push(event.modelId)));
  const modelsDir = () => '/models';
  registry = new Registry({ store, bus, clock: new FakeClock(), headers: new HeaderCache(), modelsDir });
});
afterEach(() => store.$client.close());

const served = (modelName: string) => {
  const endpoint = { baseUrl: 'http://127.0.0.1:11434', engine: 'openai', modelName } as const;
  return registry.add({ ...someModel(''), id: modelName, name: modelName, endpoint });
};

test('one of two at the same address can be brought back beside the other, but not beside itself', () => {
  const one = served('one');
  served('two');
  registry.remove('one');
  registry.restore(one);
  expect(registry.find('one')).toEqual(one);
  registry.remove('one');
  const again = served('one');
  expect(again.id).toBe('one');
  expect(() => registry.restore({ ...one, id: 'another' })).toThrow('cannot come back');
});

test('what its engine says is taken over once, and nothing is taken over for a file', () => {
  const { id } = served('one');
  const facts = {
    sizeBytes: 5,
    trainedContextTokens: 9,
    capabilities: { tools: true, thinking: false, vision: true, embedding: false },
  };
  registry.describe(id, facts);
  registry.describe(id, facts);
  expect(registry.find(id)).toMatchObject(facts);
  expect(changes).toEqual([id]);
  const { id: ofFile } = registry.add({ ...someModel('/models/a.gguf'), id: 'file', name: 'file' });
  registry.describe(ofFile, facts);
  expect(registry.find(ofFile)?.sizeBytes).not.toBe(5);
});
