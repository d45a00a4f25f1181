// A model's keeper with really spawned engines: the fake one, told how to fail, and a real llama-server.
// What follows what is tested in lifecycle.test.ts, the guard and the drains in process.test.ts.
import { afterAll, afterEach, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '#src/clock.ts';
import type { InstalledEngine } from '#src/engines/engine.ts';
import { llamaServer } from '#src/engines/llama-server.ts';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { Logs } from '#src/logs/logs.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import type { MemoryTaken } from '#src/supervision/engine-run.ts';
import type { ModelState } from '#src/supervision/model-state.ts';
import { Ports } from '#src/supervision/ports.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import { makeSupervisor, type SupervisorDeps } from '#src/supervision/supervisor.ts';
import { someEngine, someLaunch, someModel } from '#test/engines/support/plan.ts';
import type { FakeStart } from '#test/support/fake-engine-behaviour.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { heldBytes } from '#test/support/held-bytes.ts';
import { marked } from '#test/support/processes.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-supervisor-'));
const demoPath = join(root, 'demo.gguf');
await makeDemoModel(demoPath);
const ports = new Ports({ first: 18_081, last: 18_400 });
const endings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Options = {
  readonly behaviour?: FakeStart;
  readonly engine?: InstalledEngine;
  readonly modelPath?: string;
  readonly extraArguments?: string[];
  readonly stallS?: number;
  readonly deps?: Partial<SupervisorDeps>;
};

/** A supervisor of one model, by default of the fake engine. */
function keeping(options: Options = {}) {
  const folder = mkdtempSync(join(root, 'engine-'));
  const fake = makeFakeEngine(folder, options.behaviour ?? {});
  const engine = options.engine ?? someEngine({ executable: fake.executable, libraryPath: null });
  const logs = new Logs({ clock: systemClock, bus: new Bus(), folder: null });
  const processRegistry = new ProcessRegistry({ path: join(folder, 'engines.pids.json') });
  const memory: MemoryTaken[] = [];
  const changes: ModelState[] = [];
  const factory = makeSupervisor({
    clock: systemClock,
    logs,
    engines: { ensure: async () => engine },
    adapterFor: () => llamaServer({ environment: process.env, allowedRoots: () => [root], featuresOf: () => null }),
    launchFor: (_, overrides) => someLaunch({ extra_args: options.extraArguments ?? [], ...overrides }),
    processRegistry,
    ports,
    settings: () => ({ load_stall_seconds: options.stallS ?? 120 }),
    onMemory: (_model, _launch, taken) => memory.push(taken),
    ...options.deps,
  });
  const supervisor = factory('tiny', (state) => changes.push(state));
  const model = someModel(options.modelPath ?? demoPath);
  const until = async <Phase extends ModelState['phase']>(phase: Phase, maxMs = 10_000) => {
    const reached = (state: ModelState): state is ModelState & { phase: Phase } => state.phase === phase;
    return waitUntil(phase, () => (reached(supervisor.state) ? supervisor.state : null), maxMs);
  };
  endings.push(async () => {
    supervisor.stop('shutdown');
    const left = () => marked(processRegistry.nonce);
    if (supervisor.state.phase === 'stopping') for (const pid of left()) process.kill(pid, 'SIGKILL');
    await waitUntil('nothing to be left', () => left().length === 0, 20_000);
  });
  const start = (force = false) => supervisor.start(model, {}, { force });
  const phases = () => changes.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
  return { supervisor, start, until, fake, logs, memory, changes, phases, processRegistry };
}

const real = () => someEngine();

/** On which no timer fires while a test looks: what happens then happens because somebody said so. */
const patient: Clock = { ...systemClock, after: (ms, action) => systemClock.after(ms * 1_000, action) };

