/** The referee that judges every Flow of the tests: that it sees what it is there for. */
import { Database } from 'bun:sqlite';
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge } from '#test/support/referee.ts';

let dataDir: string;
let metrics = '';
let output = '';
let server: Bun.Server<undefined>;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-referee-'));
  metrics = 'flow_unexpected_errors_total{place="rejection"} 0\n';
  output = '';
  server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response(metrics) });
});
afterEach(async () => {
  await server.stop(true);
  rmSync(dataDir, { recursive: true, force: true });
});

/** What it says of a Flow like this one; its process is this test's own, which has no engines. */
async function said(pid = process.pid): Promise<string> {
  const url = `http://127.0.0.1:${server.port}`;
  const judgement = await judge({ url, pid, dataDir, output: () => output });
  return [...judgement.troubles, ...(await judgement.afterwards())].join('; ');
}

function writePrivately(name: string, text: string): void {
  writeFileSync(join(dataDir, name), text, { mode: 0o600 });
}

test('a Flow in good order is let go', async () => {
  writePrivately('settings.json', '{}');
  using database = new Database(join(dataDir, 'flow.db'));
  database.run('create table facts (name text)');
  chmodSync(join(dataDir, 'flow.db'), 0o600);
  expect(await said()).toBe('');
});

test('what it did not expect', async () => {
  metrics = metrics.replace(' 0', ' 2');
  expect(await said()).toBe('2 unexpected errors (rejection)');
});

test('settings that are cut, and a database that is none', async () => {
  writePrivately('settings.json', '{"port": 33');
  writePrivately('flow.db', 'this is not a database, however long the text may be that stands in it');
  const troubles = await said();
  expect(troubles).toContain('settings.json is no JSON');
  expect(troubles).toContain('the database');
});

test('a file that others can read', async () => {
  writePrivately('settings.json', '{}');
  chmodSync(join(dataDir, 'settings.json'), 0o644);
  expect(await said()).toContain('can be read by others');
});

test('a key in its log', async () => {
  const key = '0f'.repeat(32);
  writePrivately('local-key', key);
  output = `info listening ${key}`;
  expect(await said()).toBe('its log names the local key');
});

test.skipIf(process.platform !== 'linux')('an engine that goes on without it', async () => {
  const engine = Bun.spawn(['sleep', '60'], {
    env: { FLOW_INSTANCE: crypto.randomUUID() },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const url = `http://127.0.0.1:${server.port}`;
  const judgement = await judge({ url, pid: process.pid, dataDir, output: () => output });
  const verdict = judgement.afterwards(100);
  expect(await verdict).toEqual([`engine ${engine.pid} outlived its Flow`]);
  engine.kill('SIGKILL');
  await engine.exited;
});
