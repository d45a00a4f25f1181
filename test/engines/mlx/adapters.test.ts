// Command lines, environments, log lines and diagnoses of the MLX servers; that they run is tested in
// test/supervision/mlx.test.ts.
import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstalledEngine, LaunchPlan } from '#src/engines/engine.ts';
import { mlxAdapters } from '#src/engines/mlx/adapters/adapters.ts';
import { mlxFlags } from '#src/engines/mlx/adapters/flags.ts';
import type { MlxAdapterDeps } from '#src/engines/mlx/adapters/serve-plan.ts';
import { MLX_KINDS, type MlxKind } from '#src/engines/mlx/kinds.ts';
import type { ServerOptions } from '#src/engines/mlx/options.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import { detectTraits } from '#src/models/traits.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { realMlx } from '#test/support/mlx-engine.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'flow-mlx-adapters-')));
const modelPath = join(root, 'org', 'model');
mkdirSync(modelPath, { recursive: true });
mkdirSync(join(root, 'draft'));
writeFileSync(join(root, 'chat.jinja'), '{{ messages }}');
afterAll(() => rmSync(root, { recursive: true, force: true }));

const deps: MlxAdapterDeps = {
  environment: { PATH: '/usr/bin', HF_TOKEN: 'secret', PYTHONPATH: '/evil', LLAMA_ARG_HOST: 'x', MLX_METAL_JIT: '1' },
  allowedRoots: () => [root],
  optionsOf: () => null,
  traitsOf: (model) =>
    detectTraits({ architecture: 'qwen3', name: model.name, hfId: null, chatTemplate: '{{ enable_thinking }}<think>' }),
  homeDir: join(root, 'home'),
};

type Differences = {
  readonly launch?: Partial<LaunchSettings>;
  readonly model?: Partial<Model>;
  readonly options?: ServerOptions;
};

function planOf(kind: MlxKind, { launch, model }: Differences = {}): LaunchPlan {
  const engine: InstalledEngine = {
    kind,
    id: `${kind}-1`,
    version: '1',
    executable: `/venv/bin/${kind}`,
    origin: 'installed',
    libraryPath: null,
  };
  return {
    engine,
    model: someModel(modelPath, { id: 'm', format: 'mlx', ...model }),
    launch: someLaunch(launch),
    port: 8100,
    apiKey: 'key-of-the-test',
  };
}

function commandOf(kind: MlxKind, differences: Differences = {}) {
  const optionsOf = () => differences.options ?? null;
  return mlxAdapters({ ...deps, optionsOf })[kind].command(planOf(kind, differences));
}

const line = (kind: MlxKind, differences: Differences = {}): string => commandOf(kind, differences).argv.join(' ');

describe.each([...MLX_KINDS])('%s', (kind) => {
  test('listens on loopback only, on the port it was given, for the folder by its whole path', () => {
    expect(line(kind)).toContain('--host 127.0.0.1 --port 8100');
    expect(line(kind)).toContain(` ${modelPath} `);
  });

  test('gets an environment of its own: no token, no foreign Python, no network', () => {
    const { env } = commandOf(kind);
    expect(env).toMatchObject({
      PATH: '/usr/bin',
      HF_HUB_OFFLINE: '1',
      PYTHONNOUSERSITE: '1',
      PYTHONUNBUFFERED: '1',
      MLX_METAL_JIT: '1',
    });
    expect(env).not.toHaveProperty('HF_TOKEN');
    expect(env).not.toHaveProperty('PYTHONPATH');
    expect(existsSync(join(env.HF_HOME ?? '', 'hub'))).toBe(true);
  });

  test('S-39: runs code of a repository only when that was wished', () => {
    expect(line(kind)).not.toContain('--trust-remote-code');
    expect(line(kind, { launch: { mlx_trust_remote_code: true } })).toContain('--trust-remote-code');
  });

  test('a draft model, a quantised cache and own arguments', () => {
    const draft = join(root, 'draft');
    const launch = { draft_model_path: draft, mlx_kv_bits: 8, extra_args: ['--kv-group-size=32'] };
    const written = line(kind, { launch });
    expect(written).toMatch(new RegExp(`--draft-model(-path)? ${draft}`));
    expect(written).toContain('--kv-bits 8');
    expect(written).toContain('--kv-group-size 32');
  });

  test.each(['--host', '--port', '--model', '--nonsense'])('refuses %s as an extra argument', (flag) => {
    expect(() => line(kind, { launch: { extra_args: [flag, '1'] } })).toThrow();
  });

  test('has no option that its version does not know, and says what it cannot do', () => {
    const options: ServerOptions = new Map([
      ['--model', null],
      ['--host', null],
      ['--port', null],
    ]);
    expect(line(kind, { options })).not.toMatch(
      /concurrency|cache|log-|max-num|enable-thinking|disable|parser|origins/,
    );
    expect(() => line(kind, { options, launch: { mlx_kv_bits: 8 } })).toThrow(/has no --kv-bits/);
  });
});

