// Carrying out a plan: what it does to others meanwhile. What is taken and what not: readers.test.ts, imports.test.ts.
import { expect, test } from 'bun:test';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImportServices, performImport } from '#src/imports/perform.ts';
import { plannedModel } from '#src/imports/plan.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';

test('an import of many models lets others have their turn between two of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-perform-'));
  const paths = Array.from({ length: 12 }, (_, index) => join(folder, `m${index}.gguf`));
  await makeDemoModel(paths[0] ?? '');
  for (const path of paths.slice(1)) copyFileSync(paths[0] ?? '', path);
  let turns = 0;
  const ticking = setInterval(() => {
    turns += 1;
  }, 0);
  const turnsAtCalls: number[] = [];
  const registry = {
    registerLocal: (path: string, id: string) => {
      turnsAtCalls.push(turns);
      Bun.sleepSync(5);
      return { model: { id, path, aliases: [] }, isNew: true };
    },
    configure: () => {},
  };
  const services = {
    registry,
    presets: { list: () => [] },
    settings: {},
    machine: () => ({ models: [], headers: new HeaderCache(), rootsFor: () => [], templatesDir: folder }),
  } as unknown as ImportServices;
  const models = paths.map((path, index) => plannedModel(`m${index}`, path));
  const { models: taken } = await performImport({ models, settings: {}, presets: [], notTaken: [] }, services, false);
  clearInterval(ticking);
  expect(taken.map(({ outcome }) => outcome)).toEqual(paths.map(() => 'new'));
  expect(new Set(turnsAtCalls).size).toBe(paths.length);
  rmSync(folder, { recursive: true });
});
