/** What is the default engine changes by choice and by the first installation, never by what is put beside it. */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, bench } from './support/bench.ts';
import { FAKE_PROGRAM, fakeReleases, goodArchive, TAG } from './support/fake-releases.ts';

function put({ installDir }: Bench, id: string): void {
  mkdirSync(join(installDir, id), { recursive: true });
  writeFileSync(join(installDir, id, 'llama-server'), FAKE_PROGRAM, { mode: 0o755 });
}

const NEVER = new AbortController().signal;
const idOf = async ({ engines }: Bench) => (await engines.chosen())?.id ?? null;

describe('the default engine', () => {
  test('is the first that was installed, until another is chosen', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    expect(await idOf(here)).toBeNull();
    expect((await here.engines.ensure(NEVER)).id).toBe(TAG);
    put(here, 'b99999');
    here.engines.refresh();
    expect(await idOf(here)).toBe('b99999');
  });

  test.each([
    ['by the way of an update', (here: Bench) => here.engines.add(null, NEVER, () => {})],
    ['by an installation', (here: Bench) => here.installer.start({ source: null, version: null })],
  ])('stays when a newer one is put beside it %s', async (_, install) => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    put(here, 'b1');
    expect((await install(here)).id).toBe(TAG);
    here.engines.refresh();
    expect((await here.engines.list()).installed.map(({ id }) => id)).toEqual([TAG, 'b1']);
    expect(await idOf(here)).toBe('b1');
    await here.engines.choose(TAG);
    expect(await idOf(here)).toBe(TAG);
  });

  test('is the newest again when somebody leaves it to Flow, or when the one that stood has gone', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    put(here, 'b1');
    await here.engines.add(null, NEVER, () => {});
    rmSync(join(here.installDir, 'b1'), { recursive: true });
    here.engines.refresh();
    expect(await idOf(here)).toBe(TAG);
    put(here, 'b1');
    here.engines.refresh();
    expect(await idOf(here)).toBe('b1');
    await here.engines.choose('');
    expect(await idOf(here)).toBe(TAG);
  });

  test('that is installed already is not fetched again', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    put(here, TAG);
    expect((await here.engines.add(null, NEVER, () => {})).id).toBe(TAG);
    expect((await here.engines.add(TAG, NEVER, () => {})).id).toBe(TAG);
    expect(host.asked).toEqual(['/releases/latest']);
  });

  test('leaves an addition that is aborted without a trace', async () => {
    using host = fakeReleases(await goodArchive(), { halfway: new Promise(() => {}) });
    await using here = await bench({ releasesUrl: host.url });
    put(here, 'b1');
    const leaving = new AbortController();
    const adding = here.engines.add(null, leaving.signal, (ratio) => {
      if (ratio !== null) leaving.abort();
    });
    await expect(adding).rejects.toMatchObject({ kind: 'cancelled' });
    expect(here.installedNames()).toEqual(['b1']);
    expect(await idOf(here)).toBe('b1');
  });
});