test('mlx-lm: slots, prompts it remembers, a template by its text', () => {
  const launch = {
    n_parallel: 3,
    mlx_prompt_cache_size: 7,
    cache_ram_mib: 64,
    chat_template_file: join(root, 'chat.jinja'),
  };
  const written = line('mlx-lm', { launch });
  expect(written).toContain('--decode-concurrency 3 --prompt-concurrency 3 --prompt-cache-size 7');
  expect(written).toContain('--prompt-cache-bytes 67108864');
  expect(written).toContain('--chat-template {{ messages }}');
  expect(line('mlx-lm', { launch: { cache_ram_mib: -1 } })).not.toContain('--prompt-cache-bytes');
  expect(line('mlx-lm', { launch: { cache_ram_mib: 0 } })).toContain('--prompt-cache-size 0 ');
});

test('mlx-lm: a template is read from a file of bounded size, and no pipe is waited for', () => {
  const large = join(root, 'large.jinja');
  writeFileSync(large, 'x'.repeat(200_000));
  expect(() => line('mlx-lm', { launch: { chat_template_file: large } })).toThrow('at most 128 KiB');
  const pipe = join(root, 'pipe.jinja');
  Bun.spawnSync(['mkfifo', pipe]);
  expect(() => line('mlx-lm', { launch: { chat_template_file: pipe } })).toThrow('chat_template_file is none');
});

test('mlx-openai-server: parsers by the model, only those that it knows', () => {
  expect(line('mlx-openai-server')).toContain('--reasoning-parser qwen3');
  expect(line('mlx-openai-server')).toContain('--no-log-file');
  const options: ServerOptions = new Map([['--reasoning-parser', ['hermes']]]);
  expect(line('mlx-openai-server', { options })).not.toContain('--reasoning-parser');
  const launch = { mlx_reasoning_parser: 'own' };
  expect(() => line('mlx-openai-server', { options, launch })).toThrow(/does not know the parser `own`.*hermes/);
});

test('mlx-openai-server: with pictures it does not batch, which would hang', () => {
  const model = { capabilities: { tools: false, thinking: false, vision: true, embedding: false } };
  expect(line('mlx-openai-server', { model })).toContain('--model-type multimodal');
  expect(line('mlx-openai-server', { model })).toContain('--disable-batching');
});

test('mlx-openai-server: a model of embeddings is started as one, without what only generation knows', () => {
  const model = { capabilities: { tools: false, thinking: false, vision: false, embedding: true } };
  const written = line('mlx-openai-server', { model });
  expect(written).toContain('--model-type embeddings');
  expect(written).not.toMatch(/parser|prompt-cache|kv-bits/);
});

test('mlx-vlm: its key is in the environment alone, and models that think do so', () => {
  const { argv, env } = commandOf('mlx-vlm');
  expect(env.MLX_VLM_SERVER_API_KEY).toBe('key-of-the-test');
  expect(argv.join(' ')).not.toContain('key-of-the-test');
  expect(argv).toContain('--enable-thinking');
});

test.each([...MLX_KINDS])('every option of an installed %s is in a class', async (kind) => {
  const engine = await realMlx(kind);
  if (!engine) return;
  const options = engine.shelf.optionsOf(engine);
  const { rules } = mlxFlags(kind);
  expect([...(options?.keys() ?? [])].filter((name) => !rules.has(name))).toEqual([]);
  expect(options?.size ?? 0).toBeGreaterThan(15);
});

describe('log lines', () => {
  const { readLog } = mlxAdapters(deps)['mlx-lm'];
  test.each([
    ['2026-11-22 11:15:30,919 - INFO - Starting httpd at 127.0.0.1 on port 8101...', 'load-progress'],
    ['2026-11-22 22:50:55,761 - INFO - Loading model: /models/m', 'load-progress'],
    ['2026-11-22 11:15:30,919 - ERROR - mlx_lm.server generation thread died: Model type x not supported.', 'broken'],
    ['OSError: [Errno 98] Address already in use', 'broken'],
    ['\u001b[32mINFO\u001b[0m:     Uvicorn running on http://127.0.0.1:8100 (Press CTRL+C to quit)', 'ready'],
    ['2026-11-22 11:25:49,302 - INFO - Prompt processing progress: 512/6162', null],
    ['127.0.0.1 - - [22/Nov/2026 11:15:30] "GET /health HTTP/1.1" 200 -', null],
  ])('%s', (text, kind) => {
    expect(readLog(text)?.kind ?? null).toBe(kind as never);
  });
});

