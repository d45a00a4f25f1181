// Engines as processes: exit codes, the guard, drains and caps, with really spawned programs.
// The machine that decides when to stop one is tested in lifecycle.test.ts, a whole load in supervisor.test.ts.
import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { openFiles } from '#src/descriptors.ts';
import { type EngineProcess, spawnEngine } from '#src/supervision/process.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { heldBytes } from '#test/support/held-bytes.ts';
import { isAlive, marked } from '#test/support/processes.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const folders: string[] = [];
const started: EngineProcess[] = [];

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.signal('SIGKILL');
    await child.ended;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'flow-process-'));
  folders.push(folder);
  return folder;
}

function run(argv: readonly string[], env: Record<string, string> = { PATH: process.env.PATH ?? '' }) {
  const nonce = crypto.randomUUID();
  const lines: string[] = [];
  let dropped = 0;
  const child = spawnEngine({
    command: { argv, env },
    nonce,
    clock: systemClock,
    onLine: (line) => lines.push(line),
    onDropped: (count) => {
      dropped += count;
    },
  });
  started.push(child);
  return { child, lines, nonce, droppedCount: () => dropped };
}

const shell = (script: string) => run(['/bin/sh', '-c', script]);

test.each([
  ['exit 0', 0, null],
  ['exit 7', 7, null],
  ['kill -SEGV $$', null, 'SIGSEGV'],
  ['kill -KILL $$', null, 'SIGKILL'],
] as const)('the end of `%s` is the engine’s own', async (script, code, signal) => {
  expect(await shell(script).child.ended).toEqual({ code, signal });
});

test('telling an engine that has closed its stdin harms nobody', async () => {
  const { child } = shell('exec 0<&-; echo closed; sleep 30');
  const { promise, resolve } = Promise.withResolvers<void>();
  const broken = (cause: unknown) => resolve(Promise.reject(cause));
  process.once('unhandledRejection', broken);
  try {
    for (let time = 0; time < 20; time += 1) {
      child.tell('cmd_router_to_child:exit');
      await Bun.sleep(10);
    }
    child.signal('SIGKILL');
    resolve();
    await promise;
    expect((await child.ended).signal).toBe('SIGKILL');
  } finally {
    process.off('unhandledRejection', broken);
  }
});

test('a missing program ends with 127 and a line that names it', async () => {
  const { child, lines } = run(['/nonexistent/llama-server']);
  expect((await child.ended).code).toBe(127);
  expect(lines.join('\n')).toContain('/nonexistent/llama-server');
});

test('both outputs are handed on line by line, the unfinished last one too', async () => {
  const { child, lines } = shell('printf "one\\ntwo\\r\\n"; printf "10%%\\r20%%\\rlast" >&2');
  await child.ended;
  expect(lines.toSorted()).toEqual(['10%', '20%', 'last', 'one', 'two']);
});

test('stdin is the engine’s, and carries lines', async () => {
  const { child, lines } = shell('read -r line; echo "heard $line"');
  child.tell('cmd_router_to_child:exit');
  await child.ended;
  expect(lines).toEqual(['heard cmd_router_to_child:exit']);
});

test('F-17: a grandchild that holds the pipe is swept, and nobody waits for it', async () => {
  const { child, nonce } = shell('sleep 1000 & echo started; exit 3');
  const startedMs = performance.now();
  expect((await child.ended).code).toBe(3);
  // It would sleep for a quarter of an hour.
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  await waitUntil('the grandchild and the guard to be gone', () => marked(nonce).length === 0);
});

test('TERM ends the whole group', async () => {
  const { child, lines, nonce } = shell('sleep 1000 & echo started; wait');
  await waitUntil('the engine to run', () => lines.length > 0);
  child.signal('SIGTERM');
  expect((await child.ended).signal).toBe('SIGTERM');
  await waitUntil('the group to be gone', () => marked(nonce).length === 0);
});

test('signals and words to an ended engine are harmless', async () => {
  const { child } = shell('exit 0');
  await child.ended;
  child.signal('SIGKILL');
  child.tell('anybody there?');
  expect(child.memoryBytes()).toBeNull();
});

test('memory counts the engine and what it forked', async () => {
  const fake = makeFakeEngine(temporaryFolder(), { rss_mb: 60 });
  const { child } = run([fake.executable, '--port', '0']);
  await waitUntil('60 MB', () => (child.memoryBytes() ?? 0) > 60_000_000);
  expect(child.memoryBytes()).toBeLessThan(600_000_000);
});

test('F-17: fifty engines later no more files are open than before', async () => {
  await shell('exit 0').child.ended;
  const before = openFiles() ?? 0;
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 5 }, () => shell('echo hello; exit 0').child.ended));
  }
  Bun.gc(true);
  await waitUntil('the files to be closed', () => (openFiles() ?? 0) <= before + 2, 20_000);
});

