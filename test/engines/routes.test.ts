/** The routes of engines, by the front door of their plugin; errors are shaped by the web area and tested there. */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import { MlxEngines } from '#src/engines/mlx/mlx-engines.ts';
import { engineRoutes } from '#src/engines/routes.ts';
import { Fault } from '#src/faults.ts';
import { type ShelfBench, shelfBench } from './mlx/support/shelf-bench.ts';
import { type Bench, bench } from './support/bench.ts';
import { FAKE_PROGRAM, fakeReleases, goodArchive, TAG } from './support/fake-releases.ts';
import { until } from './support/run-engine.ts';

const UPDATES = {
  mode: () => 'check',
  of: (kind: string) => ({ rollback_to: `${kind}-former`, last_update: { outcome: 'updated' } }),
};

function door({ engines }: Bench, mlx: ShelfBench | null = null) {
  const app = new Elysia()
    .onError(({ error, set }) => {
      if (!(error instanceof Fault)) return;
      set.status = error.status;
      return { error: { kind: error.kind, message: error.message } };
    })
    .use(engineRoutes({ engines, mlx: new MlxEngines(mlx ? [mlx.shelf] : []), updates: UPDATES }));
  return async (method: string, path: string, body?: unknown) => {
    const headers = { 'content-type': 'application/json' };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await app.handle(new Request(`http://localhost${path}`, init));
    return { status: response.status, body: await response.json() };
  };
}

function put({ installDir }: Bench, id: string): void {
  mkdirSync(join(installDir, id), { recursive: true });
  writeFileSync(join(installDir, id, 'llama-server'), FAKE_PROGRAM, { mode: 0o755 });
}

describe('/api/engines', () => {
  test('shows what there is, what is used, and what does not work', async () => {
    await using here = await bench();
    put(here, 'b1');
    mkdirSync(join(here.installDir, 'b0'));
    const { status, body } = await door(here)('GET', '/api/engines');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      chosen: 'b1',
      installed: [{ id: 'b1', kind: 'llama.cpp', version: 'b1', origin: 'installed', is_chosen: true }],
      broken: [{ id: 'b0', reason: 'There is no such file.' }],
      install: null,
      is_installing: false,
      updates: { checking: false, latest: null, error: null },
    });
  });

  test('says of each kind what came of its last update and what there is to go back to', async () => {
    await using here = await bench();
    expect((await door(here)('GET', '/api/engines')).body).toMatchObject({
      auto_update: 'check',
      rollback_to: 'llama.cpp-former',
      kinds: { 'llama.cpp': { chosen: null, rollback_to: 'llama.cpp-former', last_update: { outcome: 'updated' } } },
    });
  });

  test('installs in the background, with progress, once at a time', async () => {
    const gate = Promise.withResolvers<void>();
    using host = fakeReleases(await goodArchive(), { halfway: gate.promise });
    await using here = await bench({ releasesUrl: host.url });
    const ask = door(here);
    expect((await ask('POST', '/api/engines/install', { name: 'llama.cpp' })).status).toBe(202);
    await until(async () => (await ask('GET', '/api/engines')).body.install?.phase === 'downloading');
    expect((await ask('GET', '/api/engines')).body.install.total_bytes).toBe(host.sizeBytes);
    expect((await ask('POST', '/api/engines/install', {})).status).toBe(409);
    gate.resolve();
    await until(async () => (await ask('GET', '/api/engines')).body.install.phase === 'done');
    expect((await ask('GET', '/api/engines')).body.chosen).toBe(TAG);
  });

  test('cancels an installation', async () => {
    using host = fakeReleases(await goodArchive(), { halfway: new Promise(() => {}) });
    await using here = await bench({ releasesUrl: host.url });
    const ask = door(here);
    await ask('POST', '/api/engines/install', {});
    await until(() => here.installer.progress?.phase === 'downloading');
    expect((await ask('DELETE', '/api/engines/install')).status).toBe(202);
    await until(() => !here.installer.isRunning);
    expect(here.installedNames()).toEqual([]);
  });

  test.each([[{ name: 'evil' }], [{ version: '../x' }], [{ version: 7 }]])('refuses %j', async (body) => {
    await using here = await bench();
    expect((await door(here)('POST', '/api/engines/install', body)).status).toBe(422);
  });

  test('chooses and removes', async () => {
    await using here = await bench();
    for (const id of ['b1', 'b2']) put(here, id);
    const ask = door(here);
    expect((await ask('POST', '/api/engines/choose', { id: 'b1' })).status).toBe(200);
    expect((await ask('POST', '/api/engines/choose', { id: 'b9' })).status).toBe(404);
    expect((await ask('DELETE', '/api/engines/b1')).status).toBe(409);
    expect((await ask('DELETE', '/api/engines/b2')).status).toBe(200);
    expect((await ask('DELETE', '/api/engines/path%3A%2Fusr%2Fbin%2Fllama-server')).status).toBe(404);
    expect((await ask('DELETE', '/api/engines/%E0%A4%A')).status).toBeOneOf([400, 404]);
    expect(here.installedNames()).toEqual(['b1']);
  });
});

describe('MLX servers', () => {
  test('stand beside llama.cpp, each kind by itself', async () => {
    await using here = await bench();
    put(here, 'b1');
    await using mlx = await shelfBench();
    const ask = door(here, mlx);
    const { body } = await ask('POST', '/api/engines/install', { name: 'mlx-lm', version: '9.1' });
    expect(body).toMatchObject({ status: 'installing', install: { phase: 'looking' } });
    await until(async () => (await ask('GET', '/api/engines')).body.kinds['mlx-lm'].install?.phase === 'done');
    const found = (await ask('GET', '/api/engines')).body;
    expect(found.installed.map(({ id }: { id: string }) => id)).toEqual(['b1']);
    expect(found.kinds['llama.cpp'].chosen).toBe('b1');
    expect(found.kinds['mlx-lm']).toMatchObject({
      chosen: 'mlx-lm-9.1',
      installed: [
        { id: 'mlx-lm-9.1', kind: 'mlx-lm', version: '9.1', size_bytes: expect.any(Number), is_chosen: true },
      ],
      is_installing: false,
    });
  });

  test('are chosen and removed by their ids', async () => {
    await using here = await bench();
    await using mlx = await shelfBench();
    const ask = door(here, mlx);
    await mlx.shelf.add('9.1', new AbortController().signal, () => {});
    const chosen = { status: 'ok', chosen: 'mlx-lm-9.1', name: 'mlx-lm' };
    expect((await ask('POST', '/api/engines/choose', { id: 'mlx-lm-9.1' })).body).toEqual(chosen);
    expect((await ask('DELETE', '/api/engines/mlx-lm-9.1')).status).toBe(409);
    expect((await ask('POST', '/api/engines/choose', { id: '', name: 'mlx-lm' })).status).toBe(200);
    expect((await ask('DELETE', '/api/engines/mlx-lm-9.1')).status).toBe(200);
    expect(mlx.names()).toEqual([]);
  });
});
