// What a scan of the models folder finds, leaves out and registers. The route over it is tested in routes.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { appendFileSync, chmodSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { copyFile, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { ModelScan } from '#src/models/model-scan.ts';
import { Registry } from '#src/models/registry.ts';
import { findModels } from '#src/models/scan.ts';
import { openStore, type Store } from '#src/store/open.ts';

let root: string;
let modelsDir: string;
let store: Store;
let registry: Registry;
let headers: HeaderCache;
let scan: ModelScan;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flow-scan-'));
  modelsDir = join(root, 'models');
  await mkdir(modelsDir);
  store = openStore(':memory:');
  headers = new HeaderCache();
  const parts = { clock: systemClock, modelsDir: () => modelsDir };
  registry = new Registry({ store, bus: new Bus(), headers, ...parts });
  scan = new ModelScan({ registry, ...parts });
});
afterEach(async () => {
  store.$client.close();
  await rm(root, { recursive: true, force: true });
});

const KNOWN = 1_000;
const at = (...path: string[]): string => join(modelsDir, ...path);
const names = (found: readonly { path: string }[]): string[] =>
  found.map(({ path }) => path.slice(modelsDir.length + 1));

/** A model whose file has rested for a minute. */
async function gguf(...path: string[]): Promise<string> {
  const file = at(...path);
  await mkdir(join(file, '..'), { recursive: true });
  await makeDemoModel(file);
  rested(file);
  return file;
}

function rested(file: string): void {
  const before = new Date(Date.now() - 60_000);
  utimesSync(file, before, before);
}

async function folder(names: readonly string[], ...path: string[]): Promise<void> {
  await mkdir(at(...path), { recursive: true });
  for (const name of names) await writeFile(at(...path, name), '{}');
}

describe('a walk', () => {
  test('F-85: finds every model once, whatever lies in the way, and says what it left out', async () => {
    await gguf('a.gguf');
    await gguf('deep', 'er', 'b.GGUF');
    await gguf('.trash', '1-x', 'c.gguf');
    await gguf('.downloads', '1-x', 'd.gguf');
    await copyFile(at('a.gguf'), at('mmproj-a.gguf'));
    await copyFile(at('a.gguf'), at('a-00002-of-00002.gguf'));
    await symlink(modelsDir, at('deep', 'loop'));
    await symlink('self', at('self'));
    Bun.spawnSync(['mkfifo', at('pipe.gguf')]);
    await symlink('/dev/zero', at('zero.gguf'));
    await symlink('a.gguf', at('link.gguf'));
    await symlink('nothing', at('dangling.gguf'));
    await using _socket = { [Symbol.asyncDispose]: async () => void listener.stop() };
    const listener = Bun.listen({ unix: at('socket.gguf'), socket: { data() {} } });
    const { models, skipped } = await findModels(modelsDir);
    expect(names(models)).toEqual(['a.gguf', 'deep/er/b.GGUF']);
    const reasons = skipped.map(({ path, reason }) => [path.slice(modelsDir.length + 1), reason.slice(0, 12)]);
    expect(reasons).toEqual([
      ['dangling.gguf', 'It is a link'],
      ['link.gguf', 'It is a link'],
      ['pipe.gguf', 'It is not a '],
      ['socket.gguf', 'It is not a '],
      ['zero.gguf', 'It is a link'],
    ]);
    expect(await findModels(join(root, 'none'))).toEqual({ models: [], skipped: [] });
  });

  test('finds MLX folders however they are nested, and not what only looks like one', async () => {
    await folder(['config.json', 'model.safetensors', 'model.py'], 'publisher', 'model');
    await folder(['config.json', 'model-00001-of-00002.safetensors'], 'publisher', 'second');
    await folder(['adapters.safetensors', 'adapter_config.json'], 'publisher', 'model', 'adapters');
    await folder(['config.json', 'a.gguf'], 'gguf-with-config');
    await folder(['model_index.json'], 'pictures');
    await folder(['config.json', 'model.safetensors'], 'pictures', 'text_encoder');
    await folder(['pyvenv.cfg'], 'venv');
    await folder(['config.json', 'model.safetensors'], 'venv', 'lib', 'test-model');
    await folder(['config.json', 'model.safetensors'], 'app', 'node_modules', 'x');
    const { models, skipped } = await findModels(modelsDir);
    expect(models.map(({ path, format }) => [path.slice(modelsDir.length + 1), format])).toEqual([
      ['gguf-with-config/a.gguf', 'gguf'],
      ['publisher/model', 'mlx'],
      ['publisher/second', 'mlx'],
    ]);
    expect(names(skipped)).toEqual(['pictures']);
  });

  test('survives names that are no text, and takes those that are odd', async () => {
    const invalid = Buffer.concat([Buffer.from(at('bad')), Buffer.from([0xff]), Buffer.from('.gguf')]);
    writeFileSync(invalid, '');
    mkdirSync(Buffer.concat([Buffer.from(at('folder')), Buffer.from([0xfe])]));
    await gguf('a\n\u202eb.gguf');
    const { models, skipped } = await findModels(modelsDir);
    expect(names(models)).toEqual(['a\n\u202eb.gguf']);
    expect(skipped.map(({ reason }) => reason.slice(0, 19))).toEqual(['Its name is no text', 'Its name is no text']);
    await scan.scan();
    expect(registry.list().map(({ id }) => id)).toEqual(['ab']);
  });

  test('says where it ended: too deep', async () => {
    await gguf('1', '2', '3', '4', '5', '6', '7', 'in.gguf');
    await gguf('1', '2', '3', '4', '5', '6', '7', '8', 'out.gguf');
    const { models, skipped } = await findModels(modelsDir);
    expect(names(models)).toEqual(['1/2/3/4/5/6/7/in.gguf']);
    expect(skipped).toEqual([{ path: at('1/2/3/4/5/6/7/8'), reason: 'It lies more than 8 folders deep.' }]);
  });

  test.skipIf(process.getuid?.() === 0)('tells of a folder that cannot be read', async () => {
    await folder([], 'locked');
    chmodSync(at('locked'), 0);
    expect((await findModels(modelsDir)).skipped).toMatchObject([{ path: at('locked') }]);
    chmodSync(at('locked'), 0o700);
  });
});

