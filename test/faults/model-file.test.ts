/** Model files that go or change under a Flow that serves them. What else listings say of them: presence.test.ts. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { type FakeEngine, makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

let folder: string;
let flow: RunningFlow;
let fake: FakeEngine;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-file-'));
  mkdirSync(join(folder, 'models'));
  fake = makeFakeEngine(folder);
  flow = await startFlow({ engine: fake.executable, flags: ['--models-dir', join(folder, 'models')] });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ask = async (model: string): Promise<{ status: number; body: Record<string, unknown> }> =>
  flow.json('/v1/chat/completions', { model, messages: [{ role: 'user', content: 'x' }], max_tokens: 3 });

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
  const starts = fake.records('start').length;
  rmSync(path);
  expect((await ask('deleted')).status).toBe(200);
  await unload('deleted');
  const { status, body } = await ask('deleted');
  expect(status).toBe(404);
  expect(JSON.stringify(body)).toContain(`deleted.gguf is no longer in ${join(folder, 'models')}`);
  expect(fake.records('start')).toHaveLength(starts);
  // It is back, and so is the model, without anybody registering it again.
  writeFileSync(path, tinyGguf(4096));
  await until('it answers again', async () => (await ask('deleted')).status === 200);
  await unload('deleted');
});

test('F-12: a file that is replaced while its model is loaded ends nothing; after a scan the new one is known', async () => {
  const path = await registered('replaced');
  const other = join(folder, 'other.gguf');
  writeFileSync(other, Buffer.concat([tinyGguf(2048), new Uint8Array(4_096)]));
  renameSync(other, path);
  expect((await ask('replaced')).status).toBe(200);
  await unload('replaced');
  await flow.json('/api/models/scan', {});
  expect((await ask('replaced')).status).toBe(200);
  const { body } = await flow.json('/api/models/replaced');
  expect(body.size_bytes ?? body.file_size).toBe(statSync(path).size);
  await unload('replaced');
});
