// Removing models, with or without their files, and having them back. The race is in removal-races.test.ts.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { writeGguf } from '#src/gguf/write.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { Registry } from '#src/models/registry.ts';
import { RemovalRecords } from '#src/models/removal-records.ts';
import { Removals } from '#src/models/removals.ts';
import { moveToTrash, TRASH_KEPT_MS } from '#src/models/trash.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { waitUntil } from '#test/support/wait-until.ts';

let root: string;
let modelsDir: string;
let store: Store;
let clock: FakeClock;
let forgotten: string[];
let registry: Registry;
let removals: Removals;

const openRegistry = () =>
  new Registry({ store, bus: new Bus(), clock, headers: new HeaderCache(), modelsDir: () => modelsDir });
const openRemovals = () =>
  new Removals({
    registry,
    records: new RemovalRecords(join(root, 'removals')),
    clock,
    modelsDir: () => modelsDir,
    onForgotten: (modelId) => forgotten.push(modelId),
    log: () => {},
  });

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'flow-removals-'));
  modelsDir = join(root, 'models');
  await mkdir(modelsDir);
  store = openStore(':memory:');
  clock = new FakeClock();
  forgotten = [];
  registry = openRegistry();
  removals = openRemovals();
});
afterEach(async () => {
  removals[Symbol.dispose]();
  store.$client.close();
  await rm(root, { recursive: true });
});

const trash = (): string[] => (existsSync(join(modelsDir, '.trash')) ? readdirSync(join(modelsDir, '.trash')) : []);

async function managed(...path: string[]): Promise<{ id: string; path: string }> {
  const file = join(modelsDir, ...path);
  await mkdir(join(file, '..'), { recursive: true });
  await makeDemoModel(file);
  const { model } = registry.registerLocal(file, undefined, { isManaged: true });
  return { id: model.id, path: file };
}

