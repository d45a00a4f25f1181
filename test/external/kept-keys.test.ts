// How long the keys of engines that Flow did not start are kept after their model was removed.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { ExternalDesk } from '#src/external/external-desk.ts';
import { ExternalKeys } from '#src/external/external-keys.ts';
import { OwnPlaces } from '#src/external/own-places.ts';
import { Places } from '#src/external/places.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { SocketEngineClient } from '#src/transport/client.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const MINUTE_MS = 60_000;
let folder: string;
let store: Store;
let clock: FakeClock;
let registry: Registry;
let keys: ExternalKeys;
let desk: ExternalDesk;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-kept-keys-'));
  store = openStore(':memory:');
  clock = new FakeClock();
  const bus = new Bus();
  registry = new Registry({ store, bus, clock, headers: new HeaderCache(), modelsDir: () => folder });
  keys = new ExternalKeys({ path: join(folder, 'external-keys.json'), protect: () => {} });
  const client = new SocketEngineClient();
  desk = new ExternalDesk({
    ...{ clock, bus, registry, client, keys, places: new Places(client), own: new OwnPlaces(() => []) },
    fleet: {
      attend: () => {},
      model: () => {
        throw new Error('no model is asked for');
      },
    },
    lookUp: () => Promise.reject(new Error('nothing is looked up')),
    adoptsRunning: () => false,
    log: () => {},
  });
});
afterEach(() => {
  desk.close();
  store.$client.close();
  rmSync(folder, { recursive: true });
});

/** A connected model with a key of its own. */
function connected(name: string, port: number): string {
  const baseUrl = `http://127.0.0.1:${port}`;
  keys.save(baseUrl, `key-of-${name}`);
  registry.add({
    ...{ id: name, name, format: 'gguf', path: '', hfId: null, quantization: null, isManaged: false },
    ...{ sizeBytes: 0, trainedContextTokens: null },
    capabilities: { tools: false, thinking: false, vision: false, embedding: false },
    endpoint: { baseUrl, engine: 'llama.cpp', modelName: name },
  });
  return baseUrl;
}

test('a key stays for as long as the last removal can be undone, and goes then', () => {
  const first = connected('first', 4_001);
  const second = connected('second', 4_002);
  const third = connected('third', 4_003);
  registry.remove('first');
  clock.advance(6 * MINUTE_MS);
  registry.remove('second');
  clock.advance(6 * MINUTE_MS);
  // The look for the first must not take the key of the second, which can be had back for five minutes more.
  expect(keys.keyFor(second)).toBe('key-of-second');
  clock.advance(5 * MINUTE_MS);
  expect([first, second, third].map((baseUrl) => keys.keyFor(baseUrl))).toEqual(['', '', 'key-of-third']);
  expect(clock.armedCount).toBe(0);
});

test('models removed without a key leave no timer behind, and many with one leave one', () => {
  connected('kept', 4_001);
  for (let port = 5_000; port < 5_020; port += 1) {
    connected(`passing-${port}`, port);
    registry.remove(`passing-${port}`);
    expect(clock.armedCount).toBe(1);
  }
  clock.advance(11 * MINUTE_MS);
  expect(keys.baseUrls).toEqual(['http://127.0.0.1:4001']);
  registry.remove(registry.add({ ...registry.need('kept'), id: 'same-place', name: 'same-place' }).id);
  expect(clock.armedCount).toBe(0);
});
