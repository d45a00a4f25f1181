/**
 * S-38: files of published attacks, loaded by a real llama-server. Its process may die of them; what is said is that
 * the file is at fault, and nobody tries again. Our own reader of them: test/hostile/headers.test.ts.
 */
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashReport } from '#src/engines/engine.ts';
import { llamaServer } from '#src/engines/llama-server.ts';
import { PUBLISHED } from '#test/hostile/support/gguf-corpus.ts';
import { freePort } from '../support/free-port.ts';
import { someModel, somePlan } from './support/plan.ts';
import { runEngine } from './support/run-engine.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-hostile-')));
const adapter = llamaServer({ environment: process.env, allowedRoots: () => [folder], featuresOf: () => null });
afterAll(() => rmSync(folder, { recursive: true }));

const LOAD_MS_MAX = 20_000;

/** Loads it as Flow would, and says why that came to nothing. Some tethered ends say nothing, so those are repeated. */
async function reportOf(path: string): Promise<CrashReport> {
  const model = someModel(path, { trainedContextTokens: 512 });
  const found = adapter.precheck(model);
  if (found) return found;
  for (let attempt = 1; ; attempt += 1) {
    const plan = somePlan({ model, port: freePort() });
    await using running = runEngine(adapter.command(plan));
    const timer = setTimeout(() => process.kill(running.pid, 'SIGKILL'), LOAD_MS_MAX);
    const ending = await running.ended;
    clearTimeout(timer);
    const report = adapter.diagnose({ ...ending, wasReady: false }, plan);
    if (report.isSticky || attempt === 8) return report;
  }
}

test.each(PUBLISHED)('S-38: %s is told as the fault of the file, for good', async (what, bytes) => {
  const path = join(folder, `${Bun.hash(what)}.gguf`);
  writeFileSync(path, bytes);
  const { isSticky, message } = await reportOf(path);
  expect({ isSticky, message }).toEqual({
    isSticky: true,
    message: expect.stringMatching(/damaged|malformed|bytes long|does not know the architecture/),
  });
  expect(message.length).toBeLessThan(600);
});
