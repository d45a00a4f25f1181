/** Why an engine ended: provoked with a real llama-server where this machine can, by recorded texts where it cannot. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diagnose as diagnoseEnding, loadStalled } from '#src/engines/diagnose.ts';
import type { Command, CrashReport, Ending, LaunchPlan } from '#src/engines/engine.ts';
import { llamaServer } from '#src/engines/llama-server.ts';
import { freePort } from '../support/free-port.ts';
import { someEngine, someLaunch, someModel, somePlan } from './support/plan.ts';
import { runEngine } from './support/run-engine.ts';
import { tinyGguf } from './support/tiny-gguf.ts';

let folder = '';
const adapter = llamaServer({ environment: process.env, allowedRoots: () => [folder], featuresOf: () => null });
const whole = tinyGguf();

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-crash-')));
  writeFileSync(join(folder, 'tiny.gguf'), whole);
});
afterAll(() => rmSync(folder, { recursive: true }));

function planFor(path: string, parts: Partial<LaunchPlan> = {}): LaunchPlan {
  return somePlan({ model: someModel(path), port: freePort(), ...parts });
}

/**
 * Runs a plan until it ends and says why; `change` alters the command as no plan could. In up to one of five tethered
 * runs llama-server leaves without its last lines (measured on b10434), so a run that said nothing is done again,
 * up to seven times.
 */
async function crash(plan: LaunchPlan, change = (command: Command): Command => command): Promise<CrashReport> {
  for (let attempt = 1; ; attempt += 1) {
    const report = await crashOnce(plan, change);
    if (report.kind !== 'unknown' || attempt === 8) return report;
  }
}

async function crashOnce(plan: LaunchPlan, change: (command: Command) => Command): Promise<CrashReport> {
  await using running = runEngine(change(adapter.command(plan)));
  const timer = setTimeout(() => process.kill(running.pid, 'SIGTERM'), 15_000);
  const ending = await running.ended;
  clearTimeout(timer);
  return adapter.diagnose({ ...ending, wasReady: false }, plan);
}

/** The report of an engine that had not become ready, unless it is said. */
const diagnose = (ending: Omit<Ending, 'wasReady'> & Partial<Ending>, plan: LaunchPlan) =>
  diagnoseEnding({ wasReady: false, ...ending }, plan);

const unsaid =
  (...more: string[]) =>
  (command: Command) => ({ ...command, argv: [...command.argv, ...more] });

