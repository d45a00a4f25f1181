/**
 * Downloads from a hub that misbehaves: whatever happens on the way, the end is a verified model or a clear state. The
 * queue's own rules are tested in downloads.test.ts, a whole Flow in test/e2e/downloads.test.ts.
 */
import { beforeAll, describe, expect, test } from 'bun:test';
import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Of } from '#test/support/fake-hub.ts';
import { until } from '#test/support/running-flow.ts';
import { contentOf, modelBytes, noise, REPOSITORY, startBench, startsAsked } from './support/bench.ts';

/** Where a stall is what is tried. */
const STALL_MS = 1_000;
const NAME = 'tiny-Q4_K_M.gguf';
let model: Uint8Array;
beforeAll(async () => {
  model = await modelBytes();
});
const tiny = () => [{ path: NAME, bytes: model }];

test('a download ends as a verified, registered model in its own folder', async () => {
  await using bench = await startBench(tiny());
  const { record } = await bench.order();
  const { record: done, bytes, totalBytes } = await bench.reaches(record.id, 'complete', 'failed');
  expect(done).toMatchObject({ state: 'complete', key: `${REPOSITORY}/${NAME}`, modelId: 'tiny-Q4_K_M', reason: null });
  expect([bytes, totalBytes]).toEqual([model.length, model.length]);
  expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  expect(bench.files()).toEqual([`${REPOSITORY}/${NAME}`]);
  expect(bench.registry.need('tiny-Q4_K_M')).toMatchObject({ hfId: REPOSITORY, isManaged: true });
  expect(bench.events.some((event) => event.type === 'download-changed')).toBe(true);
});

test('F-63: connections cut at twenty random points resume where they broke', async () => {
  await using bench = await startBench(tiny(), { connections: 2, rangeBytes: 1 << 20 });
  const seed = Math.floor(Math.random() * 1e9);
  for (const point of noise(20, seed)) {
    const afterBytes = point * 400;
    bench.hub.spoil(NAME, { kind: 'cut', afterBytes }, 1);
  }
  const { record } = await bench.order();
  const done = await bench.reaches(record.id, 'complete', 'failed');
  expect({ seed, state: done.record.state }).toEqual({ seed, state: 'complete' });
  expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  expect(bench.hub.contentAsked.length).toBeGreaterThan(20);
});

test('F-63: what has come is not asked for again', async () => {
  await using bench = await startBench(tiny(), { connections: 1 });
  bench.hub.spoil(NAME, { kind: 'short', afterBytes: 1000 }, 3);
  const { record } = await bench.order();
  await bench.reaches(record.id, 'complete', 'failed');
  const ranges = bench.hub.contentAsked.map(({ headers }) => headers.range);
  expect(ranges.slice(0, 4)).toEqual(['0', '1000', '2000', '3000'].map((from) => `bytes=${from}-262143`));
  expect(ranges[4]).toBe('bytes=262144-524287');
});

test('F-65: one flipped bit is found, the file fetched once more, and the model is right', async () => {
  await using bench = await startBench(tiny());
  bench.hub.spoil(NAME, { kind: 'flip', atByte: 1000 }, 1);
  const { record } = await bench.order();
  expect((await bench.reaches(record.id, 'complete', 'failed')).record.state).toBe('complete');
  expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
});

test('F-65: a file that comes damaged twice fails clearly and is never put in place', async () => {
  await using bench = await startBench([{ path: NAME, bytes: model, digest: 'a'.repeat(64) }]);
  const { record } = await bench.order();
  const { record: failed } = await bench.reaches(record.id, 'complete', 'failed');
  expect(failed.state).toBe('failed');
  expect(failed.reason?.message).toContain('damaged');
  expect(bench.registry.list()).toEqual([]);
  expect(await Bun.file(bench.placed(NAME)).exists()).toBe(false);
});

describe('answers that are not as asked', () => {
  const passing = [
    ['F-66: a short answer that says it is whole', { kind: 'short', afterBytes: 1000 }],
    ['F-71: a stall', { kind: 'stall', afterBytes: 1000 }],
    ['F-66: another range than was asked for', { kind: 'wrong-range' }],
    ['F-70: 503', { kind: 'status', status: 503 }],
    ['F-66: an address that has expired', { kind: 'status', status: 403 }],
    ['F-66: everything instead of a range', { kind: 'whole' }],
  ] as const;
  test.each(passing)('%s, three times, is got over', async (_, fault) => {
    await using bench = await startBench(tiny(), { stallMs: STALL_MS });
    bench.hub.spoil(NAME, fault, 3);
    const { record } = await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record).toMatchObject({ state: 'complete' });
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  });

  test('F-66: a host that never knows ranges still brings the file', async () => {
    await using bench = await startBench(tiny());
    bench.hub.spoil(NAME, { kind: 'whole' });
    const { record } = await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.state).toBe('complete');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  });

  test('F-66: a host that always sends another range is given up, with a reason', async () => {
    await using bench = await startBench(tiny());
    bench.hub.spoil(NAME, { kind: 'wrong-range' });
    const { record } = await bench.order();
    const { record: failed } = await bench.reaches(record.id, 'failed');
    expect(failed.reason).toMatchObject({ kind: 'hub-broken' });
  });

  test('F-69: 429 is waited for as long as it says, and shown meanwhile', async () => {
    await using bench = await startBench(tiny(), { connections: 1 });
    bench.hub.spoil(NAME, { kind: 'status', status: 429, headers: { 'retry-after': '1' } }, 1);
    const startedMs = performance.now();
    const { record } = await bench.order();
    const waiting = await until('the wait', () => bench.downloads.need(record.id).trouble);
    expect(waiting.fault).toMatchObject({ kind: 'hub-busy', retryAfterS: 1 });
    await bench.reaches(record.id, 'complete');
    expect(performance.now() - startedMs).toBeGreaterThan(900);
  });
});