test('a real llama-server loads, says what it is, answers with its key only, and goes when asked', async () => {
  const { start, until, supervisor, changes, phases, logs, memory, processRegistry } = keeping({
    engine: real(),
    deps: { clock: patient },
  });
  start();
  const ready = await until('ready');
  expect(ready).toMatchObject({ slots: 2, contextTokens: 1024, engine: 'llama.cpp', generation: 1 });
  const ask = (headers: Record<string, string>) => fetch(`${ready.baseUrl}/props`, { headers });
  expect((await ask({})).status).toBe(401);
  expect((await ask({ authorization: `Bearer ${ready.apiKey}` })).status).toBe(200);
  expect(supervisor.memoryBytes()).toBeGreaterThan(5_000_000);
  expect(memory[0]?.weightsBytes).toBeGreaterThan(0);
  expect(changes.some((state) => state.phase === 'starting' && state.stage === 'text_model' && state.ratio === 1)).toBe(
    true,
  );
  supervisor.stop('user');
  // By the tether's exit command: TERM would come four minutes later on this clock.
  await until('idle');
  expect(phases()).toEqual(['starting', 'ready', 'stopping', 'idle']);
  const { entries } = logs.tail({ source: 'tiny', lines: 2_000 });
  expect(entries.some(({ text }) => text.includes('model loaded'))).toBe(true);
  expect(entries.some(({ text }) => text.includes('cmd_child_to_router') || text.includes(ready.apiKey))).toBe(false);
  await waitUntil('nothing to be left', () => marked(processRegistry.nonce).length === 0);
});

test('readiness is seen when the engine says so, not at the next look', async () => {
  // The first look comes before it is ready, the second a minute later on this clock.
  const { start, until, fake } = keeping({ behaviour: { ready_after_ms: 1_500 }, deps: { clock: patient } });
  start();
  await until('ready');
  expect(fake.records('ready')).toHaveLength(1);
});

test('an engine without a tether is found ready by its health check', async () => {
  const { start, until, supervisor, fake } = keeping({ behaviour: { no_tether: true, ready_after_ms: 400 } });
  start();
  await until('ready');
  supervisor.stop('user');
  await until('idle');
  expect(fake.records('exit-command')).toEqual([]);
});

test('F-05: an engine that is not healthy is never ready, and a silent load is given up', async () => {
  const { start, until, phases, changes } = keeping({ behaviour: { never_ready: true, load_steps: 0 }, stallS: 1 });
  start();
  const failed = await until('failed');
  expect(failed.report).toMatchObject({ kind: 'load-stalled', isSticky: false });
  expect(failed.report.message).toContain('1 s');
  expect(phases()).toEqual(['starting', 'stopping', 'failed']);
  expect(changes.some(({ phase }) => phase === 'ready')).toBe(false);
});

test('F-06: a load that keeps talking outlives the stall time', async () => {
  const { start, until } = keeping({ behaviour: { ready_after_ms: 2_500, load_line_every_ms: 300 }, stallS: 1 });
  start();
  await until('ready');
});

test.each([['a flag it does not know', ['--bogus-flag'], 'bad-flag', '--bogus-flag']])(
  'F-07: a real engine that meets %s fails for good, with a sentence',
  async (_, extraArguments, kind, word) => {
    const { start, until } = keeping({
      engine: real(),
      deps: { launchFor: () => someLaunch(), adapterFor: () => withExtra(extraArguments) },
    });
    start();
    const failed = await until('failed');
    expect(failed.report).toMatchObject({ kind, isSticky: true });
    expect(failed.report.message).toContain(word);
    expect(failed.retryAtMs).toBeNull();
    for (let again = 0; again < 50; again += 1) start();
    expect(failed.attempts).toBe(1);
  },
);

/** The real adapter, with arguments it would refuse itself. */
function withExtra(extra: readonly string[]) {
  const adapter = llamaServer({ environment: process.env, allowedRoots: () => [root], featuresOf: () => null });
  const command: typeof adapter.command = (plan) => {
    const made = adapter.command(plan);
    return { ...made, argv: [...made.argv, ...extra] };
  };
  return { ...adapter, command };
}

test('F-08: a real engine without its libraries fails for good, and names one', async () => {
  const { executable, libraryPath } = real();
  // A build that is one file misses nothing.
  if (libraryPath === null) return;
  const alone = join(mkdtempSync(join(root, 'alone-')), 'llama-server');
  copyFileSync(executable, alone);
  const { start, until } = keeping({ engine: someEngine({ executable: alone, libraryPath: null }) });
  start();
  const { report } = await until('failed');
  expect(report).toMatchObject({ kind: 'missing-library', isSticky: true });
  expect(report.message).toMatch(/\.so|\.dylib/);
});

