/**
 * Installing an engine from a release host on loopback: what is good arrives whole, what is not leaves nothing behind.
 */
import { describe, expect, test } from 'bun:test';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Fetched, InstallSource } from '#src/engines/install-source.ts';
import { Fault, type FaultKind } from '#src/faults.ts';
import { type Bench, bench } from './support/bench.ts';
import { FAKE_PROGRAM, fakeReleases, goodArchive, type Misbehaviour, TAG, tarGz } from './support/fake-releases.ts';
import { until } from './support/run-engine.ts';

const NEWEST = { source: null, version: null } as const;

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const cause = await promise.then(
    () => null,
    (thrown) => thrown,
  );
  if (cause instanceof Fault) return cause;
  throw new Error(`No Fault: ${cause}`);
}

/** A source that does as told; `fetch` gets the staging folder. */
function source(name: InstallSource['name'], fetch: InstallSource['fetch']): InstallSource {
  return { name, canServe: () => true, fetch };
}

async function program(stagingDir: string, text = FAKE_PROGRAM): Promise<Fetched> {
  const folder = join(stagingDir, 'made');
  mkdirSync(folder);
  writeFileSync(join(folder, 'llama-server'), text, { mode: 0o755 });
  return { kind: 'folder', id: 'b1', folder };
}

function expectClean({ installedNames, installer }: Bench): void {
  expect(installedNames()).toEqual([]);
  expect(installer.isRunning).toBe(false);
  expect(installer.progress?.phase).toBe('failed');
}

describe('a good release', () => {
  test('is verified, unpacked, tested, put in place for its owner only, and used', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    const engine = await here.installer.start(NEWEST);
    expect(engine).toMatchObject({ id: TAG, version: TAG, origin: 'installed', kind: 'llama.cpp' });
    expect(engine.executable).toBe(join(here.installDir, TAG, `llama-${TAG}`, 'llama-server'));
    expect(here.installedNames()).toEqual([TAG]);
    expect(statSync(join(here.installDir, TAG)).mode & 0o777).toBe(0o700);
    expect(statSync(engine.executable).mode & 0o777).toBe(0o700);
    expect(statSync(join(here.installDir, TAG, `llama-${TAG}`, 'LICENSE')).mode & 0o077).toBe(0);
    expect(await here.engines.chosen()).toEqual(engine);
  });

  test('tells each phase and every byte', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    await here.installer.start(NEWEST);
    const phases = [...new Set(here.steps.map((step) => step.phase))];
    expect(phases).toEqual(['looking', 'downloading', 'verifying', 'unpacking', 'testing', 'done']);
    expect(here.steps.find((step) => step.phase === 'verifying')?.bytes).toBe(host.sizeBytes);
    expect(here.events).toContainEqual({ type: 'engine-install-changed', engine: 'llama.cpp' });
    expect(here.installer.log.join('\n')).toContain(host.assetName);
  });

  test('of a chosen version is asked for by its tag', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    await here.installer.start({ source: 'release', version: TAG });
    expect(host.asked[0]).toBe(`/releases/tags/${TAG}`);
  });

  test('is followed to where the host redirects', async () => {
    using host = fakeReleases(await goodArchive(), { redirectTo: (origin) => `${origin}/moved` });
    await using here = await bench({ releasesUrl: host.url });
    expect((await here.installer.start(NEWEST)).id).toBe(TAG);
  });

  test('without a digest is accepted by a list of checksums beside it', async () => {
    const archive = await goodArchive();
    const sha256 = new Bun.CryptoHasher('sha256').update(archive).digest('hex');
    const files = { 'SHA256SUMS.txt': `${'0'.repeat(64)}  other\n${sha256}  llama-${TAG}-bin-ubuntu-x64.tar.gz\n` };
    using host = fakeReleases(archive, { digest: null, files });
    await using here = await bench({ releasesUrl: host.url });
    expect((await here.installer.start(NEWEST)).id).toBe(TAG);
  });

  test('replaces a broken one of the same name, and what a killed Flow left goes', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    mkdirSync(join(here.installDir, TAG), { recursive: true });
    writeFileSync(join(here.installDir, TAG, 'llama-server'), 'broken');
    mkdirSync(join(here.installDir, '.staging-0123'));
    await here.installer.start(NEWEST);
    expect(here.installedNames()).toEqual([TAG]);
    expect((await here.engines.list()).broken).toEqual([]);
  });
});

