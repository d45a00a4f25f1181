/** The seed's routes for updates, by the front door of their plugin. */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import { MlxEngines } from '#src/engines/mlx/mlx-engines.ts';
import { Fault } from '#src/faults.ts';
import { backendRoutes } from '#src/upgrades/backend-routes.ts';
import { type Bench, bench } from '../engines/support/bench.ts';
import { FAKE_PROGRAM, fakeReleases, goodArchive, TAG } from '../engines/support/fake-releases.ts';
import { until } from '../engines/support/run-engine.ts';
import { paperUpgrades } from './support/paper-shelf.ts';

function door({ engines }: Bench, fails = false) {
  const { upgrades } = paperUpgrades([engines], { fails: (id) => fails && id === TAG });
  const app = new Elysia()
    .onError(({ error, set }) => {
      if (!(error instanceof Fault)) return;
      set.status = error.status;
      return { error: { kind: error.kind, message: error.message } };
    })
    .use(backendRoutes({ engines, mlx: new MlxEngines([]), upgrades }));
  return async (method: string, path: string) => {
    const response = await app.handle(new Request(`http://localhost${path}`, { method }));
    return { status: response.status, body: await response.json() };
  };
}

function put({ installDir }: Bench, id: string): void {
  mkdirSync(join(installDir, id), { recursive: true });
  writeFileSync(join(installDir, id, 'llama-server'), FAKE_PROGRAM, { mode: 0o755 });
}

describe("the seed's routes", () => {
  test('tell versions in its field names', async () => {
    await using here = await bench();
    put(here, 'b1');
    const { body } = await door(here)('GET', '/api/backend-versions');
    const fields = [
      'name',
      'current',
      'latest',
      'update_available',
      'install_method',
      'updating',
      'update_log',
      'error',
    ];
    expect(Object.keys(body.llamacpp).sort()).toEqual(fields.toSorted());
    expect(Object.keys(body.mlx).sort()).toEqual(fields.toSorted());
    expect(body.llamacpp).toMatchObject({
      current: 'b1',
      latest: null,
      update_available: false,
      install_method: 'other',
    });
  });

  test('look for updates and install nothing', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    put(here, 'b1');
    const ask = door(here);
    expect((await ask('POST', '/api/check-updates')).body).toEqual({ status: 'checking' });
    await until(async () => (await ask('GET', '/api/backend-versions')).body.llamacpp.latest === TAG);
    expect((await ask('GET', '/api/backend-versions')).body.llamacpp.update_available).toBe(true);
    expect(host.asked).toEqual(['/releases/latest']);
    expect(here.installedNames()).toEqual(['b1']);
  });

  test('say why the look for updates failed', async () => {
    await using here = await bench();
    const ask = door(here);
    await ask('POST', '/api/check-updates');
    await until(async () => (await ask('GET', '/api/backend-versions')).body.llamacpp.error !== null);
    expect((await ask('GET', '/api/backend-versions')).body.llamacpp.error).toContain('cannot be reached');
  });

  test.each([
    ['that does well, which is then used', false, TAG],
    ['that does not, which is then told', true, 'b1'],
  ])('update beside what is there, by a trial %s', async (_, fails, used) => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    put(here, 'b1');
    const ask = door(here, fails);
    const llamacpp = async () => (await ask('GET', '/api/backend-versions')).body.llamacpp;
    expect(await ask('POST', '/api/update-backend/llamacpp')).toEqual({ status: 202, body: { status: 'updating' } });
    expect((await llamacpp()).updating).toBe(true);
    expect((await ask('POST', '/api/update-backend/llamacpp')).status).toBe(409);
    await until(async () => !(await llamacpp()).updating);
    expect(here.installedNames()).toEqual([TAG, 'b1'].sort());
    expect((await here.engines.chosen())?.id).toBe(used);
    const { update_log, error } = await llamacpp();
    expect(update_log.join('\n')).toContain(fails ? 'stays in use' : 'It is used from the next load on');
    expect(error === null).toBe(!fails);
  });

  test('know no other backend', async () => {
    await using here = await bench();
    expect((await door(here)('POST', '/api/update-backend/evil')).status).toBe(400);
  });
});