test('F-22: a line of 200 MB is cut at 16 KiB and says by how much', async () => {
  const before = await heldBytes();
  const { child, lines } = shell('head -c 200000000 /dev/zero | tr "\\0" x; echo; echo after');
  await child.ended;
  expect(lines).toHaveLength(2);
  expect(lines[0]?.length).toBeLessThan(17_000);
  expect(lines[0]).toEndWith(`… (+${200_000_000 - 16_384} bytes)`);
  expect(lines[1]).toBe('after');
  expect((await heldBytes()) - before).toBeLessThan(64_000_000);
});

test.each([true, false])(
  'F-21: a flood of 100 MB/s (without newlines: %p) costs no memory and leaves the newest words',
  async (bare) => {
    const fake = makeFakeEngine(temporaryFolder(), {
      log_flood_mb_per_s: 100,
      log_flood_without_newlines: bare,
    });
    const { child, lines, droppedCount } = run([fake.executable, '--port', '0']);
    await waitUntil('the flood', () => lines.length > 0 || bare);
    const before = await heldBytes();
    const lagsMs: number[] = [];
    for (const untilMs = performance.now() + 3_000; performance.now() < untilMs; ) {
      const sleptMs = performance.now();
      await Bun.sleep(10);
      lagsMs.push(performance.now() - sleptMs - 10);
      if (lines.length > 5_000) lines.splice(0, 4_000);
    }
    // What is held, not what is resident: other tests share this process, and its collector runs when it likes. How a
    // whole Flow's resident memory bears it: test/faults/engine-life.
    expect((await heldBytes()) - before).toBeLessThan(32_000_000);
    // The middle one: a single one also grows by a collection of all that the other tests of this process left.
    expect(lagsMs.sort((a, b) => a - b)[lagsMs.length >> 1]).toBeLessThan(250);
    if (!bare) expect(droppedCount()).toBeGreaterThan(10_000);
    child.signal('SIGKILL');
    await child.ended;
    // The kill may have cut the last one.
    expect(lines.slice(-2).join(' ')).toContain('flood');
  },
);

const src = (path: string) => JSON.stringify(join(import.meta.dir, '../../src', path));

/** Runs a Flow in small: a program that spawns these engines and then does what `after` says. */
function spawnParent(engines: readonly (readonly string[])[], nonce: string, after: string): Bun.Subprocess {
  const program = join(temporaryFolder(), 'parent.ts');
  const env = { PATH: process.env.PATH, LLAMA_SERVER_ROUTER_PORT: '0' };
  writeFileSync(
    program,
    `import { spawnEngine } from ${src('supervision/process.ts')};
     import { systemClock as clock } from ${src('clock.ts')};
     const rest = { nonce: ${JSON.stringify(nonce)}, clock, onLine: () => {}, onDropped: () => {} };
     for (const argv of ${JSON.stringify(engines)}) {
       spawnEngine({ command: { argv, env: ${JSON.stringify(env)} }, ...rest });
     }
     ${after}`,
  );
  return Bun.spawn([process.execPath, program], { stdio: ['ignore', 'ignore', 'inherit'] });
}

test('F-53: when Flow is killed, stubborn and forking engines are gone within 3 s', async () => {
  const behaviour = { ignore_term: true, ignore_eof: true, fork_grandchild: true };
  const stubborn = makeFakeEngine(temporaryFolder(), behaviour);
  const nonce = crypto.randomUUID();
  const engines = [
    [stubborn.executable, '--port', '0'],
    ['/bin/sh', '-c', 'sleep 1000; true'],
  ];
  const parent = spawnParent(engines, nonce, 'setInterval(() => {}, 1000);');
  try {
    // Engine, its guard and its grandchild; shell, its guard and its sleep.
    await waitUntil('two engines and what they forked', () => marked(nonce).length >= 6);
    await waitUntil('the engine to be ready', () => stubborn.records('ready').length > 0);
    const pids = marked(nonce);
    parent.kill('SIGKILL');
    await parent.exited;
    await waitUntil('nothing to be left', () => marked(nonce).length === 0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(stubborn.records('term-ignored').length).toBeGreaterThan(0);
  } finally {
    for (const pid of marked(nonce)) process.kill(pid, 'SIGKILL');
  }
});

test('F-53: an engine whose Flow died right after the spawn is gone too', async () => {
  const nonce = crypto.randomUUID();
  const death = "process.kill(process.pid, 'SIGKILL');";
  const parents = Array.from({ length: 5 }, () => spawnParent([['sleep', '1000']], nonce, death));
  await Promise.all(parents.map((parent) => parent.exited));
  await waitUntil('nothing to be left', () => marked(nonce).length === 0);
});
