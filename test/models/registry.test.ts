// The list of models, their files, and what may be deleted. The routes over it are tested in routes.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus, type FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { type GgufValue, writeGguf } from '#src/gguf/write.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache, stampOf } from '#src/models/header-cache.ts';
import { EMPTY_CONFIG } from '#src/models/model.ts';
import { Registry } from '#src/models/registry.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let root: string;
let modelsDir: string;
let store: Store;
let clock: FakeClock;
let events: FlowEvent[];
let registry: Registry;

const build = (): Registry => {
  const bus = new Bus();
  bus.subscribe((event) => events.push(event));
  return new Registry({ store, bus, clock, headers: new HeaderCache(), modelsDir: () => modelsDir });
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flow-registry-'));
  modelsDir = join(root, 'models');
  await mkdir(modelsDir);
  store = openStore(':memory:');
  clock = new FakeClock();
  events = [];
  registry = build();
});
afterEach(async () => {
  store.$client.close();
  await rm(root, { recursive: true });
});

const gguf = async (...path: string[]): Promise<string> => {
  const file = join(modelsDir, ...path);
  await mkdir(join(file, '..'), { recursive: true });
  await makeDemoModel(file);
  return file;
};
const LLAMA = new Map<string, GgufValue>([['general.architecture', { type: 'string', value: 'llama' }]]);
const projector = (path: string) =>
  writeGguf(path, { metadata: new Map([['general.architecture', { type: 'string', value: 'clip' }]]), tensors: [] });

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
  throw new Error('nothing was thrown');
}

test('what was registered is there after a restart', async () => {
  const path = await gguf('Some-Model-Q4_K_M.gguf');
  const { model, isNew } = registry.registerLocal(path);
  expect(isNew).toBe(true);
  expect(model).toMatchObject({
    id: 'Some-Model-Q4_K_M',
    trainedContextTokens: 262_144,
    isManaged: false,
    isDemo: false,
  });
  registry.updateConfig(model.id, { is_pinned: true, launch: { ctx_size: 2048 } });
  registry.setAliases(model.id, ['fast']);
  expect(build().list()).toEqual(registry.list());
  expect(registry.find('some-model-q4_k_m')?.aliases).toEqual(['fast']);
  expect(events.map((event) => event.type)).toEqual(['model-added', 'model-changed', 'model-changed']);
});

test('the same file is registered once', async () => {
  const path = await gguf('a.gguf');
  const first = registry.registerLocal(path);
  expect(registry.registerLocal(path, 'other')).toEqual({ model: first.model, isNew: false });
});

test('a second file of the same name gets a readable id of its own', async () => {
  registry.registerLocal(await gguf('x', 'model.gguf'));
  expect(registry.registerLocal(await gguf('y', 'MODEL.gguf')).model.id).toBe('MODEL-2');
  expect(registry.registerLocal(await gguf('z', 'model.gguf')).model.id).toBe('model-3');
});

test('ids lose what would not show or not travel', async () => {
  const { model } = registry.registerLocal(await gguf('a.gguf'), ' /my\u202e model\n/ ');
  expect(model.id).toBe('my model');
});

test('half a character, given or left by a cut, is in no name: no address can hold it', async () => {
  const given = registry.registerLocal(await gguf('a.gguf'), 'lone \ud800 half').model;
  const cut = registry.registerLocal(await gguf('b.gguf'), `${'x'.repeat(199)}\u{1f600}`).model;
  const second = registry.registerLocal(await gguf('c.gguf'), `${'y'.repeat(191)}\u{1f600}${'y'.repeat(7)}`).model;
  const twin = registry.registerLocal(await gguf('d.gguf'), second.name).model;
  for (const { id, name } of [given, cut, second, twin])
    expect([id, name].every((text) => text.isWellFormed())).toBe(true);
  expect(cut.id).toBe('x'.repeat(199));
});

test('a name for people keeps its joiners, and loses line ends and what turns the text round', async () => {
  const { model } = registry.registerLocal(await gguf('a.gguf'), ' می\u200cخواهم\n\u202egpj.exe\u2066 ');
  expect(model.name).toBe('می\u200cخواهمgpj.exe');
  expect(model.id).toBe('میخواهمgpj.exe');
});