describe('leaves nothing and says why:', () => {
  const cases: readonly [string, Misbehaviour, FaultKind, string][] = [
    ['a wrong checksum', { digest: `sha256:${'0'.repeat(64)}` }, 'install-failed', 'SHA-256'],
    ['no checksum at all', { digest: null }, 'install-failed', 'publishes no SHA-256'],
    ['a weaker checksum', { digest: `sha1:${'0'.repeat(40)}` }, 'install-failed', 'publishes no SHA-256'],
    ['a cut download', { cutAfterBytes: 100 }, 'install-failed', 'ended after 100 of'],
    ['more bytes than announced', { sizeBytes: 50 }, 'install-failed', 'larger than the 50 bytes'],
    ['an archive that is gone', { archiveStatus: 404 }, 'install-failed', '(404)'],
    ['a host in trouble', { releaseStatus: 500 }, 'install-failed', 'status 500'],
    ['a host that limits requests', { releaseStatus: 403 }, 'install-failed', 'status 403'],
    [
      'no archive for this machine',
      { assetName: 'llama-bin-win-cpu-x64.zip' },
      'install-failed',
      'no archive for this',
    ],
    [
      'a redirect to plain http elsewhere',
      { redirectTo: () => 'http://example.com/x' },
      'install-failed',
      'only https',
    ],
    ['a redirect to a file', { redirectTo: () => 'file:///etc/passwd' }, 'install-failed', 'only https'],
    ['endless redirects', { redirectTo: (origin) => `${origin}/loop` }, 'install-failed', 'redirected more than 5'],
  ];

  test.each(cases)('%s', async (_, misbehaviour, kind, words) => {
    using host = fakeReleases(await goodArchive(), misbehaviour);
    await using here = await bench({ releasesUrl: host.url });
    const fault = await faultOf(here.installer.start(NEWEST));
    expect(fault.kind).toBe(kind);
    expect(fault.message).toContain(words);
    expect(fault.hint).toContain('FLOW_LLAMA_SERVER');
    expectClean(here);
  });

  test('an unknown version', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    const fault = await faultOf(here.installer.start({ source: null, version: 'b1' }));
    expect(fault.message).toContain('There is no llama.cpp release `b1`');
    expectClean(here);
  });

  test.each([
    ['an entry above the folder', ['--transform=s,EVIL,../EVIL,'], 'would leave its folder'],
    ['an absolute entry', ['-P', '--transform=s,^.*EVIL,/tmp/EVIL,'], 'would leave its folder'],
  ])('S-21: a hostile archive with %s', async (_, options, words) => {
    using host = fakeReleases(await tarGz({ 'llama-server': FAKE_PROGRAM, EVIL: 'x' }, options));
    await using here = await bench({ releasesUrl: host.url });
    const fault = await faultOf(here.installer.start(NEWEST));
    expect(fault.message).toContain(words);
    expectClean(here);
  });

  test('S-21: a hostile archive with a link out of the folder', async () => {
    using host = fakeReleases(await withLink('/etc/passwd'));
    await using here = await bench({ releasesUrl: host.url });
    expect((await faultOf(here.installer.start(NEWEST))).message).toContain('a link to `/etc/passwd`');
    expectClean(here);
  });

  test('what is no archive', async () => {
    using host = fakeReleases(new TextEncoder().encode('this is no archive'));
    await using here = await bench({ releasesUrl: host.url });
    expect((await faultOf(here.installer.start(NEWEST))).message).toContain('could not be unpacked by tar');
    expectClean(here);
  });

  test('an archive without the program', async () => {
    using host = fakeReleases(await tarGz({ README: 'hello' }));
    await using here = await bench({ releasesUrl: host.url });
    expect((await faultOf(here.installer.start(NEWEST))).message).toContain('has no llama-server in it');
    expectClean(here);
  });

  test('a program that does not run here', async () => {
    using host = fakeReleases(await goodArchive('#!/bin/sh\necho "version GLIBC trouble" >&2; exit 1\n'));
    await using here = await bench({ releasesUrl: host.url });
    const fault = await faultOf(here.installer.start(NEWEST));
    expect(fault.message).toContain('does not run here: It ended with code 1');
    expectClean(here);
  });

  test('a host that nobody reaches: offline, at once', async () => {
    await using here = await bench();
    const startMs = performance.now();
    const fault = await faultOf(here.installer.start(NEWEST));
    expect(fault.kind).toBe('offline');
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expectClean(here);
  });
});

