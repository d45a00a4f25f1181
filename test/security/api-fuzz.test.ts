/**
 * F-91: every operation of `/openapi.json` is asked rightly and wrongly, on a whole Flow in which everything may be
 * done. Answers are as described, none is a mistake of Flow's own or tells of its inside, and what is refused changes
 * nothing. What reaches for prototypes, in Flow's own process: `pollution.test.ts`.
 *
 * Seconds by `FLOW_FUZZ_SECONDS`, another run by `FLOW_FUZZ_SEED`.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  type Answered,
  type Asked,
  type AskedOperation,
  ask,
  asking,
  complaint,
  operationsOf,
} from './support/api-asking.ts';
import { type ApiSandbox, openApiSandbox } from './support/api-sandbox.ts';

const SECONDS = Number(process.env.FLOW_FUZZ_SECONDS ?? 12);
const SEED = Number(process.env.FLOW_FUZZ_SEED ?? 20_261_123);
/** However slow the machine is, each operation is asked so often. */
const ROUNDS_MIN = 2;
const ROUNDS_MAX = 10_000;
const COMPLAINTS_MAX = 12;
const LOOKING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

let sandbox: ApiSandbox;
beforeAll(async () => {
  sandbox = await openApiSandbox();
}, 180_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

const shortened = (text: string): string => (text.length > 300 ? `${text.slice(0, 300)}…` : text);

function told(operation: AskedOperation, asked: Asked, { status, text }: Answered, words: string): string {
  const sent = asked.body === null ? '' : ` with ${asked.body.kind}: ${shortened(asked.body.text)}`;
  return `${operation.method} ${shortened(asked.url)}${sent}\n  → ${status} ${shortened(text)}\n  ${words}`;
}

/** Else it was a late work of what was accepted before, such as a download that came to its end. */
async function changesAgain(operation: AskedOperation, request: Asked): Promise<boolean> {
  await sandbox.restore();
  const before = await sandbox.digest();
  await ask(operation, request, sandbox);
  return (await sandbox.digest()) !== before;
}

test(
  `F-91: whatever an operation is asked, it answers as described and refuses without a trace (seed ${SEED})`,
  async () => {
    const operations = operationsOf(sandbox.document);
    const complaints: string[] = [];
    const asked = { times: 0, well: new Set<string>() };
    const endMs = performance.now() + SECONDS * 1_000;
    let before = await sandbox.digest();
    for (let round = 0; round < ROUNDS_MAX && complaints.length < COMPLAINTS_MAX; round += 1) {
      if (round >= ROUNDS_MIN && performance.now() > endMs) break;
      for (const [index, operation] of operations.entries()) {
        const seed = SEED + round * operations.length + index;
        const [request] = fc.sample(asking(operation, sandbox), { seed, numRuns: 1 });
        if (!request) continue;
        const answered = await ask(operation, request, sandbox);
        asked.times += 1;
        const words = complaint(operation, answered, sandbox.document);
        if (words !== null) complaints.push(told(operation, request, answered, words));
        if (answered.status < 400) asked.well.add(`${operation.method} ${operation.path}`);
        if (LOOKING.has(operation.method)) continue;
        if (answered.status < 400) await sandbox.restore();
        const after = await sandbox.digest();
        const isOdd = answered.status >= 400 && after !== before;
        if (isOdd && (await changesAgain(operation, request))) {
          complaints.push(
            told(operation, request, answered, `it was refused and changed something:\n${before}\n${after}`),
          );
        }
        before = isOdd ? await sandbox.digest() : after;
      }
    }
    process.stderr.write(
      `fuzz: ${asked.times} requests, ${asked.well.size} of ${operations.length} operations succeeded\n`,
    );
    expect(complaints).toEqual([]);
    // A fuzz that is refused everywhere finds nothing.
    expect(asked.well.size).toBeGreaterThan(operations.length / 3);
    expect((await sandbox.flow.json('/health')).status).toBe(200);
  },
  SECONDS * 1_000 + 120_000,
);
