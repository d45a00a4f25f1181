// Discovery through a whole Flow: found, registered in place, and answering through the real engine.
import { expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeGguf } from '#src/gguf/write.ts';
import { realEngine } from '#test/support/real-engine.ts';
import { startFlow } from '#test/support/running-flow.ts';
import { writeScriptedModel } from '#test/support/scripted-model.ts';

const BLOB = `sha256-${'a'.repeat(64)}`;

async function cacheOf(home: string): Promise<{ ollama: string; linked: string; broken: string }> {
  const blobs = join(home, '.ollama/models/blobs');
  const manifest = join(home, '.ollama/models/manifests/registry.ollama.ai/library/tiny/1b');
  const hub = join(home, '.cache/huggingface/hub/models--me--Linked-GGUF');
  for (const folder of [blobs, dirname(manifest), join(hub, 'blobs'), join(hub, 'snapshots/r1')]) {
    mkdirSync(folder, { recursive: true });
  }
  await writeScriptedModel(join(blobs, BLOB), { scripts: { only: 'From a blob.' } });
  const layers = [{ mediaType: 'application/vnd.ollama.image.model', digest: BLOB.replace('-', ':') }];
  writeFileSync(manifest, JSON.stringify({ layers }));
  await writeScriptedModel(join(hub, 'blobs/b1'), { scripts: { only: 'Through a link.' } });
  const linked = join(hub, 'snapshots/r1/Linked-Q8_0.gguf');
  symlinkSync('../../blobs/b1', linked);
  const broken = join(hub, 'snapshots/r1/Broken.gguf');
  writeFileSync(broken, 'no model');
  return { ollama: join(blobs, BLOB), linked, broken };
}

async function say(url: string, model: string): Promise<string> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 50 }),
  });
  return await response.text();
}

test('what was found is registered in place and answers; what is broken is told; twice is once', async () => {
  const home = mkdtempSync(join(tmpdir(), 'flow-discovered-'));
  try {
    const { ollama, linked, broken } = await cacheOf(home);
    const environment = { HOME: home, OLLAMA_MODELS: join(home, '.ollama/models') };
    await using flow = await startFlow({ environment, engine: realEngine().executable });
    const found = await flow.json('/api/discovery');
    expect(found.body).toMatchObject({
      total: 3,
      models: [
        { path: broken, model_id: null },
        { path: linked, name: 'Linked-Q8_0', repository: 'me/Linked-GGUF', model_id: null },
        { path: ollama, place: 'ollama', name: 'tiny:1b', model_id: null },
      ],
    });
    const paths = [ollama, linked, broken, '/etc/passwd'];
    const first = await flow.json('/api/discovery', { paths });
    expect(first.body).toMatchObject({
      results: [
        { status: 'registered', model_id: 'tiny:1b' },
        { status: 'registered', model_id: 'Linked-Q8_0' },
        { status: 'refused', model_id: null },
        { status: 'refused', message: 'It is not among the models that were found.' },
      ],
    });
    const second = await flow.json('/api/discovery', { paths: [ollama, linked] });
    expect(second.body).toMatchObject({
      results: [{ status: 'already_registered' }, { status: 'already_registered', model_id: 'Linked-Q8_0' }],
    });
    expect(await say(flow.url, 'tiny:1b')).toContain('From a blob.');
    expect(await say(flow.url, 'me/Linked-GGUF')).toContain('Through a link.');
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}, 180_000);

test("an Ollama model's projector goes with it", async () => {
  const home = mkdtempSync(join(tmpdir(), 'flow-discovered-'));
  try {
    const { ollama } = await cacheOf(home);
    const projector = `sha256-${'b'.repeat(64)}`;
    const path = join(dirname(ollama), projector);
    const metadata = new Map([['general.architecture', { type: 'string' as const, value: 'clip' }]]);
    await writeGguf(path, { metadata, tensors: [] });
    const layers = [
      { mediaType: 'application/vnd.ollama.image.model', digest: BLOB.replace('-', ':') },
      { mediaType: 'application/vnd.ollama.image.projector', digest: projector.replace('-', ':') },
    ];
    const manifest = join(home, '.ollama/models/manifests/registry.ollama.ai/library/tiny/1b');
    writeFileSync(manifest, JSON.stringify({ layers }));
    const environment = { HOME: home, OLLAMA_MODELS: join(home, '.ollama/models') };
    await using flow = await startFlow({ environment });
    await flow.json('/api/discovery', { paths: [ollama] });
    const { body } = await flow.json('/api/models/tiny:1b');
    expect(body).toMatchObject({ capabilities: { vision: true }, config: { launch: { mmproj_path: path } } });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}, 180_000);
