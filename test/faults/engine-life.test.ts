/**
 * Engines that fail in each part of their lives, under a whole Flow: what clients, pages and records are told, and that
 * nothing is started in vain. How one process is kept: test/supervision; how turns follow: test/scheduling; model files
 * that go or change: model-file.test.ts.
 */
import { expect, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flow as flowCommand } from '#test/cli/flow-command.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { startFlow, until } from '#test/support/running-flow.ts';
import { faultyFlow, isAlive } from './support/faulty-flow.ts';

const GPU_IS_FULL =
  'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9999.00 MiB on device 0: cudaMalloc failed: out of memory';

test('F-05: an engine that is never ready is given up, and everybody who waited is told the same', async () => {
  await using house = await faultyFlow({ never_ready: true, load_steps: 0 });
  await house.flow.json('/api/settings', { load_stall_seconds: 5 }, 'PUT');
  const whole = Promise.all([house.ask(), house.ask()]);
  const streamed = house.ask({ stream: true }).then((response) => response.text());
  const pid = await until('a process', async () => (await house.model()).state.pid);
  expect(await house.reservedBytes()).toBeGreaterThan(0);
  const words = 'showed no sign of life for 5 s';
  for (const response of await whole) {
    expect(response.status).toBe(503);
    expect(await response.text()).toContain(words);
  }
  expect(await streamed).toContain(words);
  expect((await house.phase('failed')).state.report).toMatchObject({ kind: 'load-stalled', isSticky: false });
  expect(isAlive(pid)).toBe(false);
  expect(await house.reservedBytes()).toBe(0);
  expect(house.fake.records('start')).toHaveLength(1);
}, 180_000);

test('F-07: a flag that the engine does not know is told once, and fifty requests start nothing more', async () => {
  await using house = await faultyFlow({ exit: { code: 1, stderr: 'error: invalid argument: --bogus-flag' } });
  const answers = await Promise.all(Array.from({ length: 50 }, () => house.ask()));
  for (const response of answers) {
    expect(response.status).toBe(503);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.text()).toContain('llama-server 0.1.0-fake does not know `--bogus-flag`');
  }
  expect((await house.model()).state).toMatchObject({ retryAtMs: null, report: { kind: 'bad-flag', isSticky: true } });
  expect(house.fake.records('start')).toHaveLength(1);
  // What somebody changed may have mended it.
  house.fake.behave({});
  await house.flow.json('/api/models/flow-demo/config', { launch: { ctx_size: 2048 } }, 'PUT');
  expect((await house.ask()).status).toBe(200);
  expect(house.fake.records('start')).toHaveLength(2);
});

/** What a request, the page and the doctor say of an engine whose program does not run. */
async function saidOf(executable: string): Promise<{ answer: string; page: string; doctor: string }> {
  await using flow = await startFlow({ engine: executable });
  const refused = await flow.json('/v1/chat/completions', { model: 'flow-demo', messages: [] });
  expect(refused.status).toBe(503);
  const page = await (await fetch(flow.url, { headers: { accept: 'text/html' } })).text();
  const environment = { FLOW_LLAMA_SERVER: executable, FLOW_DATA_DIR: flow.dataDir };
  const { stdout } = await flowCommand(['doctor'], { environment });
  return { answer: JSON.stringify(refused.body), page, doctor: stdout };
}

test.each([
  ['F-08: lacks a shared library', 'library', /library \S+\.so\S* is missing/],
  ['F-09: is gone', 'nothing', /no such file/],
  ['F-09: may not be executed', 'mode', /no permission/],
  ['F-09: is no program', 'text', /not a program|not for this machine/],
] as const)('%s: an engine is told as that by requests, page and doctor, with a way out', async (_, what, words) => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-engine-'));
  const executable = join(folder, 'llama-server');
  if (what === 'library') copyFileSync(realEngine().executable, executable);
  else if (what !== 'nothing') writeFileSync(executable, what === 'mode' ? '#!/bin/sh\n' : 'this is no program\n');
  if (what === 'text') chmodSync(executable, 0o755);
  const { answer, page, doctor } = await saidOf(executable);
  rmSync(folder, { recursive: true });
  expect(answer).toMatch(words);
  expect(page).toMatch(words);
  expect(page).toContain('href="/settings#engines"');
  expect(doctor).toMatch(words);
});

test('F-13: a load without memory is tried once more when idle models are gone, then names the levers', async () => {
  await using house = await faultyFlow({ models: { second: { exit: { code: 1, stderr: GPU_IS_FULL } } } });
  const path = join(house.flow.dataDir, 'models', 'second.gguf');
  copyFileSync(join(house.flow.dataDir, 'models', 'flow-demo.gguf'), path);
  await house.flow.json('/api/register-local', { path });
  expect((await house.ask()).status).toBe(200);
  await house.phase('ready');
  const refused = await house.ask({ model: 'second' });
  expect(refused.status).toBe(503);
  const text = await refused.text();
  expect(text).toContain('9999.00 MiB on GPU 0 could not be had');
  for (const lever of ['ctx_size', 'n_parallel', 'cache type']) expect(text).toContain(lever);
  expect(house.fake.records('start').map(({ model }) => model)).toEqual(['flow-demo', 'second', 'second']);
  expect((await house.model()).state.phase).toBe('idle');
  expect(await house.reservedBytes()).toBe(0);
});

