/** An MLX folder through a whole Flow: registered, listed, its template judged. Its engines' tests load it. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';
import { writeScriptedMlx } from '#test/support/scripted-mlx.ts';

let flow: RunningFlow;
beforeAll(async () => {
  flow = await startFlow();
});
afterAll(async () => await flow[Symbol.asyncDispose]());

test('is registered by its folder, with what it can do and what it takes', async () => {
  const path = join(flow.dataDir, 'models', 'me', 'Scripted-bf16');
  await writeScriptedMlx(path, { scripts: { plain: 'Hello.' }, contextTokens: 2048 });
  const { status, body } = await flow.json('/api/register-local', { mlx_path: path });
  expect(status).toBe(200);
  expect(body).toMatchObject({ model_id: 'Scripted-bf16', name: 'Scripted-bf16' });
  const shown = async () => (await flow.json('/api/models/Scripted-bf16')).body;
  expect(await shown()).toMatchObject({
    ...{ backend: 'mlx', mlx_path: path, gguf_file: null, quantization: 'fp32', context_length: 2048 },
    ...{ capabilities: { tools: true, thinking: true, vision: false, embedding: false }, memory_source: 'formula' },
  });
  const model = await shown();
  const sizeBytes = Number(model.size_bytes);
  expect(Number(model.memory_gb) * 1e9).toBeGreaterThan(sizeBytes + 150e6);
  expect(sizeBytes).toBeGreaterThan(1e6);
  // Its template is judged on registration, as that of any other.
  await until('the template is judged', async () => ((await shown()).template_valid === true ? true : null));
  const again = await flow.json('/api/register-local', { path: join(path, 'config.json') });
  expect(again.body).toEqual({ model_id: 'Scripted-bf16', status: 'already_registered' });
});

test('that is none is refused in plain words, without a word of what is in it', async () => {
  const path = join(flow.dataDir, 'models', 'broken');
  await writeScriptedMlx(path, { scripts: { plain: 'Hello.' } });
  await Bun.write(join(path, 'config.json'), '{"SECRET": ');
  const { status, body } = await flow.json('/api/register-local', { mlx_path: path });
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain('config.json is not the JSON that it should be');
  expect(JSON.stringify(body)).not.toContain('SECRET');
});