const foreignElf = Buffer.alloc(64);
foreignElf.write('7f454c46', 'hex');
// SPARC: nothing that Bun runs on.
foreignElf.writeUInt16LE(43, 18);

test.each([
  ['is missing', null, 0o755, 'is gone'],
  ['has no permission', '#!/bin/sh\nexit 0\n', 0o644, 'permission denied'],
  ['is a text file', 'this is no program\n', 0o755, 'is not a program'],
  ['is for another machine', foreignElf, 0o755, 'another kind of machine'],
] as const)('F-09: a program that %s is refused for good in words of its own', async (_, content, mode, words) => {
  const executable = join(mkdtempSync(join(root, 'broken-')), 'llama-server');
  if (content !== null) {
    writeFileSync(executable, content);
    chmodSync(executable, mode);
  }
  const { start, until } = keeping({ engine: someEngine({ executable, libraryPath: null }) });
  start();
  const { report } = await until('failed');
  expect(report).toMatchObject({ kind: 'not-executable', isSticky: true });
  expect(report.message).toContain(words);
});

test.each([
  ['gone', null, 'missing-file'],
  ['empty', '', 'corrupt-file'],
  ['junk', 'x'.repeat(5_000), 'corrupt-file'],
] as const)('F-11: a model file that is %s is refused before anything is spawned', async (_, content, kind) => {
  const modelPath = join(mkdtempSync(join(root, 'model-')), 'model.gguf');
  if (content !== null) writeFileSync(modelPath, content);
  const { start, until, fake } = keeping({ modelPath });
  start();
  const failed = await until('failed');
  expect(failed.report).toMatchObject({ kind, isSticky: true });
  expect(fake.records('start')).toEqual([]);
});

test('F-11: a truncated model is refused by the real engine, and the report says the file is damaged', async () => {
  const modelPath = join(mkdtempSync(join(root, 'model-')), 'model.gguf');
  writeFileSync(modelPath, Buffer.from(await Bun.file(demoPath).slice(0, 700_000).arrayBuffer()));
  const { start, until } = keeping({ engine: real(), modelPath });
  start();
  expect((await until('failed')).report).toMatchObject({ kind: 'corrupt-file', isSticky: true });
});

test.each([
  ['exit code 3', { code: 3 }, 3, null],
  ['a segmentation fault', { code: 0, signal: 'SIGSEGV' }, null, 'SIGSEGV'],
] as const)('%s while loading is a passing failure with the last lines', async (_, exit, code, signal) => {
  // Words of an engine that serves: a model that is being loaded may say them too.
  const stderr = 'srv  llama_server: listening on http://127.0.0.1:1\nslot  load_model: new slot\nlast words';
  const behaviour = { ready_after_ms: 5_000, exit: { ...exit, after_ms: 50, stderr } };
  const { start, until } = keeping({ behaviour });
  start();
  const failed = await until('failed');
  expect(failed.report.isSticky).toBe(false);
  expect(failed.report.tail).toContain('last words');
  if (code !== null) expect(failed.report.exitCode).toBe(code);
  if (signal !== null)
    expect(failed.report).toMatchObject({ signal, message: expect.stringContaining('while loading') });
  expect(failed.retryAtMs).not.toBeNull();
});

test('F-13: running out of memory is told as such', async () => {
  const stderr =
    'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9999.00 MiB on device 0: cudaMalloc failed: out of memory';
  const { start, until } = keeping({ behaviour: { exit: { code: 1, stderr } } });
  start();
  expect((await until('failed')).report.kind).toBe('out-of-memory');
});

