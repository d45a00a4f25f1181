/**
 * The command line for llama-server and what a real one makes of it. Extra arguments and crashes have their own files.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchPlan } from '#src/engines/engine.ts';
import { readFeatures } from '#src/engines/features.ts';
import { contextPerConversation, llamaServer } from '#src/engines/llama-server.ts';
import { freePort } from '../support/free-port.ts';
import { someEngine, someLaunch, someModel, somePlan } from './support/plan.ts';
import { type RunningEngine, runEngine, until } from './support/run-engine.ts';
import { tinyGguf } from './support/tiny-gguf.ts';

let folder = '';
let modelPath = '';
const environment = { PATH: process.env.PATH, HOME: process.env.HOME };
const features = readFeatures(realHelp());
const adapter = llamaServer({ environment, allowedRoots: () => [folder], featuresOf: () => features });

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-llama-')));
  modelPath = join(folder, 'tiny.gguf');
  await Bun.write(modelPath, tinyGguf());
});
afterAll(() => rmSync(folder, { recursive: true }));

function realHelp(): string {
  const { executable, libraryPath } = someEngine();
  return Bun.spawnSync([executable, '--help'], { env: { LD_LIBRARY_PATH: libraryPath ?? '' } }).stdout.toString();
}

/** The value after a flag in a plan's command line. */
function valueAfter(plan: LaunchPlan, flag: string): string | undefined {
  const { argv } = adapter.command(plan);
  return argv[argv.lastIndexOf(flag) + 1];
}

async function ready(plan: LaunchPlan): Promise<RunningEngine> {
  const running = runEngine(adapter.command(plan));
  const baseUrl = `http://127.0.0.1:${plan.port}`;
  await until(() => adapter.isHealthy(baseUrl, AbortSignal.timeout(1000)));
  return running;
}

describe('context', () => {
  test.each([
    ['what was asked', { ctx_size: 1000 }, 4096, 1000],
    ['the trained one for 0', { ctx_size: 0 }, 4096, 4096],
    ['never beyond the trained one, where slots are capped', { ctx_size: 100_000 }, 4096, 4096],
    ['beyond it as far as RoPE scaling reaches', { ctx_size: 100_000, rope_scale: 2 }, 4096, 8192],
    ['what was asked when the file does not say', { ctx_size: 1000 }, null, 1000],
    ['unknown when nobody says', { ctx_size: 0 }, null, null],
  ])('is %s', (_, launch, trainedContextTokens, expected) => {
    expect(contextPerConversation(someModel('/m.gguf', { trainedContextTokens }), someLaunch(launch))).toBe(expected);
  });

  test('is multiplied by the slots, which divide it again', () => {
    const plan = somePlan({ model: someModel(modelPath), launch: someLaunch({ ctx_size: 1000, n_parallel: 3 }) });
    expect(valueAfter(plan, '--ctx-size')).toBe('3000');
    expect(valueAfter(plan, '--parallel')).toBe('3');
  });

  test('is shared when nobody knows it, so that one conversation can reach all of it', () => {
    const model = someModel(modelPath, { trainedContextTokens: null });
    const { argv } = adapter.command(somePlan({ model, launch: someLaunch({ ctx_size: 0 }) }));
    expect(argv).toContain('--kv-unified');
  });
});

