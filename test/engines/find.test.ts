/** Finding, choosing and removing engines among programs of every kind, the real one too. */
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { programPath } from '#src/engines/find.ts';
import { readVersion } from '#src/engines/probe.ts';
import { Fault } from '#src/faults.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { bench, PLAIN } from './support/bench.ts';
import { FAKE_PROGRAM } from './support/fake-releases.ts';

const NEVER = new AbortController().signal;

function put(folder: string, text = FAKE_PROGRAM, mode = 0o755): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'llama-server');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const cause = await promise.catch((thrown) => thrown);
  if (cause instanceof Fault) return cause;
  throw new Error(`No Fault: ${JSON.stringify(cause)}`);
}

test.each([
  ['version: 6710 (abc1234)\nbuilt with cc', 'b6710'],
  ['version: 0.1.0 (build 11434, commit abc1234)', 'b11434'],
  ['version: 0.1.0-dev (build 1, commit 7e4c0a9)\nbuilt with GNU', '0.1.0-dev+7e4c0a9'],
  ['version: 1 (7e4c0a9)', '7e4c0a9'],
  ['ggml_cuda_init: found 1 CUDA devices\nversion: 5000 (abc)', 'b5000'],
  ['version: 2.0', '2.0'],
  ['GNU coreutils 9.1', null],
])('%j is version %s', (text, version) => {
  expect(readVersion(text)).toBe(version);
});

describe('engines', () => {
  test('are found in the order environment, installed (newest first), PATH, Homebrew; one file once', async () => {
    await using here = await bench();
    const bin = join(here.folder, 'bin');
    const configured = put(join(here.folder, 'mine'));
    put(join(here.installDir, 'b9999', 'build', 'bin'));
    put(join(here.installDir, 'b11434', 'llama-b11434'));
    const onPath = put(bin);
    mkdirSync(join(here.folder, 'again'));
    symlinkSync(onPath, join(here.folder, 'again', 'llama-server'));
    const brew = put(join(here.folder, 'brew'));
    await using all = await bench({
      folder: here.folder,
      configured,
      environment: { PATH: `${bin}:${join(here.folder, 'again')}:relative:/usr/bin:/bin` },
      homebrewDirs: [join(here.folder, 'brew'), bin],
    });
    const { installed } = await all.engines.list();
    expect(installed.map(({ id, origin }) => [id, origin])).toEqual([
      [`path:${configured}`, 'environment'],
      ['b11434', 'installed'],
      ['b9999', 'installed'],
      [`path:${onPath}`, 'homebrew'],
      [`path:${brew}`, 'homebrew'],
    ]);
    expect(installed.map((engine) => engine.version)).toEqual(['b11434', 'b11434', 'b9999', 'b11434', 'b11434']);
  });

  test('that do not work are listed with the reason', async () => {
    await using here = await bench();
    const cases: [string, string, number, string][] = [
      ['b1', 'not a program', 0o755, 'not a program for this kind'],
      ['b2', FAKE_PROGRAM, 0o644, 'no permission'],
      ['b3', '#!/bin/sh\necho hello\n', 0o755, 'does not say its version'],
      ['b4', '#!/bin/sh\nkill -ILL $$\n', 0o755, 'CPU instructions'],
      [
        'b5',
        '#!/bin/sh\necho "error while loading shared libraries: libx.so: no" >&2; exit 127\n',
        0o755,
        'libx.so is missing',
      ],
    ];
    for (const [id, text, mode] of cases) put(join(here.installDir, id), text, mode);
    mkdirSync(join(here.installDir, 'b6'));
    const { installed, broken } = await here.engines.list();
    expect(installed).toEqual([]);
    const reasons = new Map(broken.map(({ id, reason }) => [id, reason]));
    for (const [id, , , words] of cases) expect(reasons.get(id)).toContain(words);
    expect(reasons.get('b6')).toBe('There is no such file.');
  });

  test('of the real kind are found with their libraries and features', async () => {
    const { executable, libraryPath } = realEngine();
    await using here = await bench({ configured: executable });
    const engine = await here.engines.ensure(NEVER);
    expect(engine.libraryPath).toBe(libraryPath);
    expect(engine.version).not.toBeNull();
    expect(here.engines.featuresOf(engine)?.flags.has('--load-mode')).toBe(true);
  });

  test('cannot be chosen while FLOW_LLAMA_SERVER names another, since that would have no effect', async () => {
    await using here = await bench({ configured: realEngine().executable });
    put(join(here.installDir, 'b7'));
    here.engines.refresh();
    expect((await faultOf(here.engines.choose('b7'))).message).toContain('FLOW_LLAMA_SERVER names the engine');
    await here.engines.choose(`path:${realEngine().executable}`);
  });

  test.skipIf(process.platform !== 'linux')(
    'that need the loader path of the shell get it, and the others do not',
    async () => {
      await using here = await bench();
      const { executable } = realEngine();
      const lonely = join(here.folder, 'llama-server');
      copyFileSync(executable, lonely);
      await using without = await bench({ configured: lonely });
      expect((await without.engines.list()).broken[0]?.reason).toContain('is missing');
      const environment = { ...PLAIN, LD_LIBRARY_PATH: dirname(executable) };
      await using withPath = await bench({ configured: lonely, environment });
      expect((await withPath.engines.ensure(NEVER)).libraryPath).toBe(dirname(executable));
    },
  );

  test('installed by hand after Flow began are seen at the next load', async () => {
    await using here = await bench({ sources: [] });
    expect((await faultOf(here.engines.ensure(NEVER))).kind).toBe('install-failed');
    put(join(here.installDir, 'b7'));
    expect((await here.engines.ensure(NEVER)).id).toBe('b7');
  });
});