test('F-67: a file that changes on the hub starts over with what is there now, and says so', async () => {
  const other = noise(model.length, 7);
  await using bench = await startBench([{ path: NAME, bytes: other }], { connections: 1, stallMs: STALL_MS });
  bench.hub.spoil(NAME, { kind: 'stall', afterBytes: 300_000 }, 1);
  const { record } = await bench.order({ revision: 'main' });
  await until('some bytes', () => bench.downloads.need(record.id).bytes > 0);
  bench.hub.put({ id: REPOSITORY, files: tiny() });
  const { record: done } = await bench.reaches(record.id, 'complete', 'failed');
  expect(done.state).toBe('complete');
  expect(done.note).toContain('started over');
  expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
});

describe('a disk that is too small', () => {
  test('F-61: is refused before anything is fetched, with numbers', async () => {
    await using bench = await startBench(tiny(), { disk: { freeBytes: async () => 1000 } });
    await expect(bench.order()).rejects.toMatchObject({ kind: 'disk-full', details: { free_bytes: 1000 } });
    expect(bench.hub.contentAsked).toEqual([]);
  });

  test('F-62: pauses when it fills up, keeps what came, and goes on from there', async () => {
    let isFull = true;
    let written = 0;
    const { systemDisk } = await import('#src/downloads/disk.ts');
    const write: typeof systemDisk.write = async (file, bytes, at) => {
      if (isFull && written + bytes.length > 500_000) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      written += bytes.length;
      await systemDisk.write(file, bytes, at);
    };
    await using bench = await startBench(tiny(), { disk: { write }, connections: 1 });
    const { record } = await bench.order();
    const paused = await bench.reaches(record.id, 'paused', 'failed', 'complete');
    expect(paused.record).toMatchObject({ state: 'paused', reason: { kind: 'disk-full' } });
    expect(paused.bytes).toBeGreaterThan(0);
    const asked = bench.hub.contentAsked.length;
    await Bun.sleep(100);
    expect(bench.hub.contentAsked.length).toBe(asked);
    isFull = false;
    bench.downloads.resume(record.id);
    await bench.reaches(record.id, 'complete');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
    expect(Math.min(...startsAsked(bench, asked))).toBeGreaterThan(0);
  });
});

describe('what must not be touched', () => {
  test('another file of that name stays, and the download says so', async () => {
    await using bench = await startBench(tiny());
    await mkdir(bench.placed(), { recursive: true });
    writeFileSync(bench.placed(NAME), 'mine');
    const { record } = await bench.order();
    const { record: failed } = await bench.reaches(record.id, 'failed', 'complete');
    expect(failed.reason).toMatchObject({ kind: 'conflict' });
    expect(await Bun.file(bench.placed(NAME)).text()).toBe('mine');
  });

  test('a file that somebody puts in its place meanwhile is not written over', async () => {
    await using bench = await startBench(tiny(), { connections: 1, stallMs: STALL_MS });
    bench.hub.spoil(NAME, { kind: 'stall', afterBytes: 300_000 }, 1);
    const { record } = await bench.order();
    await until('some bytes', () => bench.downloads.need(record.id).bytes > 0);
    writeFileSync(bench.placed(NAME), 'mine');
    const { record: failed } = await bench.reaches(record.id, 'failed', 'complete');
    expect(failed.reason).toMatchObject({ kind: 'conflict' });
    expect(await Bun.file(bench.placed(NAME)).text()).toBe('mine');
    rmSync(bench.placed(NAME));
    const asked = bench.hub.contentAsked.length;
    bench.downloads.resume(record.id);
    await bench.reaches(record.id, 'complete');
    expect(bench.hub.contentAsked.length).toBe(asked);
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  });

  test('nothing is placed through a folder that became a link meanwhile', async () => {
    await using bench = await startBench(tiny(), { connections: 1, stallMs: STALL_MS });
    bench.hub.spoil(NAME, { kind: 'stall', afterBytes: 300_000 }, 1);
    const { record } = await bench.order();
    await until('some bytes', () => bench.downloads.need(record.id).bytes > 0);
    const outside = join(bench.modelsDir, '..', 'outside');
    await mkdir(outside);
    rmSync(bench.placed(), { recursive: true });
    symlinkSync(outside, bench.placed());
    const { record: failed } = await bench.reaches(record.id, 'failed', 'complete');
    expect(failed.reason).toMatchObject({ kind: 'conflict' });
    expect(readdirSync(outside)).toEqual([]);
  });

  test('parts are not written through a link either', async () => {
    await using bench = await startBench(tiny());
    const outside = join(bench.modelsDir, '..', 'outside');
    await mkdir(outside);
    await mkdir(bench.modelsDir);
    symlinkSync(outside, join(bench.modelsDir, '.downloads'));
    const { record } = await bench.order();
    const { record: failed } = await bench.reaches(record.id, 'failed', 'complete');
    expect(failed.reason).toMatchObject({ kind: 'conflict' });
    expect(readdirSync(outside)).toEqual([]);
  });

  const hostile = [
    '../../x.gguf',
    '..\\x.gguf',
    'a/.hidden.gguf',
    'CON.gguf',
    'a\u202egnp.gguf',
    `${'x'.repeat(300)}.gguf`,
  ];
  test.each(hostile)('F-75, S-20: the name %p is refused', async (path) => {
    await using bench = await startBench([{ path, bytes: model }]);
    expect(bench.order()).rejects.toMatchObject({ kind: 'unprocessable' });
    expect(bench.files()).toEqual([]);
  });
});
