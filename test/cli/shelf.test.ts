// `flow add`, `rm`, `undo` and `alias` against a Flow that runs. What the API does is tested in test/models.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoModel } from '#src/models/demo.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { type Ended, flow as flowAnywhere } from './flow-command.ts';

let root: string;
let gateway: RunningFlow;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'flow-shelf-'));
  mkdirSync(join(root, 'elsewhere'));
  await makeDemoModel(join(root, 'elsewhere', 'mine.gguf'));
  gateway = await startFlow();
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

const flow = (argv: readonly string[], dataDir = gateway.dataDir): Promise<Ended> =>
  flowAnywhere(argv, { environment: { FLOW_PORT: new URL(gateway.url).port, FLOW_DATA_DIR: dataDir } });

test('any file of this user is added by its path; without the proof of that it is refused', async () => {
  const path = join(root, 'elsewhere', 'mine.gguf');
  const refused = await flow(['add', path], join(root, 'no-data'));
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('outside the folders');
  expect(await flow(['add', path])).toMatchObject({ code: 0, stdout: 'mine is registered.\n' });
  expect((await flow(['add', path])).stdout).toBe('mine is registered already.\n');
});

test('without a path, what is new in the models folder is added', async () => {
  await makeDemoModel(join(gateway.dataDir, 'models', 'fresh.gguf'));
  expect((await flow(['add'])).stdout).toBe('fresh is registered.\n');
  expect((await flow(['add'])).stdout).toBe('Nothing new in the models folder.\n');
});

test('a model is given names, loses them, and no name means two models', async () => {
  expect((await flow(['alias', 'mine', 'quick', 'größer'])).stdout).toBe('quick\ngrößer\n');
  expect((await flow(['alias', 'QUICK'])).stdout).toBe('quick\ngrößer\n');
  const taken = await flow(['alias', 'fresh', 'Quick']);
  expect(taken.code).not.toBe(0);
  expect(taken.stderr).toContain('mine');
  expect((await flow(['alias', 'mine', 'QUICK', '--remove'])).stdout).toBe('größer\n');
});

test('a model whose file is gone stays on the list, with the reason', async () => {
  const path = join(root, 'elsewhere', 'mine.gguf');
  renameSync(path, `${path}.away`);
  const gone = async () => {
    const { stdout } = await flow(['models']);
    return stdout.includes('missing') ? stdout : null;
  };
  expect(await until('it is told', gone)).toContain('mine: mine.gguf is no longer in');
  renameSync(`${path}.away`, path);
});

test('a draft is named like every file, from where one stands', async () => {
  const fit = await flow(['fit', 'flow-demo', '--draft', './nowhere.gguf']);
  expect(fit.stderr).toContain('nowhere.gguf');
  expect(fit.stderr).not.toContain('absolute');
});

test('a removed model comes back with its files and names', async () => {
  const path = join(gateway.dataDir, 'models', 'flow-demo.gguf');
  const removed = await flow(['rm', 'flow-demo']);
  expect(removed).toMatchObject({ code: 0, stdout: expect.stringContaining('in the trash') });
  expect(existsSync(path)).toBe(false);
  expect((await flow(['undo'])).stdout).toBe('flow-demo is back.\n');
  expect(existsSync(path)).toBe(true);
  expect((await flow(['undo'])).code).not.toBe(0);
});

test('what lies elsewhere only leaves the list, and half a name removes nothing', async () => {
  const half = await flow(['rm', 'fres']);
  expect(half.stderr).toContain('Did you mean "flow rm fresh"?');
  expect((await flow(['rm', 'mine'])).stdout).toContain('its files stay where they are');
  expect(existsSync(join(root, 'elsewhere', 'mine.gguf'))).toBe(true);
});