test('F-14: an engine killed while nobody used it is seen at once, and started again only when asked for', async () => {
  await using house = await faultyFlow();
  expect((await house.ask()).status).toBe(200);
  const { state } = await house.phase('ready');
  process.kill(state.pid ?? 0, 'SIGKILL');
  expect((await house.phase('failed', 'flow-demo')).state.report?.kind).toBe('killed');
  // Longer than the first back-off, after which it may be started by whoever asks.
  await Bun.sleep(1_500);
  expect(house.fake.records('start')).toHaveLength(1);
  expect((await house.ask()).status).toBe(200);
  expect(house.fake.records('start')).toHaveLength(2);
});

test('F-19: an engine that gives nothing but errors is marked for people and programs, and runs on', async () => {
  await using house = await faultyFlow({ request: { status: 500 } });
  for (let asked = 1; asked <= 5; asked += 1) {
    expect((await house.model()).isMisbehaving).toBe(false);
    expect((await house.ask({ stream: asked % 2 === 0 })).status).toBe(500);
  }
  expect(await house.model()).toMatchObject({ isMisbehaving: true, state: { phase: 'ready', generation: 1 } });
  const page = await fetch(house.flow.url, { headers: { accept: 'text/html' } });
  expect(await page.text()).toContain('misbehaving');
  expect((await house.ask({ fake: { status: 0, tokens: 1 } })).status).toBe(200);
  expect((await house.model()).isMisbehaving).toBe(false);
  expect(house.fake.records('start')).toHaveLength(1);
});

test('F-20: an engine replaced while it runs goes on, the next start is the new one, and rows say which', async () => {
  await using house = await faultyFlow();
  await (await house.ask()).text();
  makeFakeEngine(house.folder, {}, '0.2.0 (build 4711, commit cafe)');
  await (await house.ask()).text();
  await house.flow.json('/api/models/flow-demo/unload', {});
  await house.phase('idle');
  await (await house.ask()).text();
  const rows = await until('three rows', async () => {
    const found = await house.rows();
    return found.length === 3 ? found : null;
  });
  expect(rows.map((row) => row.engine_version)).toEqual(['b4711', '0.1.0-fake', '0.1.0-fake']);
});

test('F-49: settings that change while a model loads or answers are for its next start, and pages say so', async () => {
  await using house = await faultyFlow({ ready_after_ms: 1_500, request: { tokens: 40, tokens_per_s: 20 } });
  const set = (ctx_size: number) =>
    house.flow.json('/api/models/flow-demo/config', { launch: { ctx_size } }, 'PUT').then(({ status }) => status);
  const told = async () => (await house.flow.json('/api/models/flow-demo')).body;
  const runsWith = async () =>
    ((await house.flow.json('/api/models/flow-demo/config')).body.load_params as { ctx_size: number }).ctx_size;
  expect(await set(2048)).toBe(200);
  const streamed = house.ask({ stream: true });
  await house.phase('starting');
  expect(await set(1024)).toBe(200);
  const answer = (await streamed).text();
  await house.phase('ready');
  const given = await runsWith();
  expect((await told()).needs_restart).toBe(true);
  await until('an answer under way', async () => (await house.model()).inFlight === 1);
  expect(await set(512)).toBe(200);
  expect(await answer).toEndWith('data: [DONE]\n\n');
  expect(await runsWith()).toBe(given);
  expect(house.fake.records('start')).toHaveLength(1);
  for (const path of ['/', '/models']) {
    const page = await fetch(house.flow.url + path, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('Restart to apply');
  }
  await house.flow.json('/api/models/flow-demo/unload', {});
  await house.phase('idle');
  expect((await house.ask({ fake: { tokens: 1 } })).status).toBe(200);
  expect(await runsWith()).toBe(given / 4);
  expect((await told()).needs_restart).toBe(false);
});

test('F-21: tokens flow while an engine floods its log, what was dropped is counted, and memory stays', async () => {
  await using house = await faultyFlow({ log_flood_mb_per_s: 100, request: { tokens: 60, tokens_per_s: 20 } });
  await (await house.ask({ fake: { tokens: 1 } })).text();
  const before = residentBytes(house.flow.pid);
  const text = await (await house.ask({ stream: true })).text();
  expect(text).toEndWith('data: [DONE]\n\n');
  // Three seconds are 300 MB.
  expect(residentBytes(house.flow.pid) - before).toBeLessThan(48 << 20);
  await house.flow.json('/api/models/flow-demo/unload', {});
  await house.phase('idle');
  const { body } = await house.flow.json('/api/logs?model_id=flow-demo&lines=2000');
  expect(body.dropped).toBeGreaterThan(100_000);
});

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