describe('settings', () => {
  test.each([
    [{ gpu_layers: 7 }, '--n-gpu-layers', '7'],
    [{ gpu_layers: -1 }, '--n-gpu-layers', 'auto'],
    [{ flash_attn: 'off' as const }, '--flash-attn', 'off'],
    [{ cache_type_k: 'f16' as const }, '--cache-type-k', 'f16'],
    [{ cache_type_v: 'q8_0' as const }, '--cache-type-v', 'q8_0'],
    [{ threads: 3 }, '--threads', '3'],
    [{ batch_size: 64 }, '--batch-size', '64'],
    [{ ubatch_size: 32 }, '--ubatch-size', '32'],
    [{ rope_scaling: 'yarn' as const }, '--rope-scaling', 'yarn'],
    [{ rope_scale: 1.5 }, '--rope-scale', '1.5'],
    [{ cache_ram_mib: 0 }, '--cache-ram', '0'],
    [{ mlock: true }, '--load-mode', 'mmap+mlock'],
    [{ mlock: true, mmap: false }, '--load-mode', 'mlock'],
    [{ mmap: false }, '--load-mode', 'none'],
    [{}, '--load-mode', 'auto'],
  ])('%j becomes %s %s', (launch, flag, value) => {
    expect(valueAfter(somePlan({ model: someModel(modelPath), launch: someLaunch(launch) }), flag)).toBe(value);
  });

  test('that name files are allowed below the roots only', () => {
    const plan = somePlan({ model: someModel(modelPath), launch: someLaunch({ chat_template_file: '/etc/passwd' }) });
    expect(() => adapter.command(plan)).toThrow('outside the folders engines may read');
  });

  test('of a draft model come with the type that makes llama-server use it', () => {
    const launch = someLaunch({ draft_model_path: modelPath, num_draft_tokens: 5 });
    const plan = somePlan({ model: someModel(modelPath), launch });
    expect(valueAfter(plan, '--spec-draft-model')).toBe(modelPath);
    expect(valueAfter(plan, '--spec-draft-n-max')).toBe('5');
    expect(valueAfter(plan, '--spec-type')).toBe('draft-simple');
  });

  test('of drafting by its own layers need a build that can, and no draft model', () => {
    const launch = someLaunch({ draft_mtp: true, num_draft_tokens: 3 });
    const plan = somePlan({ model: someModel(modelPath), launch });
    expect(valueAfter(plan, '--spec-type')).toBe('draft-mtp');
    expect(valueAfter(plan, '--spec-draft-n-max')).toBe('3');
    expect(adapter.command(plan).argv).not.toContain('--spec-draft-model');
    const old = { ...features, draftTypes: new Set(['draft-simple']) };
    const older = llamaServer({ environment, allowedRoots: () => [], featuresOf: () => old });
    expect(() => older.command(plan)).toThrow('draft_mtp');
  });

  test('fall back to the flags an older build has', () => {
    const flags = new Set(['--no-webui', '--model-draft', '--slots']);
    const older = { flags, hasTraceLevel: false, hasAutoGpuLayers: false, draftTypes: new Set<string>() };
    const old = llamaServer({ environment, allowedRoots: () => [], featuresOf: () => older });
    const launch = someLaunch({ mlock: true, mmap: false, draft_model_path: modelPath });
    const { argv } = old.command(somePlan({ model: someModel(modelPath), launch }));
    expect(argv).toEqual(expect.arrayContaining(['--mlock', '--no-mmap', '--no-webui', '--model-draft', '999']));
    for (const newer of ['--load-mode', '--no-ui', '--spec-type', '--verbosity', '--cache-ram', 'auto']) {
      if (newer !== 'auto') expect(argv).not.toContain(newer);
    }
  });

  test('of an embedding model make one batch of a whole input', () => {
    const capabilities = { tools: false, thinking: false, vision: false, embedding: true };
    const plan = somePlan({ model: someModel(modelPath, { capabilities }) });
    expect(adapter.command(plan).argv).toContain('--embeddings');
    expect(valueAfter(plan, '--ubatch-size')).toBe('2048');
  });
});

describe('environment', () => {
  test('S-18: holds only what engines need: no flag, loader or secret of Flow reaches them', () => {
    const hostile = {
      PATH: '/bin',
      HOME: '/home/me',
      LC_ALL: 'C',
      CUDA_VISIBLE_DEVICES: '1',
      GGML_VK_VISIBLE_DEVICES: '0',
      LLAMA_ARG_HOST: '0.0.0.0',
      LLAMA_ARG_TOOLS: 'all',
      LD_PRELOAD: '/tmp/evil.so',
      DYLD_INSERT_LIBRARIES: '/tmp/evil.dylib',
      LD_LIBRARY_PATH: '/tmp/evil',
      HF_TOKEN: 'hf_secret',
      FLOW_API_KEY: 'flow_sk_secret',
      ANTHROPIC_API_KEY: 'secret',
    };
    const guarded = llamaServer({ environment: hostile, allowedRoots: () => [], featuresOf: () => null });
    const engine = someEngine({ libraryPath: '/opt/engine' });
    const { env } = guarded.command(somePlan({ model: someModel(modelPath), engine, apiKey: 'k' }));
    expect(env).toEqual({
      PATH: '/bin',
      HOME: '/home/me',
      LC_ALL: 'C',
      CUDA_VISIBLE_DEVICES: '1',
      GGML_VK_VISIBLE_DEVICES: '0',
      LD_LIBRARY_PATH: '/opt/engine',
      DYLD_LIBRARY_PATH: '/opt/engine',
      LLAMA_API_KEY: 'k',
      LLAMA_SERVER_ROUTER_PORT: '0',
      GGML_NO_BACKTRACE: '1',
    });
  });

  test('carries the key, which the command line does not', () => {
    const { argv, env } = adapter.command(somePlan({ model: someModel(modelPath), apiKey: 'the-key' }));
    expect(env.LLAMA_API_KEY).toBe('the-key');
    expect(argv.join(' ')).not.toContain('the-key');
  });
});