describe('a scan', () => {
  test('registers what is new, and nothing twice', async () => {
    await gguf('a.gguf');
    const [first, joined] = await Promise.all([scan.scan(), scan.scan()]);
    expect(first.added.map(({ id }) => id)).toEqual(['a']);
    expect(joined).toBe(first);
    expect((await scan.scan()).added).toEqual([]);
  });

  test('knows a file by its place on the disk, under whatever spelling it was registered', async () => {
    const path = await gguf('a.gguf');
    await symlink(modelsDir, join(root, 'other'));
    registry.registerLocal(join(root, 'other', 'a.gguf'));
    await link(path, at('A-second-name.gguf'));
    expect((await scan.scan()).added).toEqual([]);
  });

  test('leaves a file alone that is still being copied, and takes it when it is whole', async () => {
    const whole = readFileSync(await gguf('.source', 'a.gguf'));
    const growing = at('growing.gguf');
    writeFileSync(growing, whole.subarray(0, whole.length - 50_000));
    const timer = setInterval(() => appendFileSync(growing, whole.subarray(0, 1)), 20);
    try {
      expect((await scan.scan()).skipped).toMatchObject([{ path: growing, reason: expect.stringContaining('still') }]);
    } finally {
      clearInterval(timer);
    }
    writeFileSync(growing, whole.subarray(0, whole.length - 50_000));
    rested(growing);
    expect((await scan.scan()).skipped).toMatchObject([
      { path: growing, reason: expect.stringContaining('incomplete') },
    ]);
    writeFileSync(growing, whole);
    rested(growing);
    expect((await scan.scan()).added).toHaveLength(1);
  });

  test('does not open again what it refused, until it changes', async () => {
    const path = at('broken.gguf');
    await writeFile(path, 'not a model');
    rested(path);
    const { skipped } = await scan.scan();
    expect(skipped).toMatchObject([{ path }]);
    let asked = 0;
    const factsOf = headers.factsOf.bind(headers);
    headers.factsOf = (wanted) => {
      asked += 1;
      return factsOf(wanted);
    };
    expect((await scan.scan()).skipped).toEqual(skipped);
    expect(asked).toBe(0);
    renameSync(await gguf('.source', 'a.gguf'), path);
    expect((await scan.scan()).added).toHaveLength(1);
    expect(asked).toBeGreaterThan(0);
  });

  test('F-84: of ten thousand known and refused files takes a moment, and holds nobody up', async () => {
    const demo = await gguf('0.gguf');
    const { model } = registry.registerLocal(demo);
    for (let number = 1; number <= 10_000; number += 1) {
      const path = at(number <= KNOWN ? `${number}.gguf` : `broken-${number}.gguf`);
      writeFileSync(path, '');
      rested(path);
    }
    const { id: _id, createdAtMs: _made, updatedAtMs: _changed, aliases: _aliases, ...facts } = model;
    store.$client.run('BEGIN');
    for (let number = 1; number <= KNOWN; number += 1) {
      registry.add({ ...facts, id: `${crypto.randomUUID()}`, path: at(`${number}.gguf`), sizeBytes: 0 });
    }
    store.$client.run('COMMIT');
    await scan.scan();
    let turns = 0;
    const beat = setInterval(() => {
      turns += 1;
    }, 0);
    const startedMs = performance.now();
    const { added, skipped } = await scan.scan();
    const tookMs = performance.now() - startedMs;
    clearInterval(beat);
    expect([added.length, skipped.length]).toEqual([0, 10_000 - KNOWN]);
    // Measured 62 ms; a machine that is busy takes longer, one that looks at each for each a hundred times as long.
    expect(tookMs).toBeLessThan(10_000);
    // Counted, not timed: others have their turn after each five hundred.
    expect(turns).toBeGreaterThan(5);
  }, 180_000);
});
