/** The queue: what is one download, what survives a restart, who may end what. Faults of hubs are in faults.test.ts. */
import { beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DownloadView } from '#src/downloads/held.ts';
import { writeGguf } from '#src/gguf/write.ts';
import { type FakeFile, sha256Of } from '#test/support/fake-hub.ts';
import { safetensorsHeader, TINY_CONFIG, TINY_WEIGHTS } from '#test/support/mlx-folder.ts';
import { until } from '#test/support/running-flow.ts';
import { type Bench, contentOf, modelBytes, noise, REPOSITORY, startBench, startsAsked } from './support/bench.ts';

const NAME = 'tiny-Q4_K_M.gguf';
let model: Uint8Array;
let projector: Uint8Array;
beforeAll(async () => {
  model = await modelBytes();
  const path = join(import.meta.dir, `mmproj-${process.pid}.tmp`);
  await writeGguf(path, {
    metadata: new Map([['general.architecture', { type: 'string', value: 'clip' }]]),
    tensors: [],
  });
  projector = await Bun.file(path).bytes();
  rmSync(path);
});
const mlxFiles = (): FakeFile[] => {
  const header = safetensorsHeader(TINY_WEIGHTS);
  return [
    { path: 'config.json', bytes: Buffer.from(JSON.stringify(TINY_CONFIG)) },
    { path: 'model.safetensors', bytes: Buffer.concat([header.bytes, Buffer.alloc(header.dataBytes)]) },
  ];
};
const tiny = (): FakeFile[] => [{ path: NAME, bytes: model }];
const slowly = (bench: Bench) => bench.hub.spoil('.gguf', { kind: 'slow', bytesPerS: 400_000 });
const underWay = (bench: Bench, { record }: DownloadView) =>
  until('some bytes', () => bench.downloads.need(record.id).bytes > 0 || null);
const faultOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (cause) {
    return cause;
  }
  return null;
};

describe('one unit is one download', () => {
  test('F-73: asked for by name, by quantisation and by nothing, at the same time', async () => {
    await using bench = await startBench(tiny());
    slowly(bench);
    const views = await Promise.all([
      bench.order(),
      bench.order({ filename: NAME }),
      bench.order({ quantization: 'q4_k_m' }),
    ]);
    expect(new Set(views.map(({ record }) => record.id)).size).toBe(1);
    expect(bench.downloads.list().length).toBe(1);
    bench.hub.recover();
    await bench.reaches(views[0]?.record.id ?? '', 'complete');
    const starts = startsAsked(bench, 0);
    expect(starts).toEqual([...new Set(starts)]);
  });

  test('a model that is there already is not fetched again, not even looked through', async () => {
    await using bench = await startBench(tiny());
    const { record } = await bench.order();
    await bench.reaches(record.id, 'complete');
    const asked = bench.hub.contentAsked.length;
    await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.modelId).toBe('tiny-Q4_K_M');
    expect(bench.hub.contentAsked.length).toBe(asked);
    expect(bench.registry.list().length).toBe(1);
  });

  test('a file somebody put there is used when it has the digest, and stays theirs', async () => {
    await using bench = await startBench(tiny());
    await Bun.write(bench.placed(NAME), model);
    const { record } = await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.state).toBe('complete');
    expect(bench.hub.contentAsked).toEqual([]);
    expect(bench.registry.need('tiny-Q4_K_M').isManaged).toBe(false);
  });

  test('a newer file takes the place of one that Flow fetched', async () => {
    await using bench = await startBench([{ path: NAME, bytes: model }]);
    const { record } = await bench.order();
    await bench.reaches(record.id, 'complete');
    const newer = new Uint8Array([...model, ...new Uint8Array(64)]);
    bench.hub.put({ id: REPOSITORY, files: [{ path: NAME, bytes: newer }] });
    await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.reason).toBeNull();
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(newer));
    expect(bench.registry.need('tiny-Q4_K_M').sizeBytes).toBe(newer.length);
  });
});

