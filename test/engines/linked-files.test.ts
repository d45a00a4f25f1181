// Which files an engine may read for a model that is a link, as in download caches. Other roots: llama-server.test.ts.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { llamaServer } from '#src/engines/llama-server.ts';
import { someLaunch, someModel, somePlan } from './support/plan.ts';

let folder = '';
const adapter = llamaServer({ environment: {}, allowedRoots: () => [], featuresOf: () => null });

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-linked-')));
  for (const name of ['blobs', 'snapshot']) mkdirSync(join(folder, name));
  for (const name of ['model', 'projector']) {
    writeFileSync(join(folder, 'blobs', name), '');
    symlinkSync(join('..', 'blobs', name), join(folder, 'snapshot', `${name}.gguf`));
  }
  writeFileSync(join(folder, 'secret'), '');
  symlinkSync(join('..', 'secret'), join(folder, 'snapshot', 'secret.gguf'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const commandWith = (name: string): readonly string[] => {
  const model = someModel(join(folder, 'snapshot', 'model.gguf'));
  const launch = someLaunch({ mmproj_path: join(folder, 'snapshot', name) });
  return adapter.command(somePlan({ model, launch })).argv;
};

test('a projector whose file lies where the file of the model really is', () => {
  expect(commandWith('projector.gguf')).toContain(join(folder, 'blobs', 'projector'));
});

test('a link beside the model that leads elsewhere is refused', () => {
  expect(() => commandWith('secret.gguf')).toThrow('outside the folders');
});
