/** What a whole run leaves on the disk, with the usual umask at its start: for the user alone, every file of it. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { lstatSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type FakeHub, startFakeHub } from '#test/support/fake-hub.ts';
import { startFlow, until } from '#test/support/running-flow.ts';

const REPOSITORY = 'acme/tiny-GGUF';
let folder: string;
let hub: FakeHub;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-modes-'));
  hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: 'tiny-Q8_0.gguf', bytes: tinyGguf() }] }]);
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** All that lies below a folder and that others than its owner could do something with. */
function openToOthers(dataDir: string): string[] {
  const names = readdirSync(dataDir, { recursive: true }).map(String);
  return ['', ...names].flatMap((name) => {
    const stat = lstatSync(join(dataDir, name));
    if (stat.isSymbolicLink()) return [];
    const mode = stat.mode & 0o777;
    return (mode & 0o077) === 0 ? [] : [`${mode.toString(8)} ${name || '.'}`];
  });
}

test('S-26: engine, download, settings, logs, keys and chats leave nothing that others can read', async () => {
  const fake = makeFakeEngine(folder);
  const umask = process.umask(0o022);
  try {
    const dataDir = join(folder, 'data');
    // Made by the user before Flow, as open as umasks make them.
    Bun.spawnSync(['mkdir', '-p', join(dataDir, 'logs')]);
    writeFileSync(join(dataDir, 'settings.json'), '{"queue_limit": 9}');
    // The runtime keeps a cache of its own in the home folder.
    const environment = { HF_ENDPOINT: hub.url, HOME: folder };
    await using flow = await startFlow({ dataDir, engine: fake.executable, environment });
    await flow.json('/api/settings', { retention_days: 12 }, 'PUT');
    const { status } = await flow.json('/api/keys', { name: 'laptop', scopes: ['infer'] });
    expect(status).toBeLessThan(300);
    const { body } = await flow.json('/api/models/download', { hf_id: `${REPOSITORY}:Q8_0` });
    await until('it is fetched', async () => {
      const download = (await flow.json(`/api/downloads/${body.id}`)).body;
      expect(['failed', 'paused']).not.toContain(String(download.state));
      return download.state === 'complete';
    });
    const conversation = await flow.json('/api/conversations', { question: 'Who is there?' });
    expect(conversation.status).toBeLessThan(500);
    const answer = await flow.json('/v1/chat/completions', {
      ...{ model: 'flow-demo', messages: [{ role: 'user', content: 'x' }], max_tokens: 3 },
    });
    expect(answer.status).toBe(200);
    // While it runs there is more to find: locks, logs of the database, the list of engines.
    expect(openToOthers(dataDir)).toEqual([]);
    const names = readdirSync(dataDir);
    for (const name of [
      'flow.db',
      'flow.lock',
      'settings.json',
      'settings.json.bak',
      'local-key',
      'engines.pids.json',
    ]) {
      expect(names).toContain(name);
    }
    await flow[Symbol.asyncDispose]();
    expect(openToOthers(dataDir)).toEqual([]);
    expect(readdirSync(join(dataDir, 'models'), { recursive: true }).map(String)).toContain(
      join(REPOSITORY, 'tiny-Q8_0.gguf'),
    );
  } finally {
    process.umask(umask);
  }
});