describe('what belongs together comes together', () => {
  test('F-72: all shards and the projector; nothing is in place before all of it is right', async () => {
    const shards = [1, 2, 3].map((part) => ({
      path: `big-Q4_K_M-0000${part}-of-00003.gguf`,
      bytes: noise(300_000, part),
    }));
    await using bench = await startBench([...shards, { path: 'mmproj-F16.gguf', bytes: projector }, ...tiny()], {
      stallMs: 1_000,
    });
    bench.hub.spoil('00003-of', { kind: 'stall', afterBytes: 1000 });
    const view = await bench.order({ filename: 'big-Q4_K_M-00002-of-00003.gguf' });
    expect(view.record.files.map(({ role }) => role)).toEqual(['model', 'model', 'model', 'projector']);
    await until('two parts', () => bench.downloads.need(view.record.id).bytes >= 600_000 || null);
    expect(bench.files().filter((path) => !path.startsWith('.downloads'))).toEqual([]);
    bench.hub.recover();
    // Its weights are noise, so it is no model: it is told so, and never registered.
    const { record } = await bench.reaches(view.record.id, 'failed', 'complete');
    expect(record.reason?.kind).toBe('unprocessable');
    expect(bench.registry.list()).toEqual([]);
  });

  test('the projector is paired with the model, also one in another folder', async () => {
    await using bench = await startBench([
      { path: `Q4_K_M/${NAME}`, bytes: model },
      { path: 'mmproj-BF16.gguf', bytes: noise(1000, 1) },
      { path: 'mmproj-F16.gguf', bytes: projector },
    ]);
    const { record } = await bench.order();
    await bench.reaches(record.id, 'complete', 'failed');
    const registered = bench.registry.need('tiny-Q4_K_M');
    expect(registered.capabilities.vision).toBe(true);
    expect(registered.config.launch.mmproj_path).toBe(bench.placed('Q4_K_M', 'mmproj-F16.gguf'));
  });

  test('a draft of another repository is named in the launch settings', async () => {
    await using bench = await startBench(tiny());
    bench.hub.put({ id: 'acme/draft-GGUF', files: [{ path: 'draft-Q8_0.gguf', bytes: model }] });
    const { record } = await bench.order({ draft: { repository: 'acme/draft-GGUF', quantization: null } });
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.reason).toBeNull();
    expect(bench.registry.need('tiny-Q4_K_M').config.launch.draft_model_path).toBe(
      join(bench.modelsDir, 'acme', 'draft-GGUF', 'draft-Q8_0.gguf'),
    );
  });

  test('an MLX repository comes whole, without what nobody needs', async () => {
    const paths = ['README.md', '.gitattributes', 'tokenizer.json', 'code.py'];
    const others = paths.map((path, at) => ({ path, bytes: noise(1000 * (at + 1), at) }));
    await using bench = await startBench([...others, ...mlxFiles()]);
    const { record } = await bench.order();
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.reason).toBeNull();
    const wanted = ['config.json', 'model.safetensors', 'tokenizer.json'];
    expect(bench.files()).toEqual(wanted.map((name) => `${REPOSITORY}/${name}`));
    const [registered] = bench.registry.list();
    expect(registered).toMatchObject({ format: 'mlx', path: bench.placed(), hfId: REPOSITORY, isManaged: true });
  });

  test('an MLX draft is the folder of its repository, and a GGUF one is refused', async () => {
    await using bench = await startBench(mlxFiles());
    bench.hub.put({ id: 'acme/draft-4bit', files: mlxFiles() });
    bench.hub.put({ id: 'acme/draft-GGUF', files: [{ path: 'draft-Q8_0.gguf', bytes: model }] });
    const wrong = bench.order({ draft: { repository: 'acme/draft-GGUF', quantization: null } });
    await expect(wrong).rejects.toThrow('The draft is a GGUF model; an MLX model needs an MLX one.');
    const { record } = await bench.order({ draft: { repository: 'acme/draft-4bit', quantization: null } });
    expect((await bench.reaches(record.id, 'complete', 'failed')).record.reason).toBeNull();
    expect(bench.registry.list()[0]?.config.launch.draft_model_path).toBe(join(bench.modelsDir, 'acme', 'draft-4bit'));
  });
});