describe('one installation', () => {
  test('serves any number of waiters, and a second wish is refused meanwhile', async () => {
    const gate = Promise.withResolvers<void>();
    using host = fakeReleases(await goodArchive(), { halfway: gate.promise });
    await using here = await bench({ releasesUrl: host.url });
    const waiters = Array.from({ length: 50 }, () => here.engines.ensure(new AbortController().signal));
    await until(() => here.installer.progress?.phase === 'downloading');
    expect(() => here.installer.start(NEWEST)).toThrow('installed already');
    gate.resolve();
    expect(new Set((await Promise.all(waiters)).map((engine) => engine.id))).toEqual(new Set([TAG]));
    expect(host.asked.filter((path) => path.startsWith('/files/'))).toHaveLength(1);
  });

  test('goes on when one waiter leaves', async () => {
    const gate = Promise.withResolvers<void>();
    using host = fakeReleases(await goodArchive(), { halfway: gate.promise });
    await using here = await bench({ releasesUrl: host.url });
    const leaver = new AbortController();
    const left = faultOf(here.engines.ensure(leaver.signal));
    const stays = here.engines.ensure(new AbortController().signal);
    await until(() => here.installer.progress?.phase === 'downloading');
    leaver.abort();
    expect((await left).kind).toBe('cancelled');
    gate.resolve();
    expect((await stays).id).toBe(TAG);
  });

  test('ends clean when it is cancelled', async () => {
    using host = fakeReleases(await goodArchive(), { halfway: new Promise(() => {}) });
    await using here = await bench({ releasesUrl: host.url });
    const waiting = faultOf(here.installer.start(NEWEST));
    await until(() => here.installer.progress?.phase === 'downloading');
    here.installer.cancel();
    expect((await waiting).kind).toBe('cancelled');
    expectClean(here);
    expect(here.installer.progress?.message).toContain('cancelled');
  });

  test('takes the next source when one fails, and names all of them when none can', async () => {
    const fails = source('release', () => Promise.reject(new Fault('offline', 'No host.')));
    const works = source('wheel', ({ stagingDir }) => program(stagingDir));
    await using here = await bench({ sources: [fails, works] });
    expect((await here.installer.start(NEWEST)).id).toBe('b1');
    const full = source('wheel', () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOSPC' })));
    await using there = await bench({ sources: [fails, full] });
    const fault = await faultOf(there.installer.start(NEWEST));
    expect(fault.kind).toBe('disk-full');
    expect(fault.message).toBe(
      "No engine could be installed. Tried llama.cpp's release archive: No host; the Python wheel: The disk is full.",
    );
  });

  test('says that the disk is full also when only tar says so', async () => {
    const message = 'The archive could not be unpacked by tar: tar: lib.so: Cannot write: No space left on device.';
    const full = source('release', () => Promise.reject(new Fault('install-failed', message)));
    await using here = await bench({ sources: [full] });
    const fault = await faultOf(here.installer.start(NEWEST));
    expect(fault).toMatchObject({ kind: 'disk-full', hint: 'Make room on the disk that holds the data folder.' });
  });

  test('does not begin where installing by itself is switched off', async () => {
    using host = fakeReleases(await goodArchive());
    await using here = await bench({ releasesUrl: host.url });
    await here.setSettings({ engine_auto_install: false });
    expect((await faultOf(here.engines.ensure(new AbortController().signal))).kind).toBe('engine-missing');
    expect(host.asked).toEqual([]);
  });
});

async function withLink(target: string): Promise<Uint8Array> {
  const folder = (await Bun.$`mktemp -d`.text()).trim();
  try {
    await Bun.$`ln -s ${target} ${folder}/evil && cp /bin/true ${folder}/llama-server`;
    await Bun.$`tar -czf ${folder}.tgz -C ${folder} .`;
    return new Uint8Array(await Bun.file(`${folder}.tgz`).arrayBuffer());
  } finally {
    await Bun.$`rm -rf ${folder} ${folder}.tgz`;
  }
}