test('a configured program may be named by a path, a relative one too, or by its name', () => {
  expect(programPath('/opt/llama-server', PLAIN)).toBe('/opt/llama-server');
  expect(programPath('./llama-server', PLAIN)).toBe(join(process.cwd(), 'llama-server'));
  expect(programPath('sh', PLAIN)).toMatch(/^\/(usr\/)?bin\/sh$/);
});

describe('the engine to use', () => {
  test('is the first found, or the chosen one', async () => {
    await using here = await bench();
    put(join(here.installDir, 'b1'));
    put(join(here.installDir, 'b2'));
    expect(here.engines.presentVersion).toBeNull();
    expect((await here.engines.chosen())?.id).toBe('b2');
    await here.engines.choose('b1');
    expect((await here.engines.chosen())?.id).toBe('b1');
    expect(here.engines.presentVersion).toBe('b1');
    expect((await faultOf(here.engines.choose('b3'))).kind).toBe('not-found');
  });

  test('is never another than the one that is named, even when that one is gone', async () => {
    await using here = await bench();
    put(join(here.installDir, 'b1'));
    await here.setSettings({ engine_choice: 'b0' });
    const fault = await faultOf(here.engines.ensure(NEVER));
    expect(fault.kind).toBe('engine-missing');
    expect(fault.message).toContain('engine_choice names `b0`');
    await using named = await bench({ folder: here.folder, configured: '/nowhere/llama-server' });
    expect((await faultOf(named.engines.ensure(NEVER))).message).toContain('There is no such file');
  });
});

test('a named program that appears after Flow began is found at the next load, though there are others', async () => {
  await using here = await bench();
  const late = join(here.folder, 'late', 'llama-server');
  put(join(here.installDir, 'b1'));
  await using named = await bench({ folder: here.folder, configured: late });
  expect((await faultOf(named.engines.ensure(NEVER))).kind).toBe('engine-missing');
  const { edition } = named.engines;
  put(join(here.folder, 'late'));
  expect((await named.engines.ensure(NEVER)).executable).toBe(late);
  expect(named.engines.edition).toBe(edition + 1);
  named.engines.refresh();
  await named.engines.list();
  expect(named.engines.edition).toBe(edition + 1);
});

describe('removing', () => {
  test('takes an installed release away, whole', async () => {
    await using here = await bench();
    put(join(here.installDir, 'b1', 'deep'));
    put(join(here.installDir, 'b2'));
    await here.engines.remove('b1');
    expect(here.installedNames()).toEqual(['b2']);
    expect((await here.engines.list()).installed.map((engine) => engine.id)).toEqual(['b2']);
  });

  test('is refused for the chosen, the running, the foreign and the unknown one', async () => {
    const foreign = realEngine().executable;
    await using here = await bench({ environment: { ...PLAIN, PATH: dirname(foreign) } });
    const running = put(join(here.installDir, 'b1'));
    put(join(here.installDir, 'b2'));
    await here.engines.choose('b2');
    here.inUse.push(running);
    expect((await faultOf(here.engines.remove('b1'))).message).toContain('serves a model now');
    expect((await faultOf(here.engines.remove('b2'))).message).toContain('is the chosen engine');
    expect((await faultOf(here.engines.remove(`path:${foreign}`))).message).toContain('not installed by Flow');
    expect((await faultOf(here.engines.remove('../../x'))).kind).toBe('not-found');
    expect(here.installedNames()).toEqual(['b1', 'b2']);
  });
});