describe('a real llama-server', () => {
  test('F-07: that does not know a flag: said with the flag, sticky', async () => {
    const report = await crash(planFor(join(folder, 'tiny.gguf')), unsaid('--bogus-flag'));
    expect(report).toMatchObject({ kind: 'bad-flag', isSticky: true, exitCode: 1, signal: null });
    expect(report.message).toBe('llama-server b10434 does not know `--bogus-flag`.');
  });

  test('that left without a word: its file is looked at', () => {
    const report = adapter.diagnose(
      { code: 1, signal: null, tail: [], wasReady: false },
      planFor(join(folder, 'nowhere.gguf')),
    );
    expect(report).toMatchObject({ kind: 'missing-file', isSticky: true, exitCode: 1 });
  });

  test('F-07: that does not know an extra argument: said where it came from', () => {
    const launch = someLaunch({ extra_args: ['--bogus_flag=1'] });
    const ending = { code: 1, signal: null, tail: ['error: invalid argument: --bogus-flag'] };
    const report = diagnose(ending, planFor(join(folder, 'tiny.gguf'), { launch }));
    expect(report.message).toContain('among the extra arguments of tiny');
  });

  test('that refuses a value', async () => {
    const report = await crash(planFor(join(folder, 'tiny.gguf')), unsaid('--pooling', 'bogus'));
    expect(report).toMatchObject({ kind: 'bad-flag', isSticky: true });
    expect(report.message).toContain('`--pooling`');
  });

  test('whose settings contradict each other', async () => {
    const launch = someLaunch({ flash_attn: 'off', cache_type_v: 'q4_0' });
    const report = await crash(planFor(join(folder, 'tiny.gguf'), { launch }));
    expect(report).toMatchObject({
      kind: 'bad-flag',
      isSticky: true,
      hint: expect.stringContaining('flash_attn to on'),
    });
  });

  test.each([
    ['truncated', whole.slice(0, 900_000), /is damaged or incomplete/],
    ['cut in its header', whole.slice(0, 60), /is damaged or incomplete/],
    ['junk', crypto.getRandomValues(new Uint8Array(5000)), /not a GGUF file/],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html>'), /begins with '<!DO'|is a web page/],
    ['empty', new Uint8Array(), /is damaged or incomplete|is empty/],
    // The second wording is that of the look at the file, when the engine left without its last lines.
  ])('F-11: with a file that is %s', async (name, bytes, words) => {
    const path = join(folder, `${name.replaceAll(' ', '-')}.gguf`);
    writeFileSync(path, bytes);
    const report = await crash(planFor(path));
    expect(report).toMatchObject({ kind: 'corrupt-file', isSticky: true });
    expect(report.message).toMatch(words);
  });

  test('F-12: with a file that is gone', async () => {
    const report = await crash(planFor(join(folder, 'nothing.gguf')));
    expect(report).toMatchObject({ kind: 'missing-file', isSticky: true });
    expect(report.message).toContain(join(folder, 'nothing.gguf'));
  });

  test('whose port was taken in between: not sticky', async () => {
    using taken = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    const report = await crash(planFor(join(folder, 'tiny.gguf'), { port: taken.port }));
    expect(report).toMatchObject({ kind: 'port-taken', isSticky: false });
    expect(report.message).toContain(`Port ${taken.port} was taken`);
  });

  test.skipIf(process.platform !== 'linux')(
    'F-13: that runs out of memory: numbers and levers, not sticky',
    async () => {
      const model = someModel(join(folder, 'tiny.gguf'), { trainedContextTokens: null });
      const launch = someLaunch({ ctx_size: 8_000_000, n_parallel: 1, cache_type_k: 'f32', cache_type_v: 'f32' });
      const report = await crash(planFor(model.path, { model, launch }), (command) => ({
        ...command,
        argv: ['prlimit', '--as=2500000000', ...command.argv],
      }));
      expect(report).toMatchObject({ kind: 'out-of-memory', isSticky: false });
      expect(report.message).toContain('3906.25 MB could not be had');
      expect(report.hint).toContain('smaller ctx_size');
    },
  );

  test.skipIf(process.platform !== 'linux')('that runs out of memory at once and aborts', async () => {
    const report = await crash(planFor(join(folder, 'tiny.gguf')), (command) => ({
      ...command,
      argv: ['prlimit', '--as=250000000', ...command.argv],
    }));
    expect(report.kind).toBe('out-of-memory');
  });

  test.skipIf(process.platform !== 'linux')('F-08: without its libraries: the library is named', async () => {
    const executable = join(folder, 'llama-server');
    copyFileSync(someEngine().executable, executable);
    const engine = someEngine({ executable, libraryPath: null });
    const report = await crash(planFor(join(folder, 'tiny.gguf'), { engine }));
    expect(report).toMatchObject({ kind: 'missing-library', isSticky: true, exitCode: 127 });
    expect(report.message).toMatch(/the library lib\S+\.so\S* is missing/);
  });
});

