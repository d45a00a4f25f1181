/**
 * Model files that go or change under a Flow whose real engine serves them: what runs goes on, and the next load is of
 * what lies there then. What listings say of files that are gone: test/models/presence.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { loadsOf, type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

let folder: string;
let flow: RunningFlow;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-file-'));
  mkdirSync(join(folder, 'models'));
  flow = await startFlow({ engine: realEngine().executable, flags: ['--models-dir', join(folder, 'models')] });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (model: string): Promise<{ status: number; body: Record<string, unknown> }> =>
  flow.json('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 3 });

async function registered(name: string): Promise<string> {
  const path = join(folder, 'models', `${name}.gguf`);
  writeFileSync(path, tinyGguf(4096));
  expect((await flow.json('/api/register-local', { path })).status).toBeLessThan(300);
  expect((await ask(name)).status).toBe(200);
  return path;
}

async function unload(name: string): Promise<void> {
  await flow.json(`/api/models/${name}/unload`, {});
  await until('it is unloaded', async () => Number((await flow.json('/api/health')).body.running_models) === 0);
}

test('F-12: a file that is deleted while its model is loaded ends nothing; the next load says that it is gone', async () => {
  const path = await registered('deleted');
  const aside = join(folder, 'aside.gguf');
  renameSync(path, aside);
  expect((await ask('deleted')).status).toBe(200);
  expect(await loadsOf(flow, 'deleted')).toBe(1);
  await unload('deleted');
  const { status, body } = await ask('deleted');
  expect(status).toBe(404);
  expect(JSON.stringify(body)).toContain(`deleted.gguf is no longer in ${join(folder, 'models')}`);
  // It is back, and so is the model, without anybody registering it again.
  renameSync(aside, path);
  await until('it answers again', async () => (await ask('deleted')).status === 200);
  expect(await loadsOf(flow, 'deleted')).toBe(2);
  await unload('deleted');
});

type Told = { readonly size_bytes: number; readonly context_length: number; readonly quantization: string };

async function told(name: string): Promise<Told & { readonly template_valid: boolean | null }> {
  return (await flow.json(`/api/models/${name}`)).body as Awaited<ReturnType<typeof told>>;
}

test('F-12: a file that is replaced while its model is loaded ends nothing; the next load is of the new one', async () => {
  const path = await registered('replaced');
  expect(await told('replaced')).toMatchObject({ context_length: 4096, quantization: 'F32' });
  const other = join(folder, 'other.gguf');
  await writeScriptedModel(other, { scripts: { a: 'I am another one.' }, shape: { contextTokens: 2048 } });
  renameSync(other, path);
  expect((await ask('replaced')).status).toBe(200);
  expect(await loadsOf(flow, 'replaced')).toBe(1);
  await unload('replaced');
  // Nobody scans.
  expect(JSON.stringify((await ask('replaced')).body)).toContain('I am another one.');
  const now = { size_bytes: statSync(path).size, context_length: 2048, quantization: 'F16' };
  expect(await told('replaced')).toMatchObject(now);
  await until('a verdict on its template', async () => (await told('replaced')).template_valid);
  // What it was started with follows from what it is: it was trained for no more.
  const { load_params: started } = (await flow.json('/api/models/replaced/config')).body as {
    load_params: { ctx_size: number; n_parallel: number };
  };
  expect(started.ctx_size / started.n_parallel).toBe(2048);
  const page = await (await fetch(`${flow.url}/models`, { headers: { accept: 'text/html' } })).text();
  expect(page).toMatch(/replaced[\s\S]*F16/);
  await unload('replaced');
});

test('F-12: a file of the same size and time, in the place of another, is a new one all the same', async () => {
  const path = await registered('twin');
  await unload('twin');
  const { atime, mtime, size } = statSync(path);
  const other = join(folder, 'other.gguf');
  writeFileSync(other, tinyGguf(2048));
  utimesSync(other, atime, mtime);
  utimesSync(path, atime, mtime);
  expect(statSync(other).size).toBe(size);
  renameSync(other, path);
  expect((await ask('twin')).status).toBe(200);
  expect(await told('twin')).toMatchObject({ size_bytes: size, context_length: 2048 });
  await unload('twin');
});

test('F-12: what is no model in the place of one is told at the next load, and starts nothing', async () => {
  const path = await registered('spoilt');
  await unload('spoilt');
  writeFileSync(path, '<!doctype html>no model');
  const { status, body } = await ask('spoilt');
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain('does not begin like a GGUF file');
  writeFileSync(path, tinyGguf(1024));
  expect((await ask('spoilt')).status).toBe(200);
  expect(await told('spoilt')).toMatchObject({ context_length: 1024 });
  expect(await loadsOf(flow, 'spoilt')).toBe(2);
  await unload('spoilt');
});
