// Whether the files of models are there, and the disks they lie on. What a listing makes of it is in routes.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, type FlowEvent } from '#src/events.ts';
import { asFault } from '#src/faults.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Presence } from '#src/models/presence.ts';
import { Registry } from '#src/models/registry.ts';
import { Volumes } from '#src/models/volumes.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { waitUntil } from '#test/support/wait-until.ts';

let root: string;
let disk: string;
let isMounted: boolean;
let store: Store;
let clock: FakeClock;
let events: FlowEvent[];
let registry: Registry;
let volumes: Volumes;
let presence: Presence;
let look: (path: string) => Promise<unknown>;

/** `disk` is a disk of its own for as long as it is mounted; without it, its folder lies on the system's. */
function deviceOf(path: string): number | null {
  if (path !== '/' && !existsSync(path)) return null;
  return isMounted && (path === disk || path.startsWith(`${disk}/`)) ? 7 : 1;
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flow-presence-'));
  disk = join(root, 'disk');
  isMounted = true;
  await mkdir(join(disk, 'models', 'repo'), { recursive: true });
  store = openStore(':memory:');
  clock = new FakeClock();
  events = [];
  const bus = new Bus();
  registry = new Registry({ store, bus, clock, headers: new HeaderCache(), modelsDir: () => join(disk, 'models') });
  volumes = new Volumes({ store, deviceOf });
  look = stat;
  presence = new Presence({ registry, volumes, bus, clock, look: (path) => look(path) });
  bus.subscribe((event) => events.push(event));
});
afterEach(async () => {
  presence[Symbol.dispose]();
  store.$client.close();
  await rm(root, { recursive: true, force: true });
});

async function model(): Promise<{ id: string; path: string }> {
  const path = join(disk, 'models', 'repo', 'a.gguf');
  await makeDemoModel(path);
  const { id } = registry.registerLocal(path).model;
  await presence.look();
  events.length = 0;
  return { id, path };
}

test('F-12: a file that is gone is told as such, once, and again when it is back', async () => {
  const { id, path } = await model();
  await rename(path, join(root, 'aside.gguf'));
  await presence.look();
  await presence.look();
  expect(presence.of(id)).toMatchObject({ reason: 'file', message: expect.stringContaining('a.gguf is no longer in') });
  expect(events).toEqual([{ type: 'model-changed', modelId: id }]);
  expect(registry.find(id)).not.toBeNull();
  await rename(join(root, 'aside.gguf'), path);
  await presence.look();
  expect(presence.of(id)).toBeNull();
  expect(events).toHaveLength(2);
});

test('a folder that is gone is told apart from a file', async () => {
  const { id } = await model();
  await rm(join(disk, 'models', 'repo'), { recursive: true });
  await presence.look();
  expect(presence.of(id)?.reason).toBe('folder');
});

test('a part that is gone is named', async () => {
  const facts = { format: 'gguf' as const, hfId: null, quantization: null, sizeBytes: 1, trainedContextTokens: null };
  const capabilities = { tools: false, thinking: false, vision: false, embedding: false };
  const path = join(disk, 'models', 'x-00001-of-00002.gguf');
  await writeFile(path, '');
  const { id } = registry.add({ id: 'x', name: 'x', path, isManaged: false, capabilities, ...facts });
  await presence.look();
  expect(presence.of(id)?.message).toBe('1 of the 2 parts of this model are missing.');
});

test('F-86: a disk that is not mounted is told by its place, also by a Flow that was started without it', async () => {
  const { id, path } = await model();
  isMounted = false;
  await rm(join(disk, 'models'), { recursive: true });
  await presence.look();
  expect(presence.of(id)).toMatchObject({
    reason: 'volume',
    message: `The disk at ${disk} is not mounted, and a.gguf lies on it.`,
  });
  const later = new Volumes({ store, deviceOf });
  expect(later.absentFor(path)).toBe(disk);
  isMounted = true;
  expect(later.absentFor(path)).toBeNull();
});

test('a model that is removed while it is looked at leaves nothing behind', async () => {
  const { id, path } = await model();
  const answer = Promise.withResolvers<void>();
  look = () => answer.promise;
  const looking = presence.look();
  registry.remove(id);
  events.length = 0;
  answer.reject(Object.assign(new Error('gone'), { code: 'ENOENT' }));
  await rename(path, join(root, 'aside.gguf'));
  await looking;
  expect(presence.of(id)).toBeNull();
  expect(events).toEqual([]);
});

test('F-12, F-86: a load is refused in the words of the listing', async () => {
  const { id, path } = await model();
  presence.need(registry.need(id));
  await rm(path);
  await presence.look();
  const words = presence.of(id)?.message ?? 'nothing is missing';
  expect(() => presence.need(registry.need(id))).toThrow(words);
});

test('F-86: a disk that does not answer holds up no listing, and is asked once', async () => {
  const { id } = await model();
  let asked = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  look = () => {
    asked += 1;
    return promise;
  };
  clock.advance(2_000);
  const startedMs = performance.now();
  await presence.fresh();
  // On this clock the look itself is never answered.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  clock.advance(5_000);
  await waitUntil('it is told', () => presence.of(id)?.reason === 'silent');
  const second = presence.look();
  clock.advance(5_000);
  await second;
  expect(asked).toBe(1);
  // A load would look there in the one way that holds up everybody.
  expect(() => presence.need(registry.need(id))).toThrow('does not answer');
  look = stat;
  resolve();
  await promise;
  await presence.look();
  expect(presence.of(id)).toBeNull();
});

describe('a models folder on a disk that is not there', () => {
  test('F-86: is not written to, because the disk would hide it once it is back', async () => {
    await model();
    const folder = join(disk, 'models');
    volumes.refuseAbsent(folder);
    isMounted = false;
    await rm(folder, { recursive: true });
    const fault = ((): unknown => {
      try {
        return volumes.refuseAbsent(folder);
      } catch (cause) {
        return asFault(cause);
      }
    })();
    expect(fault).toMatchObject({ kind: 'conflict', message: expect.stringContaining(`The disk at ${disk}`) });
    await mkdir(folder);
    expect(() => volumes.refuseAbsent(folder)).toThrow('not mounted');
  });

  test('is written to when somebody has moved the models there for good', async () => {
    await model();
    isMounted = false;
    expect(() => volumes.refuseAbsent(join(disk, 'models'))).not.toThrow();
  });

  test('is told by where systems put the disks of people, when nothing was remembered', () => {
    expect(volumes.absentFor('/Volumes/Big Disk/models/a.gguf')).toBe('/Volumes/Big Disk');
    expect(volumes.absentFor('/run/media/me/big/a.gguf')).toBe('/run/media/me/big');
    expect(volumes.absentFor(join(root, 'nothing', 'a.gguf'))).toBeNull();
  });
});