describe('ends, as recorded', () => {
  type More = Differences & { readonly ending?: { readonly wasReady: boolean } };
  const ended = (
    tail: string[],
    code: number | null = 1,
    signal: string | null = null,
    { ending, ...more }: More = {},
  ) => mlxAdapters(deps)['mlx-lm'].diagnose({ code, signal, tail, wasReady: false, ...ending }, planOf('mlx-lm', more));
  test.each([
    ['ValueError: Model type qwen99 not supported.', 'unknown', true, /type 'qwen99'/],
    ['FileNotFoundError: No safetensors found in /m', 'missing-file', true, /its weights is missing/],
    [
      "[load_safetensors] Tensor 'lm_head.weight' invalid data offsets (1, 2) exceeding the size of the file.",
      'corrupt-file',
      true,
      /damaged or incomplete/,
    ],
    [
      "fastapi.exceptions.HTTPException: 400: Failed to load model: Repo id must be in the form 'a/b': '/m'.",
      'missing-file',
      true,
      /is missing/,
    ],
    ['mlx_lm.server: error: unrecognized arguments: --foo', 'bad-flag', true, /does not know `--foo`/],
    ['No such option: --max-concurrency (Possible options: --max-tokens)', 'bad-flag', true, /`--max-concurrency`/],
    ['OSError: [Errno 98] Address already in use', 'port-taken', false, /Port 8100/],
    ["ModuleNotFoundError: No module named 'mlx'", 'not-executable', true, /cannot run: No module named 'mlx'/],
    [
      'libc++abi: terminating: [METAL] Command buffer execution failed: Insufficient Memory',
      'out-of-memory',
      false,
      /ran out/,
    ],
    ['RuntimeError: [metal::malloc] Attempting to allocate 9 bytes', 'out-of-memory', false, /Attempting/],
    ['ValueError: something new', 'unknown', false, /ended with code 1: ValueError: something new/],
  ])('%s', (text, kind, isSticky, words) => {
    const report = ended(['Traceback (most recent call last):', text, 'INFO - later']);
    expect(report).toMatchObject({ kind, isSticky });
    expect(report.message).toMatch(words);
  });

  test('killed while loading is memory; while serving it is a kill; by 0 it is still a failure', () => {
    expect(ended([], null, 'SIGKILL').kind).toBe('out-of-memory');
    expect(ended([], null, 'SIGKILL', { ending: { wasReady: true } }).kind).toBe('killed');
    expect(ended([], null, 'SIGSEGV', { ending: { wasReady: true } }).message).toContain('while serving');
    // Words that it writes while it serves may come while it loads too.
    const looked = 'Uvicorn running on http://127.0.0.1:8100, "POST /v1/chat/completions HTTP/1.1" 200 -';
    expect(ended([looked], null, 'SIGKILL').kind).toBe('out-of-memory');
    expect(ended([looked], null, 'SIGSEGV').message).toContain('while loading');
    expect(ended(['ERROR:    Application startup failed. Exiting.'], 0).message).toContain('ended with code 0');
  });

  test('S-39: code of a repository is blamed when it is asked for, not when a library names the option', () => {
    const noEffect = 'The argument `trust_remote_code` is to be used with Auto classes. It has no effect here.';
    expect(ended([noEffect], null, 'SIGSEGV')).toMatchObject({ kind: 'unknown', isSticky: false });
    const asks = 'ValueError: Please set the option `trust_remote_code=True` to permit loading of this model.';
    expect(ended([asks])).toMatchObject({ kind: 'bad-flag', isSticky: true });
  });

  test('what Flow killed since it was broken is not taken for a lack of memory', () => {
    const died = '2026-11-22 11:15:30,919 - ERROR - mlx_lm.server generation thread died: Something new.';
    const report = ended([died], null, 'SIGKILL');
    expect(report).toMatchObject({ kind: 'unknown', isSticky: false });
    expect(report.message).toContain('gave up m: Something new.');
  });

  test('an unknown flag among the extra arguments is said to be there', () => {
    const launch = { extra_args: ['--foo'] };
    const report = ended(['x: error: unrecognized arguments: --foo'], 2, null, { launch });
    expect(report.message).toContain('among the extra arguments of m');
  });
});