describe('other endings, as recorded', () => {
  const plan = somePlan({ model: someModel('/models/big.gguf', { id: 'big', sizeBytes: 21_000_000_000 }) });
  const loading = '0.00.003 I srv load_model: loading model';
  const serving = '0.00.013 I srv llama_server: model loaded';

  test.each([
    [
      'CUDA',
      'ggml_backend_cuda_buffer: allocating 20480.00 MiB on device 0: cudaMalloc failed: out of memory',
      '20480.00 MiB on GPU 0',
    ],
    ['CUDA later', 'CUDA error: out of memory', 'the GPU'],
    [
      'Metal',
      'ggml_metal_graph_compute: error: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)',
      'the GPU',
    ],
    [
      'Vulkan',
      'terminate called: vk::OutOfDeviceMemoryError what(): vk::Device::allocateMemory: ErrorOutOfDeviceMemory',
      'the GPU',
    ],
    ['HIP', 'ROCm error: hipErrorOutOfMemory', 'the GPU'],
    ['a buffer', 'alloc_tensor_range: failed to allocate Vulkan0 buffer of size 4096000000', '4.1 GB on Vulkan0'],
    ['old builds', 'llama_model_load: error loading model: unable to allocate CUDA0 buffer', 'this machine'],
    ['C++', "terminate called after throwing an instance of 'std::bad_alloc'", 'this machine'],
  ])('F-13: out of memory on %s', (_, line, words) => {
    const report = diagnose({ code: 1, signal: null, tail: [loading, line] }, plan);
    expect(report).toMatchObject({ kind: 'out-of-memory', isSticky: false });
    expect(report.message).toContain(words);
    expect(report.message).toContain('21.0 GB');
  });

  test.each([
    ['killed while loading is memory', { code: null, signal: 'SIGKILL', tail: [loading] }, 'out-of-memory'],
    ['killed while loading under a shell is memory', { code: 137, signal: null, tail: [loading] }, 'out-of-memory'],
    ['killed while serving', { code: null, signal: 'SIGKILL', tail: [loading, serving], wasReady: true }, 'killed'],
    ['killed while loading, whatever it wrote', { code: null, signal: 'SIGKILL', tail: [serving] }, 'out-of-memory'],
    ['ended by another program', { code: 143, signal: null, tail: [] }, 'killed'],
    ['not for this machine', { code: 126, signal: null, tail: ['guard: exec format error'] }, 'not-executable'],
    [
      'not executable',
      { code: 126, signal: null, tail: ['flow-guard: 1: exec: /x: Permission denied'] },
      'not-executable',
    ],
    ['gone', { code: 127, signal: null, tail: ['flow-guard: 1: exec: /x: not found'] }, 'not-executable'],
    ['for another processor', { code: null, signal: 'SIGILL', tail: [] }, 'not-executable'],
    [
      'without a library on macOS',
      { code: 6, signal: null, tail: ['dyld[1]: Library not loaded: @rpath/libllama.dylib'] },
      'missing-library',
    ],
    [
      'for a newer system',
      { code: 1, signal: null, tail: ["x: /lib/libc.so.6: version `GLIBC_2.38' not found (required by x)"] },
      'missing-library',
    ],
    [
      'old text for a missing file',
      { code: 1, signal: null, tail: ['gguf_init_from_file: failed to open /m.gguf: No such file or directory'] },
      'missing-file',
    ],
    ['anything else', { code: 3, signal: null, tail: ['hello'] }, 'unknown'],
    ['a crash', { code: null, signal: 'SIGSEGV', tail: [serving] }, 'unknown'],
  ] as const)('%s', (_, ending, kind) => {
    expect(diagnose(ending, plan).kind).toBe(kind);
  });

  test.each([
    [false, 'llama-server of big crashed while loading (SIGSEGV).'],
    [true, 'llama-server of big crashed while serving (SIGSEGV).'],
  ])('a crash says whether it was ready by then (%p), whatever its last lines are', (wasReady, message) => {
    const tail = [loading, 'srv  llama_server: listening on http://127.0.0.1:1', 'slot  load_model: new slot', serving];
    expect(diagnose({ code: null, signal: 'SIGSEGV', tail, wasReady }, plan).message).toBe(message);
  });

  test('an unknown architecture is sticky and asks for a newer engine', () => {
    const tail = ["llama_model_load: error loading model: unknown model architecture: 'qwen9'"];
    const report = diagnose({ code: 1, signal: null, tail }, plan);
    expect(report).toMatchObject({ isSticky: true, hint: 'A newer engine may.' });
    expect(report.message).toContain("'qwen9'");
  });

  test('an unknown end repeats the last complaint without its prefix, and keeps 40 lines', () => {
    const tail = [...Array.from({ length: 60 }, (_, line) => `line ${line}`), '0.00.5 E srv init: it broke.'];
    const report = diagnose({ code: 1, signal: null, tail }, plan);
    expect(report.message).toBe('llama-server of big ended with code 1: srv init: it broke.');
    expect(report.tail).toHaveLength(40);
  });

  test('a stalled load says how long nothing was heard', () => {
    expect(loadStalled(plan, 120, [])).toMatchObject({ kind: 'load-stalled', isSticky: false });
    expect(loadStalled(plan, 120, []).message).toContain('120 s');
  });
});

test('an engine that left without its last lines while it bound its port could not have it', () => {
  const tail = ['0.00.030 I srv         start: binding port with default address family', '0.00.030.590 '];
  const plan = planFor(join(folder, 'tiny.gguf'), { port: 8_099 });
  const report = diagnose({ code: 1, signal: null, tail }, plan);
  expect(report).toMatchObject({ kind: 'port-taken', isSticky: false });
  expect(report.message).toContain('8099');
  expect(diagnose({ code: 1, signal: null, tail: [...tail, 'I srv  loading model'] }, plan).kind).toBe('unknown');
});

test('an engine that left without its last lines while it prepared to draft by its own layers has none', () => {
  const state = (current: string) =>
    `cmd_child_to_router:state:{"state":"loading","payload":{"stages":["text_model","spec_model"],"current":"${current}"}}`;
  const plan = planFor(join(folder, 'tiny.gguf'), { launch: someLaunch({ draft_mtp: true }) });
  const tail = [state('text_model'), 'I cmn  common_init_: warming up the model', state('spec_model')];
  expect(diagnose({ code: 1, signal: null, tail }, plan).message).toContain('no layers of its own to draft by');
  // Not in an earlier stage, not by a signal, and not with a draft model.
  expect(diagnose({ code: 1, signal: null, tail: tail.slice(0, 2) }, plan).kind).toBe('unknown');
  expect(diagnose({ code: null, signal: 'SIGSEGV', tail }, plan).kind).toBe('unknown');
  expect(diagnose({ code: 1, signal: null, tail }, planFor(plan.model.path)).kind).toBe('unknown');
});