test('F-14: a ready engine that is killed is seen at once, and starts again when asked', async () => {
  const { start, until, fake } = keeping();
  start();
  const pid = (await until('ready')).pid ?? 0;
  process.kill(pid, 'SIGKILL');
  const failed = await until('failed');
  expect(failed).toMatchObject({ attempts: 1, report: { signal: 'SIGKILL', kind: 'killed' } });
  start();
  expect(fake.records('start')).toHaveLength(1);
  start(true);
  expect((await until('ready')).generation).toBe(2);
  expect(fake.records('start')).toHaveLength(2);
});

test('F-10: a port that turns out to be taken is changed without anybody seeing it', async () => {
  const blocker = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  try {
    // Whoever took it did so between our look and the engine's bind.
    const blind = new Ports({ first: blocker.port, last: blocker.port + 50, isFree: () => true });
    const { start, until, phases } = keeping({ deps: { ports: blind } });
    start();
    const ready = await until('ready');
    // The next one may be somebody's as well.
    expect(ready.port).toBeGreaterThan(blocker.port);
    expect(phases()).toEqual(['starting', 'ready']);
  } finally {
    blocker.stop(true);
  }
});

test.each([
  ['of another model', { model_alias: 'theirs', model_path: '/x' }],
  ['of the same file under the same name', { model_alias: 'tiny', model_path: demoPath }],
])('F-18: somebody else’s healthy llama-server %s on the port is never taken for the engine', async (_, identity) => {
  const props = { default_generation_settings: { n_ctx: 9 }, total_slots: 9, ...identity };
  const foreign = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json({ status: 'ok', ...props }) });
  try {
    const first = foreign.port ?? 0;
    const { start, until, phases } = keeping({
      deps: { ports: new Ports({ first, last: first + 50, isFree: () => true }) },
    });
    start();
    // The next one may be somebody's as well.
    expect((await until('ready')).port).toBeGreaterThan(first);
    expect(phases()).toEqual(['starting', 'ready']);
  } finally {
    await foreign.stop(true);
  }
});

test('F-10: a port on which somebody answers before a slow engine is there is changed, too', async () => {
  const theirs = { status: 'ok', default_generation_settings: { n_ctx: 9 }, total_slots: 9, model_path: '/x' };
  const foreign = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => Response.json(theirs) });
  // Four seconds of looks at the stranger pass in a fifth of one, and the engine takes longer than that to bind.
  const clock = { ...systemClock, after: (ms: number, action: () => void) => systemClock.after(ms / 20, action) };
  try {
    const first = foreign.port ?? 0;
    const folder = mkdtempSync(join(root, 'slow-'));
    const { executable } = makeFakeEngine(folder);
    const slow = join(folder, 'slow-server');
    writeFileSync(slow, `#!/bin/sh\ncase "$*" in *"${first}"*) sleep 30;; esac\nexec '${executable}' "$@"\n`);
    chmodSync(slow, 0o755);
    const { start, until, phases } = keeping({
      engine: someEngine({ executable: slow, libraryPath: null }),
      deps: { clock, ports: new Ports({ first, last: first + 50, isFree: () => true }) },
    });
    start();
    expect((await until('ready', 25_000)).port).toBeGreaterThan(first);
    expect(phases()).toEqual(['starting', 'ready']);
  } finally {
    await foreign.stop(true);
  }
});

test('a start in a stopping model waits for the exit', async () => {
  const { start, until, supervisor, phases } = keeping();
  start();
  await until('ready');
  supervisor.stop('eviction');
  start();
  expect(supervisor.state.phase).toBe('stopping');
  await until('ready');
  expect(phases()).toEqual(['starting', 'ready', 'stopping', 'starting', 'ready']);
});

test('F-16: an engine that ignores everything is killed when its grace is over', async () => {
  const behaviour = { ignore_term: true, ignore_eof: true, ignore_exit_command: true, fork_grandchild: true };
  // Ten seconds of grace pass in one.
  const clock = { ...systemClock, after: (ms: number, action: () => void) => systemClock.after(ms / 10, action) };
  const { start, until, supervisor, fake, processRegistry } = keeping({ behaviour, deps: { clock } });
  start();
  await until('ready');
  supervisor.stop('user');
  const startedMs = performance.now();
  await until('idle');
  expect(performance.now() - startedMs).toBeGreaterThan(900);
  expect(fake.records('exit-command')).toHaveLength(1);
  expect(fake.records('term-ignored')).toHaveLength(1);
  await waitUntil('nothing to be left', () => marked(processRegistry.nonce).length === 0);
});

