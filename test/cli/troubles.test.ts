/** What commands say when an engine is slow, dies or cannot load: with the fake engine, which does so when told. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { type CommandOptions, type Ended, flow as flowAnywhere } from './flow-command.ts';

const DEMO = 'flow-demo';

let folder: string;
let engine: FakeEngine;
let gateway: RunningFlow;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-cli-fake-'));
  engine = makeFakeEngine(folder);
  gateway = await startFlow({ engine: engine.executable });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function flow(argv: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const { port } = new URL(gateway.url);
  return flowAnywhere(argv, { ...options, environment: { FLOW_PORT: port, FLOW_DATA_DIR: gateway.dataDir } });
}

async function unloaded(): Promise<void> {
  await gateway.json(`/api/models/${DEMO}/unload`, { force: true });
  await until('the end', async () => (await flow(['ps'])).stdout.startsWith('Nothing'));
}

test('Ctrl-C stops an answer: code 130, and the engine is free again', async () => {
  engine.behave({ request: { pieces: ['word ', ...Array.from({ length: 500 }, () => 'more ')], tokens_per_s: 20 } });
  const signalAt = { text: 'word', signal: 'SIGINT' } as const;
  const { code, stdout, ms } = await flow(['run', DEMO, 'hello'], { signalAt });
  expect({ code, stdout }).toEqual({ code: 130, stdout: expect.stringMatching(/^word /) });
  expect(ms).toBeLessThan(15_000);
  await until('no request', async () => (await flow(['ps'])).stdout.match(/ready +0 +0/));
  await unloaded();
});

test('escape codes in an answer do not reach the terminal', async () => {
  engine.behave({ request: { pieces: ['\u001b[2J', 'safe\u0007 ', '\u001b]0;x\u0007done'] } });
  expect(await flow(['run', DEMO, 'hello'])).toMatchObject({ code: 0, stdout: 'safe done\n' });
  await unloaded();
});

test('an engine that dies in the midst of an answer is said, with what had come', async () => {
  engine.behave({ request: { tokens: 20, crash_after_tokens: 3 } });
  const { code, stdout, stderr } = await flow(['run', DEMO, 'hello']);
  expect(code).toBe(1);
  expect(stdout.length).toBeGreaterThan(3);
  expect(stderr).toMatch(/engine|llama/i);
  expect(stderr).not.toContain('did not expect');
});

test('a load that fails is code 6, with the reason, and ps shows it', async () => {
  engine.behave({ exit: { code: 1, after_ms: 50, stderr: 'error: unable to load model' } });
  const { code, stderr } = await flow(['load', DEMO]);
  expect({ code, stderr }).toEqual({ code: 6, stderr: expect.stringMatching(/\S+.*\n/) });
  expect((await flow(['ps'])).stdout).toMatch(/flow-demo +failed/);
});

test('a load that is interrupted goes on, and says so', async () => {
  engine.behave({ ready_after_ms: 5_000 });
  const signalAt = { text: `${DEMO}: `, signal: 'SIGTERM' } as const;
  const { code, stderr, ms } = await flow(['load', DEMO], { signalAt });
  expect({ code, stderr }).toEqual({ code: 143, stderr: expect.stringContaining('goes on loading') });
  expect(ms).toBeLessThan(5_000);
  expect((await flow(['ps'])).stdout).toMatch(/flow-demo +loading/);
});

test('a Flow that dies in the midst of an answer is said', async () => {
  engine.behave({ request: { pieces: ['word ', ...Array.from({ length: 500 }, () => 'more ')], tokens_per_s: 20 } });
  await using short = await startFlow({ engine: engine.executable });
  const actAt = { text: 'word', act: () => short.kill('SIGKILL') };
  const answered = await flowAnywhere(['run', DEMO, 'hello', '--port', new URL(short.url).port], { actAt });
  expect(answered).toMatchObject({ code: 1, stderr: expect.stringContaining('The connection to Flow broke off.') });
});