function faultOf(act: () => unknown): Fault {
  try {
    act();
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
  throw new Error('nothing was thrown');
}

function tokenOf({ undo }: { undo: { token: string } | null }): string {
  if (undo === null) throw new Error('it cannot be undone');
  return undo.token;
}

describe('deleting', () => {
  test('takes managed files to the trash, and for good ten minutes later', async () => {
    const { id } = await managed('owner', 'repo', 'model.gguf');
    expect(removals.remove(id, 'delete')).toMatchObject({ files: 'deleted', needed: [] });
    expect(registry.find(id)).toBeNull();
    expect(existsSync(join(modelsDir, 'owner'))).toBe(false);
    const [entry] = trash();
    expect(existsSync(join(modelsDir, '.trash', entry ?? '', 'model.gguf'))).toBe(true);
    expect(forgotten).toEqual([]);
    clock.advance(TRASH_KEPT_MS + 1_001);
    await waitUntil('the trash is empty', () => trash().length === 0 && forgotten.length === 1);
    expect(forgotten).toEqual([id]);
    expect(readdirSync(join(root, 'removals'))).toEqual([]);
  });

  test('waits with one timer for all that was removed, and takes each when it is due', async () => {
    const paths = Array.from({ length: 12 }, (_, index) => `model-${index}.gguf`);
    for (const path of paths) {
      const { id } = await managed(path);
      removals.remove(id, 'delete');
      clock.advance(2_000);
      expect(clock.armedCount).toBe(1);
    }
    clock.advance(TRASH_KEPT_MS - 19_000);
    await waitUntil('the first three are gone', () => trash().length === 9 && forgotten.length === 3);
    clock.advance(18_000);
    await waitUntil('the trash is empty', () => trash().length === 0 && forgotten.length === 12);
    expect(clock.armedCount).toBe(0);
  });

  test('waits no longer, and without spinning, when the clock is set back by years', async () => {
    const { id } = await managed('model.gguf');
    removals.remove(id, 'delete');
    clock.jump(-3 * 365 * 86_400_000);
    clock.advance(TRASH_KEPT_MS + 1_001);
    await waitUntil('the model is forgotten', () => forgotten.length === 1);
    expect(clock.armedCount).toBe(1);
  });

  test('never touches a file that Flow did not put there', async () => {
    const path = join(modelsDir, 'own.gguf');
    await makeDemoModel(path);
    const { id } = registry.registerLocal(path).model;
    expect(removals.remove(id, 'delete').files).toBe('kept');
    expect(existsSync(path)).toBe(true);
    expect(registry.find(id)).toBeNull();
  });

  test('leaves a file alone that somebody put in the place of ours', async () => {
    const { id, path } = await managed('a.gguf');
    await writeFile(path, 'the work of years');
    expect(faultOf(() => removals.remove(id, 'delete')).message).toContain('not the one that Flow put there');
    expect(removals.remove(id, 'keep').files).toBe('kept');
    expect(await Bun.file(path).text()).toBe('the work of years');
  });

  test.each(['a link in its place', 'a linked folder', 'a place outside', 'a linked trash'])(
    'S-16: does not follow %s',
    async (what) => {
      const canary = join(root, 'outside', 'model.gguf');
      await mkdir(join(root, 'outside'));
      await makeDemoModel(canary);
      const { path } = await managed('repo', 'model.gguf');
      const at = what === 'a place outside' ? canary : path;
      const { id } = registry.registerLocal(at, undefined, { isManaged: true }).model;
      if (what === 'a link in its place') await rm(path).then(() => symlink(canary, path));
      if (what === 'a linked folder') {
        await rm(join(modelsDir, 'repo'), { recursive: true });
        await symlink(join(root, 'outside'), join(modelsDir, 'repo'));
      }
      if (what === 'a linked trash') await symlink(join(root, 'outside'), join(modelsDir, '.trash'));
      expect(faultOf(() => removals.remove(id, 'delete')).kind).toBe('conflict');
      expect(registry.find(id)).not.toBeNull();
      expect(readdirSync(join(root, 'outside'))).toEqual(['model.gguf']);
      expect(removals.list()).toEqual([]);
    },
  );

  test('is refused, not broken off, when the models folder has become another that does not exist', async () => {
    const { path } = await managed('a.gguf');
    const elsewhere = join(root, 'not-made');
    expect(faultOf(() => moveToTrash([path], elsewhere, 'a', 0)).kind).toBe('conflict');
    expect(existsSync(path)).toBe(true);
  });

  test('works when the file is gone already', async () => {
    const { id, path } = await managed('gone.gguf');
    await rm(path);
    removals.remove(id, 'delete');
    expect(registry.list()).toHaveLength(0);
  });

  test.skipIf(process.getuid?.() === 0)(
    'of what may not be changed is said in words, and changes nothing',
    async () => {
      const { id, path } = await managed('repo', 'a.gguf');
      chmodSync(join(modelsDir, 'repo'), 0o500);
      const fault = faultOf(() => removals.remove(id, 'delete'));
      chmodSync(join(modelsDir, 'repo'), 0o700);
      expect([fault.kind, fault.message]).toEqual(['conflict', expect.stringContaining('may not change')]);
      expect(existsSync(path)).toBe(true);
      expect(registry.find(id)).not.toBeNull();
    },
  );

  test('S-16: keeps what another model needs: a projector, a draft, the same file', async () => {
    const first = await managed('repo', 'a-Q4_K_M.gguf');
    const projector = join(modelsDir, 'repo', 'mmproj-a.gguf');
    const clip = new Map([['general.architecture', { type: 'string' as const, value: 'clip' }]]);
    await writeGguf(projector, { metadata: clip, tensors: [] });
    const second = await managed('repo', 'a-Q8_0.gguf');
    registry.updateConfig(first.id, { launch: { mmproj_path: projector } });
    registry.updateConfig(second.id, { launch: { mmproj_path: projector } });
    expect(removals.remove(first.id, 'delete')).toMatchObject({
      files: 'deleted',
      needed: [{ path: projector, usedBy: [second.id] }],
    });
    expect(existsSync(projector)).toBe(true);
    const draft = await managed('small', 'b.gguf');
    registry.updateConfig(second.id, { launch: { draft_model_path: draft.path } });
    expect(removals.remove(draft.id, 'delete')).toMatchObject({ files: 'kept', needed: [{ usedBy: [second.id] }] });
    expect(existsSync(draft.path)).toBe(true);
    expect(removals.remove(second.id, 'delete')).toMatchObject({ files: 'deleted', needed: [] });
    expect(existsSync(projector)).toBe(false);
  });
});

describe('undoing', () => {
  test('brings back files and all that was chosen, also after a restart', async () => {
    const { id, path } = await managed('owner', 'repo', 'model.gguf');
    clock.advance(1);
    await managed('later.gguf');
    registry.updateConfig(id, {
      is_pinned: true,
      launch: { ctx_size: 4096 },
      variants: [{ name: 'calm', behaviour: { temperature: 0.1 } }],
    });
    registry.setAliases(id, ['fast']);
    const before = registry.list();
    const bytes = await Bun.file(path).bytes();
    const token = tokenOf(removals.remove(id, 'delete'));
    removals[Symbol.dispose]();
    registry = openRegistry();
    removals = openRemovals();
    expect(removals.holds(id)).toBe(true);
    expect(removals.undo(token).id).toBe(id);
    expect(registry.list()).toEqual(before);
    expect(openRegistry().list()).toEqual(before);
    expect(await Bun.file(path).bytes()).toEqual(bytes);
    expect(trash()).toEqual([]);
    expect(removals.list()).toEqual([]);
    clock.advance(TRASH_KEPT_MS * 2);
    await Bun.sleep(0);
    expect(existsSync(path)).toBe(true);
    expect(forgotten).toEqual([]);
  });

  test('brings back a model that only left the list', async () => {
    const path = join(modelsDir, 'own.gguf');
    await makeDemoModel(path);
    const { model } = registry.registerLocal(path);
    removals.undo(tokenOf(removals.remove(model.id, 'keep')));
    expect(registry.need(model.id)).toEqual(model);
  });

  test('takes a whole folder there and back by one rename', async () => {
    const folder = join(modelsDir, 'owner', 'mlx');
    await mkdir(join(folder, 'deep'), { recursive: true });
    await writeFile(join(folder, 'config.json'), '{}');
    await symlink('/etc', join(folder, 'deep', 'link'));
    const capabilities = { tools: false, thinking: false, vision: false, embedding: false };
    const facts = { hfId: null, quantization: null, sizeBytes: 2, trainedContextTokens: null, capabilities };
    const { id } = registry.add({ id: 'm', name: 'm', format: 'mlx', path: folder, isManaged: true, ...facts });
    const token = tokenOf(removals.remove(id, 'delete'));
    expect(existsSync(join(modelsDir, 'owner'))).toBe(false);
    removals.undo(token);
    expect(readdirSync(folder).toSorted()).toEqual(['config.json', 'deep']);
    removals.remove(id, 'delete');
    expect(await removals.empty()).toBe(1);
    expect(trash()).toEqual([]);
    expect(existsSync('/etc/passwd')).toBe(true);
  });

  test('never writes over what is new in its place, and can be tried again', async () => {
    const { id, path } = await managed('repo', 'model.gguf');
    const token = tokenOf(removals.remove(id, 'delete'));
    await mkdir(join(modelsDir, 'repo'));
    await writeFile(path, 'new');
    expect(faultOf(() => removals.undo(token)).message).toContain('There is a new model.gguf');
    expect(await Bun.file(path).text()).toBe('new');
    expect(registry.find(id)).toBeNull();
    await rm(path);
    removals.undo(token);
    expect(registry.find(id)).not.toBeNull();
  });

  test('is refused when its name is another model’s by now, and leaves the files in the trash', async () => {
    const { id } = await managed('repo', 'model.gguf');
    const token = tokenOf(removals.remove(id, 'delete'));
    const other = await managed('other', 'model.gguf');
    expect(faultOf(() => removals.undo(token)).message).toContain('has its name or its place');
    expect(trash()).toHaveLength(1);
    removals.remove(other.id, 'keep');
    expect(removals.undo(token).id).toBe(id);
  });

  test('is over after ten minutes, with a token of nobody, and when the trash was emptied', async () => {
    const { id } = await managed('a.gguf');
    const token = tokenOf(removals.remove(id, 'delete'));
    expect(faultOf(() => removals.undo('../../x')).kind).toBe('not-found');
    clock.advance(TRASH_KEPT_MS);
    expect(faultOf(() => removals.undo(token)).kind).toBe('not-found');
    const second = await managed('b.gguf');
    const late = tokenOf(removals.remove(second.id, 'delete'));
    await removals.empty();
    expect(faultOf(() => removals.undo(late)).kind).toBe('not-found');
  });

  test('is not offered where nothing can be written down; the files go all the same', async () => {
    await writeFile(join(root, 'removals'), 'a file where the folder should be');
    const { id, path } = await managed('a.gguf');
    expect(removals.remove(id, 'delete')).toMatchObject({ files: 'deleted', undo: null });
    expect(existsSync(path)).toBe(false);
    expect(trash()).toHaveLength(1);
    clock.advance(TRASH_KEPT_MS + 1_000);
    await waitUntil('the trash is empty', () => trash().length === 0);
  });

  test('can be tried again when the list could not be written, with all that was chosen', async () => {
    const { id, path } = await managed('a.gguf');
    registry.configure(id, (config) => ({ ...config, cooldown_s: 77 }));
    const token = tokenOf(removals.remove(id, 'delete'));
    const { restore } = registry;
    registry.restore = () => {
      throw new Error('database or disk is full');
    };
    expect(() => removals.undo(token)).toThrow('full');
    expect(existsSync(path)).toBe(true);
    registry.restore = restore;
    removals = openRemovals();
    expect(removals.undo(token).config.cooldown_s).toBe(77);
    expect(existsSync(path)).toBe(true);
    expect(removals.list()).toEqual([]);
  });

  test('obeys no record that Flow cannot have written', async () => {
    await mkdir(join(root, 'removals'));
    await writeFile(join(root, 'removals', 'x.json'), '{"token":"x"}');
    await writeFile(join(root, 'removals', 'y.json'), 'not json');
    removals = openRemovals();
    expect(removals.list()).toEqual([]);
  });
});
