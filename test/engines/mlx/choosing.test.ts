/** What decides about MLX servers: the kind for a model, its packages, its options, the words for a trouble. Pure. */
import { describe, expect, test } from 'bun:test';
import { isNewer } from '#src/engines/compare-versions.ts';
import { mlxKindFor } from '#src/engines/mlx/kind-for.ts';
import type { MlxKind } from '#src/engines/mlx/kinds.ts';
import { readOptions } from '#src/engines/mlx/options.ts';
import { packageSet, unsupported } from '#src/engines/mlx/package-set.ts';
import { pythonEnvironment } from '#src/engines/mlx/python-tools.ts';
import { installTrouble } from '#src/engines/mlx/python-trouble.ts';
import { quickestMs } from '#test/support/quickest.ts';

const text = { tools: true, thinking: true, vision: false, embedding: false };
const eyes = { ...text, vision: true };
const vectors = { ...text, embedding: true };

describe('the kind for a model', () => {
  const cases: readonly [typeof text, MlxKind | '', readonly MlxKind[], MlxKind][] = [
    [text, '', [], 'mlx-lm'],
    [text, '', ['mlx-vlm'], 'mlx-vlm'],
    [text, '', ['mlx-vlm', 'mlx-openai-server'], 'mlx-openai-server'],
    [text, '', ['mlx-vlm', 'mlx-lm', 'mlx-openai-server'], 'mlx-lm'],
    [text, 'mlx-vlm', ['mlx-lm'], 'mlx-vlm'],
    [eyes, '', [], 'mlx-vlm'],
    [eyes, '', ['mlx-lm'], 'mlx-vlm'],
    [eyes, '', ['mlx-lm', 'mlx-openai-server'], 'mlx-openai-server'],
    [eyes, '', ['mlx-openai-server', 'mlx-vlm'], 'mlx-vlm'],
    [eyes, 'mlx-lm', [], 'mlx-lm'],
    [vectors, '', ['mlx-lm'], 'mlx-openai-server'],
  ];
  test.each(cases)('%j with the wish "%s" and %j here is %s', (capabilities, mlx_engine, present, kind) => {
    expect(mlxKindFor({ capabilities }, { mlx_engine }, new Set(present))).toBe(kind);
  });
});

describe('packages', () => {
  const linux = { platform: 'linux', architecture: 'x64' };
  const mac = { platform: 'darwin', architecture: 'arm64' };

  test('the tested version comes with what it was tested with, another by itself', () => {
    const tested = packageSet('mlx-lm', '0.32.2', linux).requirements;
    expect(tested).toEqual(['mlx[cpu]==0.32.4', 'mlx-lm==0.32.2', 'transformers==5.23.0']);
    expect(packageSet('mlx-lm', '0.40.0', linux).requirements).toEqual(['mlx[cpu]', 'mlx-lm==0.40.0']);
    expect(packageSet('mlx-lm', '0.32.2', mac).requirements[0]).toBe('mlx==0.32.4');
  });

  test('on Linux mlx-openai-server does without PyTorch, on a Mac it does not', () => {
    const { overrides, modules } = packageSet('mlx-openai-server', '1.8.1', linux);
    expect(overrides).toContain("torch ; sys_platform == 'never'");
    expect(modules.map(({ name }) => name)).toEqual(['torch.py']);
    expect(packageSet('mlx-openai-server', '1.8.1', mac)).toMatchObject({ overrides: [], modules: [] });
  });

  test.each([
    ['darwin', 'arm64', true],
    ['linux', 'arm64', true],
    ['darwin', 'x64', false],
    ['win32', 'x64', false],
  ])('%s on %s: %p', (platform, architecture, is) => {
    expect(unsupported({ platform, architecture }) === null).toBe(is);
  });
});

