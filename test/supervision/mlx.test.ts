// A model's keeper with real MLX servers and a scripted model: loads, answers, failures, ends. What command lines say
// and what parsers are chosen is tested in test/engines/mlx.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ports } from '#src/supervision/ports.ts';
import { someLaunch, someModel } from '#test/engines/support/plan.ts';
import { freePort } from '#test/support/free-port.ts';
import { realMlx } from '#test/support/mlx-engine.ts';
import { keepMlx, testAdapter } from '#test/support/mlx-keeper.ts';
import { marked } from '#test/support/processes.ts';
import { MLX_SCRIPTS, writeScriptedMlx } from '#test/support/scripted-mlx.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-mlx-models-'));
const modelPath = join(root, 'scripted');
const hasMlxLm = (await realMlx('mlx-lm')) !== null;

beforeAll(async () => {
  await writeScriptedMlx(modelPath, { scripts: MLX_SCRIPTS });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the model with something wrong about it. */
function copyWith(name: string, change: (folder: string) => void): string {
  const folder = join(root, name);
  cpSync(modelPath, folder, { recursive: true });
  change(folder);
  return folder;
}

async function ask(baseUrl: string, content: string, more: object = {}): Promise<unknown> {
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: modelPath, max_tokens: 60, messages: [{ role: 'user', content }], ...more }),
  });
  return await response.json();
}

describe.if(hasMlxLm)('mlx_lm.server', () => {
  test('loads with progress, is ready only when it answers, and is gone at once when asked', async () => {
    const large = join(root, 'large');
    await writeScriptedMlx(large, { scripts: MLX_SCRIPTS, layers: 24 });
    const sizeBytes = Bun.file(join(large, 'model.safetensors')).size;
    await using keeper = await keepMlx('mlx-lm', large, { model: { sizeBytes } });
    if (!keeper) return;
    keeper.start();
    const ready = await keeper.until('ready');
    expect(ready).toMatchObject({ engine: 'mlx-lm', contextTokens: 4096, slots: 2 });
    expect(ready.port).toBeGreaterThanOrEqual(8100);
    expect(ready.speech).toMatchObject({ modelName: large, stopsAtStrings: false });
    const ratios = keeper.changes.flatMap((state) =>
      state.phase === 'starting' && state.stage === 'text_model' && state.ratio !== null ? [state.ratio] : [],
    );
    expect(Math.max(...ratios)).toBeGreaterThan(0);
    expect(ratios).toEqual(ratios.toSorted((one, other) => one - other));
    expect(await ask(ready.baseUrl, 'plain', { model: large })).toMatchObject({
      choices: [{ message: { content: 'This is a plain scripted answer of a few words.' } }],
    });
    keeper.supervisor.stop('user');
    await keeper.until('idle');
    await keeper.untilGone();
  });

  test('a stop in the middle of its load ends it', async () => {
    await using keeper = await keepMlx('mlx-lm', modelPath);
    if (!keeper) return;
    keeper.start();
    await waitUntil('a process', () => keeper.left().length > 0, 10_000);
    keeper.supervisor.stop('user');
    await keeper.until('idle');
    await keeper.untilGone();
  });

  test.each([
    [
      'a type that it does not know',
      (folder: string) => {
        const path = join(folder, 'config.json');
        writeFileSync(path, readFileSync(path, 'utf8').replace('"qwen3"', '"qwen99"'));
      },
      /does not know models of type 'qwen99'/,
    ],
    [
      'weights that are cut short',
      (folder: string) => truncateSync(join(folder, 'model.safetensors'), 200_000),
      /damaged or incomplete: Tensor .* exceeding the size of the file/,
    ],
    [
      'a tokenizer that is no JSON',
      (folder: string) => writeFileSync(join(folder, 'tokenizer.json'), '{"version": '),
      /damaged or incomplete/,
    ],
  ])('%s fails the load in words instead of hanging', async (name, change, words) => {
    await using keeper = await keepMlx('mlx-lm', copyWith(name.replaceAll(' ', '-'), change));
    if (!keeper) return;
    keeper.start();
    const { report, retryAtMs } = await keeper.until('failed', 30_000);
    expect(report.message).toMatch(words);
    expect(retryAtMs).toBeNull();
    await keeper.untilGone();
  });

  test('a folder without weights is refused without starting Python', async () => {
    const folder = copyWith('no-weights', (path) => rmSync(join(path, 'model.safetensors')));
    await using keeper = await keepMlx('mlx-lm', folder);
    if (!keeper) return;
    keeper.start();
    const { report } = await keeper.until('failed');
    expect(report).toMatchObject({ kind: 'missing-file', isSticky: true });
    expect(report.message).toContain('no weights');
  });

  test('a port that was taken after all is left for the next', async () => {
    const other = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
    try {
      const ports = new Ports({ first: other.port, last: other.port + 40, isFree: () => true });
      const reserve = ports.reserve.bind(ports);
      ports.reserve = (avoid) => reserve(avoid, other.port);
      await using keeper = await keepMlx('mlx-lm', modelPath, { ports });
      if (!keeper) return;
      keeper.start();
      expect((await keeper.until('ready')).port).toBeGreaterThan(other.port);
    } finally {
      other.stop(true);
    }
  });

  test('killed while it serves, it is failed with that reason and can be started again', async () => {
    await using keeper = await keepMlx('mlx-lm', modelPath);
    if (!keeper) return;
    keeper.start();
    const { pid } = await keeper.until('ready');
    process.kill(pid ?? 0, 'SIGKILL');
    expect((await keeper.until('failed')).report.kind).toBe('killed');
    keeper.supervisor.start(keeper.model, {}, { force: true });
    expect((await keeper.until('ready')).generation).toBe(2);
  });

  test('a draft model is used, and then one request is served at a time', async () => {
    await using keeper = await keepMlx('mlx-lm', modelPath, { launch: { draft_model_path: modelPath } });
    if (!keeper) return;
    keeper.start();
    const ready = await keeper.until('ready');
    expect(ready.slots).toBe(1);
    expect(await ask(ready.baseUrl, 'think')).toMatchObject({
      choices: [{ message: { content: '\n\nI have considered it.' } }],
    });
  });
});