describe('a configuration', () => {
  test('is merged field by field; null takes a field back', async () => {
    const { id } = registry.registerLocal(await gguf('a.gguf')).model;
    registry.updateConfig(id, { launch: { ctx_size: 2048, threads: 2 }, cooldown_s: 60 });
    registry.updateConfig(id, { launch: { threads: null, n_parallel: 1 } });
    expect(registry.need(id).config).toEqual({
      ...EMPTY_CONFIG,
      launch: { ctx_size: 2048, n_parallel: 1 },
      cooldown_s: 60,
    });
    expect(registry.resetConfig(id).config.launch).toEqual({});
  });

  test('with a mistake changes nothing and names it', async () => {
    const { id } = registry.registerLocal(await gguf('a.gguf')).model;
    for (const [patch, named] of [
      [{ launch: { n_parallel: -4 } }, 'n_parallel'],
      [{ launch: { nonsense: 1 } }, 'nonsense'],
      [{ cooldown_s: 'long' }, 'cooldown_s'],
      [{ temperature: 1 }, 'temperature'],
    ] as const) {
      const fault = faultOf(() => registry.updateConfig(id, patch));
      expect(fault.kind).toBe('invalid-request');
      expect(fault.message).toContain(named);
    }
    expect(registry.need(id).config).toEqual(EMPTY_CONFIG);
  });

  test('cannot give a name that another model has', async () => {
    const one = registry.registerLocal(await gguf('one.gguf')).model;
    const two = registry.registerLocal(await gguf('two.gguf')).model;
    expect(faultOf(() => registry.setAliases(two.id, ['ONE'])).kind).toBe('conflict');
    registry.setAliases(one.id, ['quick']);
    expect(faultOf(() => registry.setAliases(two.id, ['Quick'])).kind).toBe('conflict');
    expect(registry.registerLocal(await gguf('q', 'quick.gguf')).model.id).toBe('quick-2');
  });

  test('cannot give a name that a request could not tell from another', async () => {
    const one = registry.registerLocal(await gguf('one.gguf')).model;
    const two = registry.registerLocal(await gguf('two.gguf')).model;
    const named = (name: string) => ({ variants: [{ name, behaviour: {} }] });
    for (const name of ['one:latest', 'ONE.gguf']) {
      expect(faultOf(() => registry.setAliases(two.id, [name])).kind).toBe('conflict');
      expect(faultOf(() => registry.updateConfig(one.id, named(name))).kind).toBe('conflict');
    }
    // Both would be asked for by the same name, and neither would answer.
    expect(registry.registerLocal(await gguf('o', 'one.gguf'), 'one:latest').model.id).toBe('one:latest-2');
  });
});

describe('a file that is no model is refused with what it is:', () => {
  test.each([
    ['a text', 'notes.gguf', 'does not begin like a GGUF file'],
    ['an MLX folder without weights', 'mlx', 'empty or cut off'],
    ['a folder', 'folder', 'is a folder'],
    ['a projector', 'mmproj.gguf', 'vision projector'],
    ['nothing', 'none.gguf', 'no file'],
  ])('%s', async (_what, name, sentence) => {
    await writeFile(join(modelsDir, 'notes.gguf'), 'root:x:0:0 secret\n'.repeat(10));
    await mkdir(join(modelsDir, 'mlx'));
    await mkdir(join(modelsDir, 'folder'));
    await writeFile(join(modelsDir, 'mlx', 'config.json'), '{}');
    await writeFile(join(modelsDir, 'mlx', 'weights.safetensors'), '');
    await projector(join(modelsDir, 'mmproj.gguf'));
    const fault = faultOf(() => registry.registerLocal(join(modelsDir, name)));
    expect(fault.message).toContain(sentence);
    expect(fault.message).not.toContain('secret');
    expect(registry.list()).toHaveLength(0);
  });

  test.each([
    ['a name too long for any disk', () => 'x'.repeat(300)],
    ['a link to itself', async () => symlink('self.gguf', join(modelsDir, 'self.gguf')).then(() => 'self.gguf')],
    ['a path through a file', async () => writeFile(join(modelsDir, 'file'), '').then(() => 'file/model.gguf')],
  ])('%s (S-15)', async (_what, make) => {
    const path = join(modelsDir, await make());
    expect(faultOf(() => registry.registerLocal(path)).kind).toBe('not-found');
    expect(stampOf(path)).toBeNull();
  });

  test('a relative path', () => {
    expect(faultOf(() => registry.registerLocal('a.gguf')).kind).toBe('invalid-request');
  });
});

