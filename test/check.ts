/**
 * `bun run check`: types, lint, JSX escape check, then all tests. Ends with one line `N passed, N failed`.
 *
 * Files whose tests failed are run once more, alone: real processes and browsers share two cores with each other, and
 * somebody's change should not be refused for a wait that another file's browser made too long. What passes then is
 * listed as unstable, by name, for whoever reads the output; more than a few such files are a fault, and stay one.
 * `--once` leaves that out: it is how unstable tests are hunted.
 */
import { join } from 'node:path';

type Step = { readonly name: string; readonly argv: readonly string[] };
type Tally = { readonly passed: number; readonly failed: number };
type TestRun = Tally & {
  /** Failed tests under their files, as the runner names them. */
  readonly failures: ReadonlyMap<string, readonly string[]>;
  /** What failed outside any test, such as a file that cannot be read or a rejection that nobody handled. */
  readonly isBroken: boolean;
};

const ROOT = join(import.meta.dir, '..');
const TEST_MS_MAX = 120_000;
/**
 * Files side by side. Tests mostly wait (one process keeps two cores busy for a fifth of the time, measured), but those
 * with a browser in them do not, and more than this makes them wait for each other.
 */
const PROCESSES = 2;
/** Files that may have a second try. */
const UNSTABLE_MAX = 3;
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

/** Runs tests, shows what they print, and reads the counts from the runner's own closing lines. */
async function runTests(argv: readonly string[]): Promise<TestRun> {
  // A timeout set by the preload holds for the first file only (Bun 1.4.5, measured); the flag holds for all.
  const child = Bun.spawn(['bun', 'test', '--no-isolate', `--timeout=${TEST_MS_MAX}`, ...argv], {
    cwd: ROOT,
    env: { ...process.env, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  const show = async (stream: ReadableStream<Uint8Array>, isKept: boolean): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      process.stdout.write(bytes);
      if (isKept) printed += decoder.decode(bytes, { stream: true });
    }
  };
  // The runner reports on its error output.
  await Promise.all([show(child.stdout, false), show(child.stderr, true)]);
  const code = await child.exited;
  const passed = Number(/^\s*(\d+) pass$/m.exec(printed.slice(-20_000))?.[1] ?? 0);
  const failed = Number(/^\s*(\d+) fail$/m.exec(printed.slice(-20_000))?.[1] ?? 0);
  const failures = failuresIn(printed);
  const named = [...failures.values()].flat().length;
  return { passed, failed, failures, isBroken: passed === 0 || named !== failed || (code !== 0 && failed === 0) };
}

/** The failed tests of each file, from what the runner printed: `path:` begins a file, `(fail) name [1.2ms]` is one. */
function failuresIn(printed: string): Map<string, string[]> {
  const failures = new Map<string, string[]>();
  let file = '';
  for (const line of printed.split('\n')) {
    // The runner closes with all of them again, without their files.
    if (/^\d+ tests? (?:skipped|failed):$/.test(line)) break;
    file = /^(test\/\S+\.test\.tsx?):$/.exec(line)?.[1] ?? file;
    const name = /^\(fail\) (.*?)(?: \[[\d.]+m?s\])?$/.exec(line)?.[1];
    if (name !== undefined) failures.set(file, [...(failures.get(file) ?? []), name]);
  }
  return failures;
}

/** All tests; those that failed beside others again, alone. */
async function runAllTests(mayTryAgain: boolean): Promise<Tally> {
  const first = await runTests([`--parallel=${PROCESSES}`]);
  const files = [...first.failures.keys()];
  if (first.isBroken || !mayTryAgain || files.length === 0 || files.length > UNSTABLE_MAX) {
    return { passed: first.passed, failed: first.failed + (first.isBroken ? 1 : 0) };
  }
  process.stdout.write(`\nOnce more, alone: ${files.join(', ')}\n`);
  const second = await runTests(files);
  const still = new Set([...second.failures.values()].flat());
  const unstable = [...first.failures.values()].flat().filter((name) => !second.isBroken && !still.has(name));
  for (const name of unstable) process.stdout.write(`unstable: failed beside others, passed alone: ${name}\n`);
  const failed = second.isBroken ? first.failed : second.failed;
  return { passed: first.passed + first.failed - failed, failed };
}

let passed = 0;
let failed = 0;
for (const step of STEPS) {
  if (await passes(step)) passed += 1;
  else failed += 1;
}
const tests = await runAllTests(!process.argv.includes('--once'));
passed += tests.passed;
failed += tests.failed;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