test('a stop during the load ends it', async () => {
  const { start, until, supervisor, phases } = keeping({ behaviour: { ready_after_ms: 60_000 } });
  start();
  await waitUntil('a process', () => supervisor.state.phase === 'starting' && supervisor.state.pid !== null);
  supervisor.stop('abandoned');
  await until('idle');
  expect(phases()).toEqual(['starting', 'stopping', 'idle']);
});

test('the engine is fetched first, its progress shown; a stop meanwhile gives that up', async () => {
  let wasAborted = false;
  const ensure: SupervisorDeps['engines']['ensure'] = (_wish, signal, onProgress) => {
    onProgress(0.25);
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        wasAborted = true;
        reject(signal.reason);
      }),
    );
  };
  const { start, supervisor, fake } = keeping({ deps: { engines: { ensure } } });
  start();
  expect(supervisor.state).toMatchObject({ phase: 'starting', stage: 'installing-engine', ratio: 0.25, pid: null });
  supervisor.stop('user');
  expect(supervisor.state).toEqual({ phase: 'idle' });
  await waitUntil('the abort', () => wasAborted);
  expect(fake.records('start')).toEqual([]);
});

test('once the engine is fetched, nothing says any more that it is being fetched', async () => {
  const { executable } = makeFakeEngine(mkdtempSync(join(root, 'fetched-')), { load_steps: 0, ready_after_ms: 300 });
  const ensure: SupervisorDeps['engines']['ensure'] = async (_wish, _signal, onProgress) => {
    onProgress(1);
    await Bun.sleep(1);
    return someEngine({ executable, libraryPath: null });
  };
  const { start, until, changes } = keeping({ deps: { engines: { ensure } } });
  start();
  await until('ready');
  const stages = changes.flatMap((state) => (state.phase === 'starting' ? [state.stage] : []));
  expect(stages.slice(0, 3)).toEqual(['starting-process', 'installing-engine', 'starting-process']);
  expect(stages.slice(2)).not.toContain('installing-engine');
});

test.each([
  ['engine-missing', 'not-executable', true],
  ['offline', 'unknown', false],
] as const)('no engine (%s) is a failure in its own words', async (kind, crashKind, isSticky) => {
  const ensure = () => Promise.reject(new Fault(kind, 'No engine to be had.', { hint: 'Install one.' }));
  const { start, until } = keeping({ deps: { engines: { ensure } } });
  start();
  const { report } = await until('failed');
  expect(report).toMatchObject({ kind: crashKind, isSticky, message: 'No engine to be had.', hint: 'Install one.' });
});

test('a refused argument fails for good before anything is spawned', async () => {
  const { start, until, fake, processRegistry } = keeping({ extraArguments: ['--host', '0.0.0.0'] });
  start();
  const { report } = await until('failed');
  expect(report).toMatchObject({ kind: 'bad-flag', isSticky: true });
  expect(fake.records('start')).toEqual([]);
  expect(marked(processRegistry.nonce)).toEqual([]);
});

test('F-21: tokens flow while the engine floods its log', async () => {
  const { start, until, logs } = keeping({ behaviour: { log_flood_mb_per_s: 100 } });
  let told = 0;
  logs.follow(({ text }) => {
    if (/\d+ lines dropped/.test(text)) told += 1;
  });
  start();
  const { baseUrl, apiKey } = await until('ready');
  const before = await heldBytes();
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ messages: [], stream: true, fake: { tokens: 40, tokens_per_s: 20 } }),
  });
  expect((await response.text()).trimEnd()).toEndWith('data: [DONE]');
  // Two seconds are 200 MB, which would all be here if they were kept.
  expect((await heldBytes()) - before).toBeLessThan(32_000_000);
  expect(told).toBeGreaterThan(0);
  expect(logs.tail({ source: 'tiny', lines: 1 }).dropped).toBeGreaterThan(10_000);
}, 180_000);
