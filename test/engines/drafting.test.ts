/** Speculative decoding by a real llama-server: a draft model that is used, one that cannot be, and no MTP layers. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LaunchPlan } from '#src/engines/engine.ts';
import { readFeatures } from '#src/engines/features.ts';
import { llamaServer } from '#src/engines/llama-server.ts';
import { isObject } from '#src/json.ts';
import { COMMON_SCRIPTS, writeScriptedModel } from '#test/support/scripted-model.ts';
import { freePort } from '../support/free-port.ts';
import { someEngine, someLaunch, someModel, somePlan } from './support/plan.ts';
import { runEngine, until } from './support/run-engine.ts';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'flow-drafting-')));
const modelPath = join(root, 'model.gguf');
const otherPath = join(root, 'other.gguf');
const environment = { PATH: process.env.PATH, HOME: process.env.HOME };
const features = readFeatures(realHelp());
const adapter = llamaServer({ environment, allowedRoots: () => [root], featuresOf: () => features });

beforeAll(async () => {
  await writeScriptedModel(modelPath, { scripts: COMMON_SCRIPTS });
  await writeScriptedModel(otherPath, { scripts: { other: 'Another vocabulary altogether, of quite other pieces.' } });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function realHelp(): string {
  const { executable, libraryPath } = someEngine();
  return Bun.spawnSync([executable, '--help'], { env: { LD_LIBRARY_PATH: libraryPath ?? '' } }).stdout.toString();
}

function planWith(launch: Parameters<typeof someLaunch>[0]): LaunchPlan {
  const plain = { cache_type_k: 'f16', cache_type_v: 'f16', n_parallel: 1 } as const;
  return somePlan({ model: someModel(modelPath), launch: someLaunch({ ...plain, ...launch }), port: freePort() });
}

/** The timings of an answer, with what was drafted. */
async function timingsOf({ port, apiKey }: LaunchPlan): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'endless' }], temperature: 0, max_tokens: 40 }),
  });
  const body: unknown = await response.json();
  return isObject(body) && isObject(body.timings) ? body.timings : {};
}

test('the help of this build tells which ways of drafting there are', () => {
  expect([...features.draftTypes]).toEqual(expect.arrayContaining(['draft-simple', 'draft-mtp']));
});

test('a draft model is asked, and what it drafts is taken', async () => {
  const plan = planWith({ draft_model_path: modelPath, num_draft_tokens: 4 });
  await using _running = runEngine(adapter.command(plan));
  await until(() => adapter.isHealthy(`http://127.0.0.1:${plan.port}`, AbortSignal.timeout(1000)));
  const { draft_n: drafted, draft_n_accepted: accepted } = await timingsOf(plan);
  expect(drafted).toBeGreaterThan(10);
  expect(accepted).toBe(drafted);
});

test('a draft model of another vocabulary is not used, and its log says so in words', async () => {
  const plan = planWith({ draft_model_path: otherPath });
  await using running = runEngine(adapter.command(plan));
  await until(() => adapter.isHealthy(`http://127.0.0.1:${plan.port}`, AbortSignal.timeout(1000)));
  expect(await timingsOf(plan)).not.toHaveProperty('draft_n');
  const remarks = running.lines.flatMap((line) => {
    const signal = adapter.readLog(line);
    return signal?.kind === 'remark' ? [signal.text] : [];
  });
  expect(remarks).toContain('The draft model is not used: its vocabulary is not that of the model.');
});

test('a model without layers to draft by is refused in words', async () => {
  const plan = planWith({ draft_mtp: true });
  await using running = runEngine(adapter.command(plan));
  const { code, signal } = await running.ended;
  const report = adapter.diagnose({ code, signal, tail: running.lines, wasReady: false }, plan);
  expect(report).toMatchObject({ kind: 'bad-flag', isSticky: true });
  expect(report.message).toContain('no layers of its own to draft by');
});