describe.each(['mlx-vlm', 'mlx-openai-server'] as const)('%s', (kind) => {
  test('loads, answers with its key alone, and goes within a second of an endless answer', async () => {
    await using keeper = await keepMlx(kind, modelPath);
    if (!keeper) return;
    keeper.start();
    const ready = await keeper.until('ready');
    expect(ready).toMatchObject({ engine: kind, contextTokens: 4096, slots: 2 });
    const post = (content: string, key: string, stream: boolean) =>
      fetch(`${ready.baseUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        body: JSON.stringify({
          ...{ model: modelPath, max_tokens: 100_000, stream },
          messages: [{ role: 'user', content }],
        }),
      });
    expect(await (await post('plain', ready.apiKey, false)).json()).toMatchObject({
      choices: [{ message: { content: 'This is a plain scripted answer of a few words.' } }],
    });
    // The other has no keys.
    if (kind === 'mlx-vlm') expect((await post('plain', 'wrong', false)).status).toBe(401);
    const endless = await post('endless', ready.apiKey, true);
    const reader = endless.body?.getReader();
    await reader?.read();
    keeper.supervisor.stop('user');
    const startedMs = performance.now();
    await keeper.until('idle', 12_000);
    expect(performance.now() - startedMs).toBeLessThan(4_000);
    await keeper.untilGone();
    await reader?.cancel().catch(() => {});
  });

  test('a type that it does not know fails the load in words', async () => {
    const folder = copyWith(`${kind}-type`, (path) => {
      const config = join(path, 'config.json');
      writeFileSync(config, readFileSync(config, 'utf8').replace('"qwen3"', '"qwen99"'));
    });
    await using keeper = await keepMlx(kind, folder);
    if (!keeper) return;
    keeper.start();
    const { report } = await keeper.until('failed', 40_000);
    expect(report.message).toContain("models of type 'qwen99'");
    await keeper.untilGone();
  });
});

test('the scripted models speak XML calls and cut bytes', async () => {
  if (!hasMlxLm) return;
  const { MLX_XML_SCRIPTS } = await import('#test/support/scripted-mlx.ts');
  const folder = join(root, 'xml');
  mkdirSync(folder);
  await writeScriptedMlx(folder, { scripts: MLX_XML_SCRIPTS, callFormat: 'qwen-xml', opensThought: true });
  await using keeper = await keepMlx('mlx-lm', folder);
  if (!keeper) return;
  keeper.start();
  const { baseUrl } = await keeper.until('ready');
  const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }];
  expect(
    await ask(baseUrl, 'said_call', { model: folder, tools, chat_template_kwargs: { enable_thinking: false } }),
  ).toMatchObject({
    choices: [{ message: { tool_calls: [{ function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }] } }],
  });
  expect(
    await ask(baseUrl, 'bytes', { model: folder, chat_template_kwargs: { enable_thinking: false } }),
  ).toMatchObject({
    choices: [{ message: { content: expect.stringContaining('aus 日本: family 👨‍👩‍👧‍👦') } }],
  });
});

test('mlx-openai-server embeds with a model of embeddings', async () => {
  const capabilities = { tools: false, thinking: false, vision: false, embedding: true };
  await using keeper = await keepMlx('mlx-openai-server', modelPath, { model: { capabilities } });
  if (!keeper) return;
  keeper.start();
  const { baseUrl, contextTokens } = await keeper.until('ready');
  expect(contextTokens).toBe(512);
  const response = await fetch(`${baseUrl}/v1/embeddings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: modelPath, input: ['This is a text.', 'Another one.'] }),
  });
  const { data } = Object(await response.json());
  expect(data).toHaveLength(2);
  expect(data[0].embedding.length).toBeGreaterThan(10);
}, 180_000);

test('when Flow is killed, no Python is left behind, forked workers neither', async () => {
  const engine = await realMlx('mlx-openai-server');
  if (!engine) return;
  const nonce = crypto.randomUUID();
  const plan = {
    engine,
    model: someModel(modelPath, { format: 'mlx' }),
    launch: someLaunch(),
    port: freePort(),
    apiKey: 'unused',
  };
  const command = testAdapter('mlx-openai-server', engine, root).command(plan);
  const src = (path: string) => JSON.stringify(join(import.meta.dir, '../../src', path));
  const program = join(root, 'parent.ts');
  writeFileSync(
    program,
    `import { spawnEngine } from ${src('supervision/process.ts')};
     import { systemClock as clock } from ${src('clock.ts')};
     const rest = { nonce: ${JSON.stringify(nonce)}, clock, onLine: () => {}, onDropped: () => {} };
     spawnEngine({ command: ${JSON.stringify(command)}, ...rest });
     setInterval(() => {}, 1000);`,
  );
  const parent = Bun.spawn([process.execPath, program], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    // The guard's watcher, the server, its resource tracker and the worker that holds the model.
    await waitUntil('server and worker', () => marked(nonce).length >= 4, 40_000);
    parent.kill('SIGKILL');
    await parent.exited;
    await waitUntil('nothing to be left', () => marked(nonce).length === 0);
  } finally {
    parent.kill('SIGKILL');
    for (const pid of marked(nonce)) process.kill(pid, 'SIGKILL');
  }
});
