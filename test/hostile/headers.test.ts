/**
 * S-37: ten thousand mutated GGUF headers and the shapes of published attacks, against our reader, local and by Range:
 * no crash, each below 100 ms and 64 MB. One seed again: FLOW_TEST_SEED=7. What each refusal says: test/gguf.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { readGguf } from '#src/gguf/read.ts';
import { HubClient } from '#src/hub/hub-client.ts';
import { RemoteHeaders } from '#src/hub/remote-header.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { startFakeHub } from '#test/support/fake-hub.ts';
import { quickestMs } from '#test/support/quickest.ts';
import { mutants, PUBLISHED } from './support/gguf-corpus.ts';

const SEED = Number(process.env.FLOW_TEST_SEED ?? '20261122');
const COUNT = 10_000;
const REMOTE_COUNT = 1_000;
const MS_MAX = 100;
const BYTES_MAX = 64 * 1024 * 1024;
/** What a machine that is busy otherwise adds to one reading; a bound of time is about the work, not about that. */
const BUSY_MS = 400;
const READER = join(import.meta.dir, 'support', 'read-corpus.ts');

let folder: string;
let demo: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-hostile-'));
  demo = join(folder, 'demo.gguf');
  await makeDemoModel(demo);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('S-37: no mutated header crashes, holds up or fattens the local reader', async () => {
  const child = Bun.spawn([process.execPath, READER, demo, `${SEED}`, `${COUNT}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, trouble] = await Promise.all([child.stdout, child.stderr].map((stream) => new Response(stream).text()));
  expect([await child.exited, trouble]).toEqual([0, '']);
  const told = JSON.parse(out ?? '');
  expect({ seed: SEED, wrong: told.wrong }).toEqual({ seed: SEED, wrong: '' });
  expect(told.read + told.refused).toBe(COUNT + PUBLISHED.length + 1);
  // Both happen, else the corpus tries only one of the ways.
  expect(Math.min(told.read, told.refused)).toBeGreaterThan(COUNT / 20);
  expect(told.slowestMs).toBeLessThan(MS_MAX + BUSY_MS);
  expect(told.grownBytes).toBeLessThan(BYTES_MAX);
}, 180_000);

test.each(PUBLISHED)('S-37: a file with %s is read or refused with a sentence', (what, bytes) => {
  const path = join(folder, 'published.gguf');
  writeFileSync(path, bytes);
  const read = (): void => {
    try {
      const facts = readGguf(path);
      // Whatever was believed, it is bounded.
      expect(facts.layers.length).toBeLessThan(100_000);
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      expect([what, cause.kind]).toEqual([what, 'unprocessable']);
      expect(cause.message).not.toContain('passwd');
    }
  };
  expect(quickestMs(MS_MAX, read)).toBeLessThan(MS_MAX + BUSY_MS);
});

test('S-37: the same by Range from the hub, which may send whatever it likes', async () => {
  const original = (await Bun.file(demo).bytes()).slice(0, 80_000);
  const bad = [...mutants(original, 60_000, REMOTE_COUNT, SEED + 1), ...PUBLISHED.map(([, bytes]) => bytes)];
  // One repository for each: the hub's commit is made of all the files of one.
  const path = 'model.gguf';
  const repositories = bad.map((bytes, index) => ({ id: `maker/m${index}`, files: [{ path, bytes, isLarge: false }] }));
  await using hub = await startFakeHub(repositories);
  const client = new HubClient({ clock: systemClock, hubUrl: () => hub.url, tokenFor: () => null });
  const headers = new RemoteHeaders(client, systemClock);
  const { signal } = new AbortController();
  const kinds = new Map<string, number>();
  const beforeBytes = process.memoryUsage().rss;
  const readers = Array.from({ length: 8 }, async (_, first) => {
    for (let index = first; index < bad.length; index += 8) {
      const name = { repository: `maker/m${index}`, revision: 'main', path };
      const kind = await headers.factsOf(name, bad[index]?.length ?? 0, '', signal).then(
        () => 'read',
        (cause: unknown) => (cause instanceof Fault ? cause.kind : `${cause}`),
      );
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  });
  await Promise.all(readers);
  expect([...kinds.keys()].filter((kind) => !['read', 'unprocessable', 'hub-broken'].includes(kind))).toEqual([]);
  expect(kinds.get('unprocessable')).toBeGreaterThan(REMOTE_COUNT / 20);
  // Eight at a time, and the server beside them.
  expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(8 * BYTES_MAX);
}, 180_000);