describe('a real llama-server', () => {
  test('loads with every setting, tells its progress, memory and facts, and keeps strangers out', async () => {
    const launch = someLaunch({ threads: 2, rope_scaling: 'linear', rope_scale: 1, draft_model_path: modelPath });
    const model = someModel(modelPath, { id: 'org/tiny,one' });
    const plan = somePlan({ model, launch, port: freePort() });
    await using running = await ready(plan);
    const baseUrl = `http://127.0.0.1:${plan.port}`;

    const facts = await adapter.inspect(baseUrl, plan, AbortSignal.timeout(5000));
    expect(facts).toEqual({ contextTokens: 1024, slots: 2, hasVision: false });
    expect((await fetch(`${baseUrl}/props`)).status).toBe(401);

    const signals = running.lines.flatMap((line) => adapter.readLog(line) ?? []);
    expect(signals).toContainEqual({ kind: 'load-progress', stage: 'text_model', ratio: 1 });
    expect(signals).toContainEqual({ kind: 'load-progress', stage: 'spec_model', ratio: 1 });
    expect(signals).toContainEqual({ kind: 'ready' });
    const weights = signals.flatMap((signal) =>
      signal.kind === 'memory' && /^(mapped-)?weights$/.test(signal.part) ? signal.bytes : [],
    );
    expect(weights[0]).toBeCloseTo(1.81 * 1024 * 1024, -4);
    const parts = signals.flatMap((signal) => (signal.kind === 'memory' ? signal.part : []));
    expect(new Set(parts.map((part) => part.replace(/^(mapped|repacked)-/, '')))).toEqual(
      new Set(['weights', 'kv-cache', 'compute']),
    );
    expect(running.lines.some((line) => line.includes("adding speculative implementation 'draft-simple'"))).toBe(true);
  });

  test('ends by itself when its standard input closes', async () => {
    const plan = somePlan({ model: someModel(modelPath), port: freePort() });
    await using running = await ready(plan);
    running.letGo();
    // No signal: it went by itself. Its code is 1 or 0 from run to run.
    expect((await running.ended).signal).toBeNull();
  });

  test('gives a conversation more than the trained context when RoPE scaling extends it', async () => {
    const launch = someLaunch({ ctx_size: 8192, rope_scaling: 'yarn', rope_scale: 2 });
    const plan = somePlan({ model: someModel(modelPath), launch, port: freePort() });
    await using _running = await ready(plan);
    const facts = await adapter.inspect(`http://127.0.0.1:${plan.port}`, plan, AbortSignal.timeout(5000));
    expect(facts?.contextTokens).toBe(8192);
  });

  test('writes no prompt into its log', async () => {
    const plan = somePlan({ model: someModel(modelPath), port: freePort() });
    await using running = await ready(plan);
    const baseUrl = `http://127.0.0.1:${plan.port}`;
    const headers = { authorization: `Bearer ${plan.apiKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'CANARY-PROMPT' }], max_tokens: 4 });
    const answer = await fetch(`${baseUrl}/v1/chat/completions`, { method: 'POST', headers, body });
    expect(answer.status).toBe(200);
    running.letGo();
    await running.ended;
    expect(running.lines.join('\n')).not.toContain('CANARY-PROMPT');
  });

  test('has its key in no process list', async () => {
    const plan = somePlan({ model: someModel(modelPath), port: freePort(), apiKey: 'secret-of-this-start' });
    await using running = await ready(plan);
    expect(await Bun.$`ps -o args= -p ${running.pid}`.text()).not.toContain('secret-of-this-start');
  });

  test('is not healthy where nothing listens, nor after an abort', async () => {
    expect(await adapter.isHealthy(`http://127.0.0.1:${freePort()}`, AbortSignal.timeout(1000))).toBe(false);
    expect(await adapter.isHealthy('http://127.0.0.1:1', AbortSignal.abort())).toBe(false);
  });

  test('is asked directly, whatever proxy the environment names', async () => {
    const plan = somePlan({ model: someModel(modelPath), port: freePort() });
    await using _running = await ready(plan);
    const baseUrl = `http://127.0.0.1:${plan.port}`;
    const before = process.env.HTTP_PROXY;
    process.env.HTTP_PROXY = `http://127.0.0.1:${freePort()}`;
    try {
      expect(await adapter.isHealthy(baseUrl, AbortSignal.timeout(5000))).toBe(true);
      expect((await adapter.inspect(baseUrl, plan, AbortSignal.timeout(5000)))?.slots).toBe(2);
    } finally {
      if (before === undefined) delete process.env.HTTP_PROXY;
      else process.env.HTTP_PROXY = before;
    }
  });

  test('reads a chat template file below the roots', async () => {
    const template = join(folder, 'template.jinja');
    writeFileSync(template, '{{ messages[0].content }}');
    const plan = somePlan({
      model: someModel(modelPath),
      launch: someLaunch({ chat_template_file: template }),
      port: freePort(),
    });
    await using _running = await ready(plan);
    const headers = { authorization: `Bearer ${plan.apiKey}` };
    const props = await (await fetch(`http://127.0.0.1:${plan.port}/props`, { headers })).json();
    expect(props.chat_template).toContain('{{ messages[0].content }}');
  });
});
