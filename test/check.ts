/** `bun run check`: types, lint, JSX escape check, then all tests. Ends with one line `N passed, N failed`. */
import { join } from 'node:path';

type Step = { readonly name: string; readonly argv: readonly string[] };

const ROOT = join(import.meta.dir, '..');
const TEST_MS_MAX = 120_000;
/**
 * Files side by side. Tests mostly wait (one process keeps two cores busy for a fifth of the time, measured), but those
 * with a browser in them do not, and more than this makes them wait for each other.
 */
const PROCESSES = 2;
const STEPS: readonly Step[] = [
  { name: 'types', argv: ['node_modules/.bin/tsc', '--noEmit'] },
  { name: 'lint', argv: ['node_modules/.bin/biome', 'ci', '.'] },
  { name: 'JSX escape check', argv: ['node_modules/.bin/xss-scan', '--project', 'tsconfig.json'] },
];

/** Runs a step with its output shown; true when it ended well. */
async function passes(step: Step): Promise<boolean> {
  // The tools start with `#!/usr/bin/env node`; `bun --bun` runs them without Node.
  const child = Bun.spawn(['bun', '--bun', ...step.argv], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const isGood = (await child.exited) === 0;
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${step.name}\n`);
  return isGood;
}

/** Runs all tests, shows what they print, and reads the two counts from the runner's own closing lines. */
async function runTests(): Promise<{ passed: number; failed: number }> {
  // A timeout set by the preload holds for the first file only (Bun 1.4.5, measured); the flag holds for all.
  const child = Bun.spawn(['bun', 'test', `--parallel=${PROCESSES}`, '--no-isolate', `--timeout=${TEST_MS_MAX}`], {
    cwd: ROOT,
    env: { ...process.env, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let tail = '';
  const show = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      process.stdout.write(bytes);
      tail = (tail + decoder.decode(bytes, { stream: true })).slice(-20_000);
    }
  };
  await Promise.all([show(child.stdout), show(child.stderr)]);
  const code = await child.exited;
  const passed = Number(/^\s*(\d+) pass$/m.exec(tail)?.[1] ?? 0);
  const failed = Number(/^\s*(\d+) fail$/m.exec(tail)?.[1] ?? 0);
  const isBroken = code !== 0 && failed === 0;
  return { passed, failed: failed + (isBroken || passed === 0 ? 1 : 0) };
}

let passed = 0;
let failed = 0;
for (const step of STEPS) {
  if (await passes(step)) passed += 1;
  else failed += 1;
}
const tests = await runTests();
passed += tests.passed;
failed += tests.failed;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
