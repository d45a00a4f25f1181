// S-15: what may be registered by its path, and by whom, through a whole Flow. What a file is, is in registry.test.ts.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDemoModel } from '#src/models/demo.ts';
import { checkedPlace } from '#src/models/place.ts';
import { LOCAL_KEY_HEADER, readLocalKey } from '#src/store/local-key.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';

let root: string;
let models: string;
let shared: string;
let elsewhere: string;
let flow: RunningFlow;

/** A header that promises more than there is: 2⁶² keys, then a name of 2⁴⁰ bytes. */
function hugeHeader(keys: bigint, nameBytes: bigint): Buffer {
  const header = Buffer.alloc(64);
  header.write('GGUF');
  header.writeUInt32LE(3, 4);
  header.writeBigUInt64LE(1n, 8);
  header.writeBigUInt64LE(keys, 16);
  header.writeBigUInt64LE(nameBytes, 24);
  return header;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'flow-registration-'));
  models = join(root, 'data', 'models');
  shared = join(root, 'shared');
  elsewhere = join(root, 'elsewhere');
  for (const folder of [models, shared, elsewhere, join(models, 'folder')]) mkdirSync(folder, { recursive: true });
  await makeDemoModel(join(elsewhere, 'outside.gguf'));
  await makeDemoModel(join(shared, 'shared.gguf'));
  await makeDemoModel(join(models, 'inside.gguf'));
  symlinkSync(join(elsewhere, 'outside.gguf'), join(models, 'link.gguf'));
  symlinkSync('/etc', join(models, 'etc'));
  writeFileSync(join(models, 'secret.gguf'), 'root:SECRET-CONTENT:0:0');
  writeFileSync(join(models, 'keys.gguf'), hugeHeader(1n << 62n, 8n));
  writeFileSync(join(models, 'name.gguf'), hugeHeader(1n, 1n << 40n));
  Bun.spawnSync(['mkfifo', join(models, 'pipe.gguf'), join(elsewhere, 'pipe.gguf')]);
  writeFileSync(join(root, 'data', 'settings.json'), JSON.stringify({ model_roots: [shared] }));
  flow = await startFlow({ dataDir: join(root, 'data') });
});
afterAll(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
});

async function register(path: string, headers: Record<string, string> = {}) {
  const startedMs = performance.now();
  const response = await fetch(`${flow.url}/api/register-local`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ path }),
  });
  return { status: response.status, text: await response.text(), tookMs: performance.now() - startedMs };
}

const asUser = (): Record<string, string> => ({ [LOCAL_KEY_HEADER]: readLocalKey(flow.dataDir) ?? '' });

describe('over the network', () => {
  test.each([
    ['a file of the system', () => '/etc/passwd'],
    ['a device without end', () => '/dev/zero'],
    ['a pipe outside', () => join(elsewhere, 'pipe.gguf')],
    ['a model outside', () => join(elsewhere, 'outside.gguf')],
    ['nothing outside', () => join(elsewhere, 'nothing.gguf')],
    ['a path that leads out by its dots', () => `${models}/../../elsewhere/outside.gguf`],
    ['a link that leads outside', () => join(models, 'link.gguf')],
    ['a linked folder', () => join(models, 'etc', 'passwd')],
    ['the models folder itself', () => models],
    ['a folder whose name only begins alike', () => `${models}-other/x.gguf`],
  ])('%s is refused in the same words, whatever is there (S-15)', async (_what, path) => {
    const { status, text, tookMs } = await register(path());
    expect(status).toBe(403);
    expect(JSON.parse(text).error.message).toBe(
      'The path lies outside the folders that models may be registered from.',
    );
    expect(tookMs).toBeLessThan(10_000);
  });

  test.each([
    ['a text', 'secret.gguf', 422],
    ['a pipe', 'pipe.gguf', 422],
    ['a folder', 'folder', 422],
    ['a header of 2⁶² keys', 'keys.gguf', 422],
    ['a name of 2⁴⁰ bytes', 'name.gguf', 422],
    ['nothing', 'nothing.gguf', 404],
  ])('%s among the models is refused at once, and tells nothing of its content (S-15)', async (_what, name, status) => {
    const answer = await register(join(models, name));
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('SECRET');
    expect(answer.tookMs).toBeLessThan(10_000);
  });

  test.each(['relative.gguf', '', 'C:\\models\\a.gguf'])('"%s" is no path', async (path) => {
    expect((await register(path)).status).toBe(400);
  });

  test('what lies in the models folder, or a folder that was named, is taken', async () => {
    expect((await register(join(models, 'folder', '..', 'inside.gguf'))).status).toBe(200);
    expect((await register(join(shared, 'shared.gguf'))).status).toBe(200);
    const { body } = await flow.json('/api/models/inside');
    expect(body.gguf_file).toBe(join(models, 'inside.gguf'));
  });

  test('a guessed key opens nothing', async () => {
    const wrong = { [LOCAL_KEY_HEADER]: '0'.repeat(64) };
    expect((await register(join(elsewhere, 'outside.gguf'), wrong)).status).toBe(403);
  });
});

describe('by the user whom Flow runs for', () => {
  test('any model is taken; what is none is still refused', async () => {
    expect((await register('/etc/passwd', asUser())).status).toBe(422);
    expect((await register('/dev/zero', asUser())).status).toBe(422);
    expect((await register(join(elsewhere, 'pipe.gguf'), asUser())).status).toBe(422);
    expect((await register(join(elsewhere, 'outside.gguf'), asUser())).status).toBe(200);
  });

  test('the proof is a file that nobody else can read, and no log repeats it', async () => {
    expect(statSync(join(flow.dataDir, 'local-key')).mode & 0o777).toBe(0o600);
    expect(flow.output()).not.toContain(readLocalKey(flow.dataDir) ?? '-');
  });
});

test('a root may be reached by a link itself', () => {
  const linked = join(root, 'linked');
  symlinkSync(shared, linked);
  expect(checkedPlace(join(linked, 'shared.gguf'), [linked])).toBe(join(linked, 'shared.gguf'));
  expect(checkedPlace(join(shared, 'shared.gguf'), [linked])).toBe(join(shared, 'shared.gguf'));
  expect(() => checkedPlace(join(linked, 'a\0b'), [linked])).toThrow('absolute');
});
