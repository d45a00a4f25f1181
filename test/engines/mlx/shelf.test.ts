/**
 * MLX servers in Python environments, over tiny packages that the test makes: installing, keeping, removing. The real
 * servers' installation is in `real-install.test.ts`, what decides the packages in `package-set.test.ts`.
 */
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { quickestWaitMs } from '#test/support/quickest.ts';
import { until } from '#test/support/running-flow.ts';
import { shelfBench } from './support/shelf-bench.ts';

const never = new AbortController().signal;
const faultOf = (promise: Promise<unknown>): Promise<Fault> =>
  promise.then(
    () => Promise.reject(new Error('It succeeded')),
    (cause: unknown) => (cause instanceof Fault ? cause : Promise.reject(cause)),
  );

describe.each(['any', 'pip'] as const)('with %s', (tool) => {
  test('a version is installed, tried, and its options are known without starting it again', async () => {
    await using here = await shelfBench({ tool });
    const { shelf } = here;
    const engine = await shelf.add('9.1', never, () => {});
    expect(engine).toMatchObject({ kind: 'mlx-lm', id: 'mlx-lm-9.1', version: '9.1', origin: 'installed' });
    expect(engine.executable).toBe(join(here.installDir, 'mlx-lm-9.1', 'bin', 'mlx_lm.server'));
    expect(Object.fromEntries(shelf.optionsOf(engine) ?? [])).toEqual({
      '--help': null,
      '--port': null,
      '--log-level': ['DEBUG', 'INFO'],
    });
    expect(shelf.sizeOf(engine)).toBeGreaterThan(1_000);
    expect(here.steps.map(({ phase }) => phase)).toContainValues(['looking', 'downloading', 'testing', 'done']);
    expect(here.steps.at(-1)?.source ?? '').toMatch(tool === 'pip' ? /^pip$/ : /^(uv|pip)$/);
    expect(existsSync(join(here.installDir, 'mlx-lm-9.1', '.making'))).toBe(false);
  }, 180_000);
});

test('the newest is found out, put beside the other, and does not take its place', async () => {
  await using here = await shelfBench({ versions: { '9.1': 'sound', '9.2': 'sound' } });
  const { shelf } = here;
  await shelf.add('9.1', never, () => {});
  const newest = await shelf.add(null, never, () => {});
  expect(newest.id).toBe('mlx-lm-9.2');
  expect((await shelf.list()).installed.map(({ id }) => id)).toEqual(['mlx-lm-9.1', 'mlx-lm-9.2']);
  expect((await shelf.chosen())?.id).toBe('mlx-lm-9.1');
  await shelf.choose('mlx-lm-9.2');
  expect((await shelf.chosen())?.id).toBe('mlx-lm-9.2');
}, 180_000);

test('the one in use, the chosen one and those of others are not removed', async () => {
  await using here = await shelfBench();
  const { shelf } = here;
  const engine = await shelf.add('9.1', never, () => {});
  await shelf.choose(engine.id);
  expect((await faultOf(shelf.remove(engine.id))).message).toContain('is the chosen engine');
  await shelf.choose('');
  here.inUse.push(engine.executable);
  expect((await faultOf(shelf.remove(engine.id))).message).toContain('serves a model now');
  here.inUse.length = 0;
  await shelf.remove(engine.id);
  expect(here.names()).toEqual([]);
  expect(await shelf.chosen()).toBeNull();
  expect((await faultOf(shelf.remove(engine.id))).kind).toBe('not-found');
}, 180_000);

test('one that does not run here is told in its own words, and nothing of it stays', async () => {
  await using here = await shelfBench();
  const fault = await faultOf(here.shelf.add('9.3', never, () => {}));
  expect(fault.kind).toBe('install-failed');
  expect(fault.message).toContain("No module named 'nothing_of_this_name'");
  expect(here.names()).toEqual([]);
  expect(here.shelf.installer.progress?.phase).toBe('failed');
}, 180_000);

