// What the next start ends of a former Flow, and what it never touches. With real processes.
import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { type EngineProcess, spawnEngine } from '#src/supervision/process.ts';
import { type ProcessProbe, systemProbe } from '#src/supervision/process-probe.ts';
import { ProcessRegistry } from '#src/supervision/process-registry.ts';
import { isAlive, marked } from '#test/support/processes.ts';
import { waitUntil } from '#test/support/wait-until.ts';

const folder = mkdtempSync(join(tmpdir(), 'flow-registry-'));
const path = join(folder, 'data', 'engines.pids.json');
const started: EngineProcess[] = [];
const env = { PATH: process.env.PATH ?? '' };

afterEach(async () => {
  for (const child of started.splice(0)) {
    child.signal('SIGKILL');
    await child.ended;
  }
  rmSync(join(folder, 'data'), { recursive: true, force: true });
});

function engine(nonce: string, script = 'sleep 1000; true'): EngineProcess {
  const command = { argv: ['/bin/sh', '-c', script], env };
  const child = spawnEngine({ command, nonce, clock: systemClock, onLine: () => {}, onDropped: () => {} });
  started.push(child);
  return child;
}

const entry = (pid: number) => ({ pid, port: 8081, modelId: 'tiny', executable: '/bin/sh' });

/** Waits for the guard to have become the engine. */
async function isMarked(child: EngineProcess, nonce: string): Promise<void> {
  await waitUntil('the engine to run', () => marked(nonce).includes(child.pid));
}

test('the file is private, whole, and empty again when all engines have gone', () => {
  const registry = new ProcessRegistry({ path });
  registry.add(entry(process.pid));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([
    { ...entry(process.pid), nonce: registry.nonce, startTime: expect.any(String) },
  ]);
  registry.remove(process.pid);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([]);
});

test('F-54: an engine that outlived its Flow is ended with its whole group', async () => {
  const former = new ProcessRegistry({ path });
  const child = engine(former.nonce);
  await isMarked(child, former.nonce);
  former.add(entry(child.pid));
  const report = new ProcessRegistry({ path }).sweep();
  expect(report.killed.map(({ pid }) => pid)).toEqual([child.pid]);
  expect((await child.ended).signal).toBe('SIGKILL');
  await waitUntil('the group to be gone', () => marked(former.nonce).length === 0);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual([]);
});

test('F-54: a pid that belongs to someone else by now is left alone', async () => {
  const former = new ProcessRegistry({ path });
  const stranger = engine('another-program-altogether');
  await isMarked(stranger, 'another-program-altogether');
  former.add(entry(stranger.pid));
  const [written] = JSON.parse(readFileSync(path, 'utf8'));
  const recycled = [
    written,
    { ...written, startTime: 'long ago' },
    { ...written, nonce: 'another-program-altogether', startTime: 'long ago' },
    { ...written, nonce: 'another-program-altogether', startTime: null },
  ];
  for (const entryOfFormer of recycled) {
    writeFileSync(path, JSON.stringify([entryOfFormer]));
    // The mark alone is trusted for processes outside of a group, so it must differ here.
    const probe: ProcessProbe = { ...systemProbe, marked: () => [] };
    expect(new ProcessRegistry({ path, probe }).sweep().killed).toEqual([]);
    expect(isAlive(stranger.pid)).toBe(true);
  }
});

test.skipIf(process.platform !== 'linux')('F-54: an engine that left its group is found by its mark', async () => {
  const former = new ProcessRegistry({ path });
  const child = engine(former.nonce, 'setsid sleep 1000 & sleep 1000; true');
  former.add(entry(child.pid));
  await waitUntil('the escape', () => marked(former.nonce).length >= 4);
  const report = new ProcessRegistry({ path }).sweep();
  expect(report.escaped.length).toBeGreaterThan(0);
  await waitUntil('nothing to be left', () => marked(former.nonce).length === 0);
});

test.each([
  ['nothing', null],
  ['half a file', '[{"pid": 12'],
  ['someone else’s file', '{"pids": [1, 2, 3]}'],
  ['pid 1', JSON.stringify([{ ...entry(1), startTime: 'x', nonce: 'x'.repeat(20) }])],
])('%s in place of the list ends nobody', (_, content) => {
  const registry = new ProcessRegistry({ path });
  if (content !== null) {
    registry.add(entry(process.pid));
    writeFileSync(path, content);
  }
  expect(new ProcessRegistry({ path }).sweep()).toEqual({ killed: [], gone: [], escaped: [] });
});

test('a folder that cannot be written is told and stops nobody', () => {
  const faults: unknown[] = [];
  const registry = new ProcessRegistry({ path: '/dev/null/engines.pids.json', onFault: (cause) => faults.push(cause) });
  registry.add(entry(process.pid));
  expect(faults).toHaveLength(1);
});
