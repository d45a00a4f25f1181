/** Which rows of a broken database are taken over: those that this Flow could have written. Damage: `open.test.ts`. */
import { afterAll, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint, Model } from '#src/models/model.ts';
import { closeStore, openStore } from '#src/store/open.ts';
import { salvage } from '#src/store/salvage.ts';
import { models } from '#src/store/schema.ts';
import { someModel } from '#test/engines/support/plan.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-salvage-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let place = '';
beforeEach(() => {
  place = mkdtempSync(join(root, 'case-'));
});

const ENDPOINT: Endpoint = { baseUrl: 'http://10.0.0.2:8080', engine: 'openai', modelName: 'theirs' };

function takenOver(model: Model): boolean {
  const path = join(place, 'broken.db');
  const broken = openStore(path);
  broken
    .insert(models)
    .values({ ...model, aliases: [] })
    .run();
  closeStore(broken);
  const into = openStore(join(place, 'new.db'));
  const { models: count } = salvage(path, into);
  const kept = into.select().from(models).all();
  closeStore(into);
  expect(kept.length).toBe(count);
  return count === 1;
}

test.each<[what: string, model: Partial<Model>, isTaken: boolean]>([
  ['a GGUF file', {}, true],
  ['an MLX folder', { format: 'mlx', path: '/models/Tiny-4bit' }, true],
  ['a model served elsewhere, without files here', { path: '', endpoint: ENDPOINT }, true],
  ['a server below a path', { path: '', endpoint: { ...ENDPOINT, baseUrl: 'https://llm.example/api' } }, true],
  ['a model without files and without a server', { path: '' }, false],
  ['a path that is not absolute', { path: 'models/a.gguf' }, false],
  ['a server whose address is none', { path: '', endpoint: { ...ENDPOINT, baseUrl: 'file:///etc/passwd' } }, false],
])('%s', (_what, differences, isTaken) => {
  expect(takenOver(someModel('/models/a.gguf', differences))).toBe(isTaken);
});

test('one row whose configuration is no JSON any more does not cost the others', () => {
  const path = join(place, 'broken.db');
  const broken = openStore(path);
  for (const id of ['first', 'damaged', 'last']) {
    broken
      .insert(models)
      .values({ ...someModel(`/models/${id}.gguf`), id, aliases: [] })
      .run();
  }
  broken.$client.run(`UPDATE models SET config = '{"launch' WHERE id = 'damaged'`);
  closeStore(broken);
  const into = openStore(join(place, 'new.db'));
  expect(salvage(path, into).models).toBe(2);
  const kept = into.select().from(models).all();
  closeStore(into);
  expect(kept.map(({ id }) => id).sort()).toEqual(['first', 'last']);
});