describe('pause, resume, cancel', () => {
  test('a paused download keeps what came, asks for nothing, and goes on from there', async () => {
    await using bench = await startBench(tiny(), { connections: 1 });
    slowly(bench);
    const view = await bench.order();
    await underWay(bench, view);
    expect(bench.downloads.pause(view.record.id).record.state).toBe('paused');
    const asked = bench.hub.contentAsked.length;
    bench.hub.recover();
    await bench.restart();
    const held = bench.downloads.need(view.record.id);
    expect(held.record.state).toBe('paused');
    expect(held.bytes).toBeGreaterThan(0);
    expect(bench.hub.contentAsked.length).toBe(asked);
    bench.downloads.resume(view.record.id);
    await bench.reaches(view.record.id, 'complete');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
    expect(Math.min(...startsAsked(bench, asked))).toBeGreaterThan(0);
  });

  test('F-64: what ran goes on by itself after a restart', async () => {
    await using bench = await startBench(tiny(), { connections: 1 });
    slowly(bench);
    const view = await bench.order();
    await underWay(bench, view);
    bench.hub.recover();
    await bench.downloads.close();
    const asked = bench.hub.contentAsked.length;
    await bench.restart();
    await bench.reaches(view.record.id, 'complete');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
    expect(Math.min(...startsAsked(bench, asked))).toBeGreaterThan(0);
  });

  test('F-74: cancel removes its own parts and nothing else', async () => {
    await using bench = await startBench(tiny());
    await Bun.write(bench.placed('notes.txt'), 'mine');
    await Bun.write(join(bench.modelsDir, '.downloads', 'else.part'), 'another');
    slowly(bench);
    const view = await bench.order();
    await underWay(bench, view);
    bench.downloads.cancel(view.record.id);
    const left = ['.downloads/else.part', `${REPOSITORY}/notes.txt`];
    await until('the parts are gone', () => bench.files().length === left.length || null);
    expect(bench.files()).toEqual(left);
    bench.hub.recover();
    bench.downloads.resume(view.record.id);
    await bench.reaches(view.record.id, 'complete');
  });

  test('one that is cancelled while it is paused, and asked for in the same breath, begins anew', async () => {
    await using bench = await startBench(tiny());
    slowly(bench);
    const view = await bench.order();
    await underWay(bench, view);
    bench.downloads.pause(view.record.id);
    await bench.restart();
    bench.hub.recover();
    const again = bench.order();
    bench.downloads.cancel(view.record.id);
    await again;
    await bench.reaches(view.record.id, 'complete', 'failed');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
    expect(bench.troubles).toEqual([]);
  });

  test('a complete download can be neither paused nor cancelled; removing it leaves the model', async () => {
    await using bench = await startBench(tiny());
    const { record } = await bench.order();
    await bench.reaches(record.id, 'complete');
    for (const act of ['pause', 'cancel', 'resume'] as const) {
      expect(faultOf(() => bench.downloads[act](record.id))).toMatchObject({ kind: 'conflict' });
    }
    bench.downloads.remove(record.id);
    expect(bench.downloads.list()).toEqual([]);
    expect(bench.registry.need('tiny-Q4_K_M').isManaged).toBe(true);
    expect(await Bun.file(bench.placed(NAME)).exists()).toBe(true);
  });

  test('whatever is pressed in whatever order, the end is the right file or none', async () => {
    const seed = Math.floor(Math.random() * 1e9);
    const choices = noise(200, seed);
    await using bench = await startBench(tiny(), { connections: 2 });
    bench.hub.spoil(NAME, { kind: 'slow', bytesPerS: 4_000_000 });
    const { record } = await bench.order();
    for (const choice of choices.subarray(0, 60)) {
      const act = (['pause', 'resume', 'cancel', 'resume', 'order', 'restart', 'resume', 'wait'] as const)[choice % 8];
      if (act === 'order') await bench.order();
      else if (act === 'restart') await bench.restart();
      else if (act === 'wait') await Bun.sleep(choice / 4);
      else if (act) faultOf(() => bench.downloads[act](record.id));
    }
    bench.hub.recover();
    if (bench.downloads.need(record.id).record.state !== 'complete') bench.downloads.resume(record.id);
    const done = await bench.reaches(record.id, 'complete', 'failed');
    expect({ seed, state: done.record.state, troubles: bench.troubles }).toEqual({
      seed,
      state: 'complete',
      troubles: [],
    });
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
    expect(bench.files()).toEqual([`${REPOSITORY}/${NAME}`]);
  });
});