test('a version that is nowhere is said so', async () => {
  await using here = await shelfBench();
  const fault = await faultOf(here.shelf.add('9.9', never, () => {}));
  expect(fault.kind).toBe('install-failed');
  expect(fault.message).toMatch(/no such mlx-lm for this machine: .*9\.9/i);
  expect(here.names()).toEqual([]);
}, 180_000);

test('a version that would be a path or an option is refused', async () => {
  await using here = await shelfBench();
  for (const version of ['../x', '--help', '1 ; evil', '']) {
    expect((await faultOf(here.shelf.add(version, never, () => {}))).kind).toBe('invalid-request');
  }
});

test('two who want the same wait for one installation; another version is refused meanwhile', async () => {
  await using here = await shelfBench();
  const { shelf } = here;
  const [first, second] = [shelf.add('9.1', never, () => {}), shelf.add('9.1', never, () => {})];
  expect((await faultOf(shelf.add('9.2', never, () => {}))).kind).toBe('conflict');
  expect((await first).executable).toBe((await second).executable);
  expect(here.steps.filter(({ phase }) => phase === 'done')).toHaveLength(1);
}, 180_000);

test('a cancelled installation leaves nothing', async () => {
  await using here = await shelfBench({ versions: { '9.1': 'hanging' } });
  const abort = new AbortController();
  const adding = faultOf(here.shelf.add('9.1', abort.signal, () => {}));
  await until('the test of the server', () => here.steps.at(-1)?.phase === 'testing', 30_000);
  abort.abort();
  expect((await adding).kind).toBe('cancelled');
  expect(here.names()).toEqual([]);
  expect(here.shelf.installer.isRunning).toBe(false);
}, 180_000);

test('what a killed Flow left half made is never listed, and swept by the next installation', async () => {
  await using here = await shelfBench();
  const half = join(here.installDir, 'mlx-lm-9.0');
  mkdirSync(join(half, 'bin'), { recursive: true });
  writeFileSync(join(half, 'bin', 'mlx_lm.server'), '#!/bin/sh\n', { mode: 0o755 });
  mkdirSync(join(here.installDir, '.going-mlx-lm-8.0-x'));
  mkdirSync(join(here.installDir, 'mlx-vlm-9.0'));
  expect(await here.shelf.list()).toEqual({ installed: [], broken: [] });
  await here.shelf.installer.sweep();
  expect(here.names()).toEqual(['mlx-vlm-9.0']);
  mkdirSync(half);
  await here.shelf.add('9.1', never, () => {});
  expect(here.names()).toEqual(['mlx-lm-9.1', 'mlx-vlm-9.0']);
}, 180_000);

