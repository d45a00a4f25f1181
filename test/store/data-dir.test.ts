/** The data directory: private, and held by one Flow at a time, whatever the last one left behind. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { dataDirHolder, lockDataDir, prepareDataDir } from '#src/store/data-dir.ts';

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-data-dir-'));
  lock = join(folder, 'flow.lock');
});
afterEach(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true, force: true });
});

function refusal(): string {
  try {
    using _lock = lockDataDir(folder);
    return 'taken';
  } catch (cause) {
    return cause instanceof Fault ? `${cause.kind}: ${cause.message}` : String(cause);
  }
}

describe('making it', () => {
  test('gives every folder to this user alone, also those that were open to others', () => {
    const path = join(folder, 'deep', 'er');
    prepareDataDir(path);
    chmodSync(join(path, 'logs'), 0o755);
    expect(prepareDataDir(path)).toBe(true);
    for (const name of ['', 'engines', 'logs']) expect(statSync(join(path, name)).mode & 0o777).toBe(0o700);
  });

  test('S-26: takes what a restored backup shows to others back, and leaves where a link leads alone', () => {
    const elsewhere = join(folder, 'elsewhere.json');
    for (const path of [elsewhere, join(folder, 'flow.db')]) writeFileSync(path, '{}', { mode: 0o644 });
    symlinkSync(elsewhere, join(folder, 'settings.json'));
    prepareDataDir(folder);
    expect(statSync(join(folder, 'flow.db')).mode & 0o777).toBe(0o600);
    expect(statSync(elsewhere).mode & 0o777).toBe(0o644);
  });

  test('is refused, with what to do, where a file is in the way', () => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    expect(() => prepareDataDir(path)).toThrow('cannot write to its data directory');
  });
});

describe('holding it', () => {
  test('leaves one lock of mode 0600 and nothing else, and nothing at all afterwards', () => {
    {
      using _lock = lockDataDir(folder);
      expect(readdirSync(folder)).toEqual(['flow.lock']);
      expect(statSync(lock).mode & 0o777).toBe(0o600);
      expect(dataDirHolder(folder)).toBe(process.pid);
    }
    expect(readdirSync(folder)).toEqual([]);
    expect(dataDirHolder(folder)).toBeNull();
  });

  test('F-56: is refused while another one holds it, by its number', () => {
    using _lock = lockDataDir(folder);
    expect(refusal()).toBe(`conflict: Another Flow (process ${process.pid}) uses ${folder}.`);
    expect(readdirSync(folder)).toEqual(['flow.lock']);
  });

  test('is refused while a process of another user holds it, which may not be signalled', () => {
    // Process 1 is not ours to signal unless we are root; either way it lives.
    writeFileSync(lock, JSON.stringify({ pid: 1, startedAt: null }));
    expect(refusal()).toContain('(process 1)');
  });

  const child = Bun.spawnSync(['true']);
  const stale: readonly (readonly [string, string])[] = [
    ['whose process is gone', JSON.stringify({ pid: child.pid, startedAt: '12@boot' })],
    ['whose number belongs to another process now', JSON.stringify({ pid: process.pid, startedAt: '1@another boot' })],
    ['that was cut off', '{"pid":12'],
    ['that is empty', ''],
    ['that is not a lock', '[1,2]'],
    ['with a number that means a group of processes', '{"pid":0}'],
    ['with a negative number', '{"pid":-1}'],
  ];
  for (const [what, text] of stale) {
    test(`F-54, F-56: takes over a lock ${what}`, () => {
      writeFileSync(lock, text);
      expect(dataDirHolder(folder)).toBeNull();
      using _lock = lockDataDir(folder);
      expect(JSON.parse(readFileSync(lock, 'utf8')).pid).toBe(process.pid);
      expect(readdirSync(folder)).toEqual(['flow.lock']);
    });
  }

  test('ends without touching the lock of somebody else who has taken it over', () => {
    const mine = lockDataDir(folder);
    writeFileSync(lock, '{"pid":4711,"startedAt":"1@boot"}');
    mine[Symbol.dispose]();
    expect(existsSync(lock)).toBe(true);
  });

  test('F-56: of many that find the same stale lock at once, exactly one gets it', async () => {
    const script = `
      import { lockDataDir } from ${JSON.stringify(join(import.meta.dir, '../../src/store/data-dir.ts'))};
      process.stdout.write('ready\\n');
      await new Promise((go) => process.stdin.once('data', go));
      try { lockDataDir(${JSON.stringify(folder)}); process.stdout.write('held\\n'); }
      catch { process.stdout.write('refused\\n'); }
      await new Promise((end) => process.stdin.once('data', end));
      process.exit(0);`;
    writeFileSync(lock, JSON.stringify({ pid: child.pid, startedAt: '12@boot' }));
    const rivals = Array.from({ length: 6 }, () => {
      const rival = Bun.spawn(['bun', '-e', script], { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' });
      return { rival, lines: linesOf(rival.stdout) };
    });
    for (const { lines } of rivals) expect(await lines()).toBe('ready');
    for (const { rival } of rivals) rival.stdin.write('go\n');
    const verdicts = await Promise.all(rivals.map(({ lines }) => lines()));
    for (const { rival } of rivals) rival.stdin.write('end\n');
    await Promise.all(rivals.map(({ rival }) => rival.exited));
    expect(verdicts.filter((verdict) => verdict === 'held')).toHaveLength(1);
  });
});

/** Reads one line at a time. */
function linesOf(stream: ReadableStream<Uint8Array>): () => Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return async () => {
    while (!text.includes('\n')) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`ended after ${JSON.stringify(text)}`);
      text += decoder.decode(value, { stream: true });
    }
    const end = text.indexOf('\n');
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
}