test('shards are one model; a missing one is named', async () => {
  const shards = [1, 2, 3].map((number) => join(modelsDir, `big-Q8_0-0000${number}-of-00003.gguf`));
  const count = (value: number) => ({ type: 'uint32' as const, value });
  for (const [index, path] of shards.entries()) {
    await writeGguf(path, {
      metadata: new Map<string, GgufValue>([
        ['general.architecture', { type: 'string', value: 'llama' }],
        ['split.count', count(3)],
        ['split.no', count(index)],
      ]),
      tensors: [{ name: `t${index}`, shape: [64], type: 'f32', fill: () => {} }],
    });
  }
  const { model } = registry.registerLocal(shards[1] ?? '');
  expect(model).toMatchObject({ id: 'big-Q8_0', path: shards[0] ?? '' });
  expect(model.sizeBytes).toBe(shards.reduce((sum, path) => sum + Bun.file(path).size, 0));
  await rm(shards[2] ?? '');
  registry.remove(model.id);
  const fault = faultOf(() => registry.registerLocal(shards[0] ?? ''));
  expect(fault.message).toContain('1 of the 3 parts');
  expect(fault.hint).toContain('00003-of-00003');
});

test('a projector beside its model is used with it, and one of another model is not', async () => {
  await gguf('vl', 'Vision-3B-Q4_K_M.gguf');
  await projector(join(modelsDir, 'vl', 'mmproj-F16.gguf'));
  const own = registry.registerLocal(join(modelsDir, 'vl', 'Vision-3B-Q4_K_M.gguf')).model;
  expect(own.capabilities.vision).toBe(true);
  expect(own.config.launch.mmproj_path).toBe(join(modelsDir, 'vl', 'mmproj-F16.gguf'));
  await projector(join(modelsDir, 'mmproj-Vision-3B-f16.gguf'));
  await gguf('Text-7B-Q8_0.gguf');
  await gguf('Vision-3B-Q8_0.gguf');
  expect(registry.registerLocal(join(modelsDir, 'Text-7B-Q8_0.gguf')).model.capabilities.vision).toBe(false);
  expect(registry.registerLocal(join(modelsDir, 'Vision-3B-Q8_0.gguf')).model.capabilities.vision).toBe(true);
});

describe('the demo', () => {
  test('is made on a first start', async () => {
    await registry.ensureDemo();
    const [demo] = registry.list();
    expect(demo).toMatchObject({ id: 'flow-demo', name: 'Flow Demo', isDemo: true, isManaged: true });
    expect(existsSync(demo?.path ?? '')).toBe(true);
  });

  test('stays away once deleted', async () => {
    await registry.ensureDemo();
    registry.remove('flow-demo');
    await rm(join(modelsDir, 'flow-demo.gguf'));
    await build().ensureDemo();
    expect(registry.list()).toHaveLength(0);
    expect(existsSync(join(modelsDir, 'flow-demo.gguf'))).toBe(false);
  });

  test('does not come when there are models already', async () => {
    registry.registerLocal(await gguf('a.gguf'));
    await registry.ensureDemo();
    expect(registry.list()).toHaveLength(1);
  });

  test('is made again when its file was lost', async () => {
    await registry.ensureDemo();
    await rm(join(modelsDir, 'flow-demo.gguf'));
    await registry.ensureDemo();
    expect(existsSync(join(modelsDir, 'flow-demo.gguf'))).toBe(true);
  });
});

test('before a load files are read again only when they are others; a projector chosen elsewhere stays chosen', async () => {
  const path = await gguf('a.gguf');
  const { id } = registry.registerLocal(path).model;
  const seeing = registry.updateConfig(id, { launch: { mmproj_path: join(root, 'eyes.gguf') } });
  expect(registry.asItLies(id)).toBe(seeing);
  await writeGguf(path, { metadata: LLAMA, tensors: [{ name: 't', shape: [64], type: 'f32', fill: () => {} }] });
  expect(registry.asItLies(id)).toMatchObject({ trainedContextTokens: null, capabilities: { vision: true } });
  expect(registry.asItLies(id)).toBe(registry.need(id));
  // Of what happened before it was started, a new Flow knows nothing.
  await makeDemoModel(path);
  registry = build();
  expect(registry.asItLies(id).trainedContextTokens).toBe(seeing.trainedContextTokens);
  await rm(path);
  expect(registry.asItLies(id)).toBe(registry.need(id));
});

test('a replaced file is read again on request', async () => {
  const path = await gguf('a.gguf');
  const { id, sizeBytes } = registry.registerLocal(path).model;
  await writeGguf(`${path}.new`, {
    metadata: LLAMA,
    tensors: [{ name: 't', shape: [64], type: 'f32', fill: () => {} }],
  });
  await rename(`${path}.new`, path);
  expect(registry.refresh(id).sizeBytes).toBeLessThan(sizeBytes);
  expect(registry.need(id).trainedContextTokens).toBeNull();
});