test('one at a time unless more are allowed, in the order they were asked for', async () => {
  const files = ['Q4_0', 'Q5_0', 'Q8_0'].map((name) => ({ path: `m-${name}.gguf`, bytes: model }));
  await using bench = await startBench(files);
  slowly(bench);
  const ids: string[] = [];
  for (const name of ['Q4_0', 'Q5_0', 'Q8_0']) ids.push((await bench.order({ quantization: name })).record.id);
  expect(bench.downloads.list().map(({ record }) => record.state)).toEqual(['running', 'queued', 'queued']);
  bench.hub.recover();
  for (const id of ids) await bench.reaches(id, 'complete');
  const endings = bench.downloads.list().map(({ record }) => record.endedAtMs ?? 0);
  expect(endings).toEqual(endings.toSorted((a, b) => a - b));
});

test('records and journals that were damaged cost bytes, not the download', async () => {
  await using bench = await startBench(tiny());
  slowly(bench);
  const view = await bench.order();
  await underWay(bench, view);
  bench.downloads.pause(view.record.id);
  await bench.downloads.close();
  const staging = join(bench.modelsDir, '.downloads', view.record.id);
  writeFileSync(join(staging, '0.json'), '{"ranges":[{"from":0,"to":99999999}]');
  writeFileSync(join(staging, '0.part'), 'not what the journal says');
  bench.hub.recover();
  await bench.restart();
  bench.downloads.resume(view.record.id);
  await bench.reaches(view.record.id, 'complete');
  expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
});

test('a Flow that ended while it put files in place knows them for its own', async () => {
  await using bench = await startBench(tiny());
  const { record } = await bench.order();
  const { record: done } = await bench.reaches(record.id, 'complete');
  bench.registry.remove('tiny-Q4_K_M');
  await bench.downloads.close();
  const files = done.files.map((file) => ({ ...file, placedMs: null, isFetched: false }));
  bench.records.save({ ...done, files, state: 'registering', modelId: null });
  const asked = bench.hub.contentAsked.length;
  await bench.restart();
  await bench.reaches(record.id, 'complete', 'failed');
  expect(bench.registry.need('tiny-Q4_K_M').isManaged).toBe(true);
  expect(bench.hub.contentAsked.length).toBe(asked);
});

test('F-62: a disk that really fills up pauses the download, and room lets it go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-tiny-disk-'));
  // Only where this user may mount one; elsewhere the disk is filled by an injected write (faults.test.ts).
  const mounted = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder]).exitCode === 0;
  try {
    if (!mounted) return;
    const files = [{ path: NAME, bytes: model }];
    await using bench = await startBench(files, { modelsDir: folder, disk: { freeBytes: async () => null } });
    await Bun.write(join(folder, 'ballast'), new Uint8Array(3 << 20));
    const { record } = await bench.order();
    const paused = await bench.reaches(record.id, 'paused', 'failed', 'complete');
    expect(paused.record).toMatchObject({ state: 'paused', reason: { kind: 'disk-full' } });
    rmSync(join(folder, 'ballast'));
    bench.downloads.resume(record.id);
    await bench.reaches(record.id, 'complete', 'paused', 'failed');
    expect(await contentOf(bench.placed(NAME))).toBe(sha256Of(model));
  } finally {
    if (mounted) Bun.spawnSync(['umount', '-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  }
});