test('an environment whose Python has gone is broken, and is made again', async () => {
  await using here = await shelfBench();
  const { shelf } = here;
  const engine = await shelf.add('9.1', never, () => {});
  const script = readFileSync(engine.executable, 'utf8');
  writeFileSync(engine.executable, script.replace(/^#!.*/, '#!/nowhere/bin/python'));
  const { installed, broken } = await shelf.list();
  expect(installed).toEqual([]);
  expect(broken[0]?.reason).toContain('Python that it was made with is gone');
  await shelf.add('9.1', never, () => {});
  expect((await shelf.chosen())?.id).toBe('mlx-lm-9.1');
}, 180_000);

test('an index that cannot be reached is offline, in words', async () => {
  const environment = {
    ...{ UV_DEFAULT_INDEX: 'http://127.0.0.1:9/simple', UV_HTTP_RETRIES: '0' },
    ...{ PIP_INDEX_URL: 'http://127.0.0.1:9/simple', PIP_RETRIES: '0' },
  };
  await using here = await shelfBench({ environment });
  const fault = await faultOf(here.shelf.add('9.1', never, () => {}));
  expect(fault.kind).toBe('offline');
  expect(fault.message).toContain('cannot be reached');
  expect(here.names()).toEqual([]);
}, 180_000);

test('without uv and without Python it says what to install', async () => {
  await using here = await shelfBench({ tool: 'none' });
  const fault = await faultOf(here.shelf.add('9.1', never, () => {}));
  expect(fault.kind).toBe('install-failed');
  expect(fault.hint).toContain('Install uv, or Python 3.12');
});

test('a machine that MLX does not run on is told so, and nothing is fetched', async () => {
  await using here = await shelfBench({ machine: { platform: 'darwin', architecture: 'x64' } });
  expect((await faultOf(here.shelf.ensure(never))).message).toContain('Apple silicon');
  expect((await faultOf(here.shelf.add('9.1', never, () => {}))).message).toContain('Apple silicon');
  expect(here.names()).toEqual([]);
});

test('with engine_auto_install off, a load is refused with the command that helps', async () => {
  await using here = await shelfBench();
  await here.setSettings({ engine_auto_install: false });
  const fault = await faultOf(here.shelf.ensure(never));
  expect(fault.kind).toBe('engine-missing');
  expect(fault.hint).toContain('flow engines install mlx-lm');
});

test('a choice that is not there is an error, never a reason to take another', async () => {
  await using here = await shelfBench();
  await here.shelf.add('9.1', never, () => {});
  await here.setSettings({ mlx_lm_choice: 'mlx-lm-8.8' });
  expect((await faultOf(here.shelf.chosen())).kind).toBe('engine-missing');
  expect((await faultOf(here.shelf.choose('mlx-lm-8.8'))).kind).toBe('not-found');
}, 180_000);

test('a server on PATH is used in place, asked once, and never removed', async () => {
  await using other = await shelfBench();
  const theirs = await other.shelf.add('9.1', never, () => {});
  const bin = join(other.installDir, 'mlx-lm-9.1', 'bin');
  await using here = await shelfBench({ path: bin });
  const { installed } = await here.shelf.list();
  expect(installed).toEqual([{ ...theirs, id: `path:${theirs.executable}`, origin: 'path' }]);
  expect((await here.shelf.chosen())?.executable).toBe(theirs.executable);
  // Starting Python takes longer.
  expect(await quickestWaitMs(20, () => here.shelf.list())).toBeLessThan(20);
  expect((await faultOf(here.shelf.remove(`path:${theirs.executable}`))).kind).toBe('conflict');
  await here.shelf.add('9.2', never, () => {});
  expect((await here.shelf.chosen())?.id).toBe('mlx-lm-9.2');
}, 180_000);

test('the named Python comes first, and one that is missing is an error', async () => {
  await using other = await shelfBench();
  await other.shelf.add('9.1', never, () => {});
  const python = join(other.installDir, 'mlx-lm-9.1', 'bin', 'python');
  await using here = await shelfBench({ python });
  await here.shelf.add('9.2', never, () => {});
  expect(await here.shelf.chosen()).toMatchObject({ origin: 'environment', version: '9.1' });
  expect(here.shelf).toMatchObject({ isNamed: true, presentVersion: '9.1' });
  // It would have no effect.
  expect((await faultOf(here.shelf.choose('mlx-lm-9.2'))).message).toContain('FLOW_MLX_PYTHON names the engine');
  await using lost = await shelfBench({ python: '/nowhere/bin/python' });
  expect((await faultOf(lost.shelf.ensure(never))).message).toContain('FLOW_MLX_PYTHON names');
}, 180_000);

test('a look for updates tells the newest and installs nothing', async () => {
  await using here = await shelfBench();
  here.shelf.checkUpdates();
  await until('the look', () => !here.shelf.updates.isChecking, 30_000);
  expect(here.shelf.updates).toMatchObject({ latest: '9.3', trouble: null });
  expect(here.names()).toEqual([]);
}, 180_000);