describe('options', () => {
  test("argparse's and click's lists are read, wrapped ones too", () => {
    const help = `usage: x [-h] [--port PORT] [--only-in-usage X]
options:
  -h, --help            show this help message and exit
  -p PORT, --port PORT  Port, see --host
  --kv-scheme {uniform,turboquant}
                        How --something is kept
  --flag, --no-flag     On or off
Options:
  --model-type [lm|multimodal|image-generation|image-
                                  edit|whisper]
  --enable-auto-tool-choice       Enable it. [default: off]
`;
    expect(Object.fromEntries(readOptions(help))).toEqual({
      '--help': null,
      '--port': null,
      '--kv-scheme': ['uniform', 'turboquant'],
      '--flag': null,
      '--no-flag': null,
      '--model-type': ['lm', 'multimodal', 'image-generation', 'image-edit', 'whisper'],
      '--enable-auto-tool-choice': null,
    });
  });

  test('a list without an end takes no time and no memory', () => {
    const endless = `  --x {a,\n${'b,\n'.repeat(100_000)}`;
    const tookMs = quickestMs(500, () => expect(readOptions(endless).size).toBeLessThanOrEqual(1));
    expect(tookMs).toBeLessThan(500);
  });
});

describe('words for a trouble', () => {
  const cases: readonly [string, string, string][] = [
    ['error: Failed to fetch: `x`\n  cause: tcp connect error: Connection refused', 'offline', 'cannot be reached'],
    ['WARNING: Retrying\nERROR: Could not find a version\n Temporary failure in name resolution', 'offline', 'reached'],
    ['error: Failed to write\n  cause: No space left on device (os error 28)', 'disk-full', 'disk is full'],
    ['Error: ensurepip is not available', 'install-failed', 'cannot make environments'],
    ['error: No interpreter found for Python 3.12 in search path', 'install-failed', 'no Python that fits'],
    [
      '  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of mlx-lm==9.9 and you\n' +
        '      require mlx-lm==9.9, we can conclude that your requirements are unsatisfiable.',
      'install-failed',
      'no such mlx-lm for this machine: No solution found when resolving dependencies: Because there is no version',
    ],
  ];
  test.each(cases)('%j is %s: %s', (stderr, kind, words) => {
    const fault = installTrouble({ kind: 'exited', code: 1, stdout: '', stderr }, 'mlx-lm');
    expect({ kind: String(fault.kind), message: fault.message }).toEqual({
      kind,
      message: expect.stringContaining(words),
    });
  });

  test('the password of a mirror is not repeated', () => {
    const stderr = 'error: Bad answer of https://me:secret@mirror.example/simple/mlx-lm/';
    const { message } = installTrouble({ kind: 'exited', code: 2, stdout: '', stderr }, 'mlx-lm');
    expect(message).toContain('https://mirror.example');
    expect(message).not.toContain('secret');
  });
});

test("Python's tools keep mirrors and proxies, and get no other packages, places or tokens", () => {
  const kept = { PATH: '/bin', HTTPS_PROXY: 'p', UV_DEFAULT_INDEX: 'm', PIP_INDEX_URL: 'm', SSL_CERT_FILE: 'c' };
  const lost = ['PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'PIP_TARGET', 'UV_SYSTEM_PYTHON', 'HF_TOKEN', 'LD_PRELOAD'];
  const environment = pythonEnvironment({ ...kept, ...Object.fromEntries(lost.map((name) => [name, 'x'])) });
  expect(environment).toMatchObject({ ...kept, PYTHONNOUSERSITE: '1' });
  expect(Object.keys(environment).filter((name) => lost.includes(name))).toEqual([]);
});

test.each([
  ['0.32.2', '0.31.3', true],
  ['0.32.2', '0.32.2', false],
  ['1.0', '0.99.9', true],
  ['b11434', 'b10434', true],
  ['b11434', '0.32.2', false],
  [null, '0.32.2', false],
])('%s is newer than %s: %p', (latest, present, is) => {
  expect(isNewer(latest, present)).toBe(is);
});
