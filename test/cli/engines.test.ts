/** flow engines, with and without a running Flow. What an installation does inside is tested in test/engines. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FakeReleases, fakeReleases, goodArchive, TAG } from '#test/engines/support/fake-releases.ts';
import { startFlow } from '#test/support/running-flow.ts';
import { type Ended, flow } from './flow-command.ts';

/** No llama-server of the machine, and no other source than the release host. */
const TOOLS = '/usr/bin:/bin';
const ASSETS = `llama-${TAG}-bin-${process.platform === 'darwin' ? 'macos' : 'ubuntu'}-${process.arch}.tar.gz`;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-cli-engines-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const placeOf = () => join(dataDir, 'engines', 'llama.cpp', TAG);

function engines(argv: readonly string[], releases: FakeReleases | null, more = {}): Promise<Ended> {
  const url = releases?.url ?? 'http://127.0.0.1:9/releases';
  const environment = { PATH: TOOLS, FLOW_DATA_DIR: dataDir, FLOW_ENGINE_RELEASES_URL: url };
  return flow(['engines', ...argv], { environment: { ...environment, ...more } });
}

describe('while Flow does not run', () => {
  test('install puts the engine into the named data directory, for its owner alone, and ends at once', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS });
    const { code, stdout, stderr, ms } = await engines(['install', 'llama.cpp'], releases);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining(`Downloading ${ASSETS}`) });
    expect(stdout).toStartWith(`llama.cpp ${TAG} is installed: ${placeOf()}`);
    expect(statSync(placeOf()).mode & 0o777).toBe(0o700);
    expect(ms).toBeLessThan(10_000);
    expect(existsSync(join(dataDir, 'flow.lock'))).toBe(false);
  });

  test('a second install has nothing to do, and asks nobody', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS });
    await engines(['install'], releases);
    const asked = releases.asked.length;
    const again = await engines(['install', 'llama.cpp'], releases);
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`llama.cpp ${TAG} is already installed`) });
    expect(releases.asked.length).toBe(asked);
    expect((await engines(['install', '--update'], releases)).stdout).toContain('is installed');
    expect(releases.asked.length).toBeGreaterThan(asked);
  });

  test('the list marks the chosen one, and remove takes it away', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS });
    expect((await engines([], releases)).stdout).toContain('flow engines install llama.cpp');
    await engines(['install'], releases);
    const { stdout } = await engines(['--check'], releases);
    expect(stdout).toMatch(new RegExp(`\\n\\* +${TAG} +llama.cpp +${TAG} +installed +/`));
    expect(stdout).toEndWith(`The newest release is ${TAG}.\n`);
    expect((await engines(['choose', TAG], releases)).stdout).toContain(`${TAG} is used from the next load on`);
    expect(JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8'))).toMatchObject({ engine_choice: TAG });
    expect((await engines(['remove', TAG], releases)).stderr).toContain('is the chosen engine');
    expect((await engines(['choose', 'auto'], releases)).code).toBe(0);
    expect((await engines(['remove', TAG], releases)).stdout).toBe(`${TAG} is removed.\n`);
    expect(existsSync(placeOf())).toBe(false);
  });

  test('a list makes nothing', async () => {
    const absent = join(dataDir, 'absent');
    expect((await engines([], null, { FLOW_DATA_DIR: absent })).code).toBe(0);
    expect(existsSync(absent)).toBe(false);
  });

  test('what cannot be had is code 5, with what was tried and what helps', async () => {
    const { code, stderr } = await engines(['install', 'release'], null);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringContaining('No engine could be installed') });
    expect(stderr).toContain('FLOW_LLAMA_SERVER');
    expect(readdirSync(join(dataDir, 'engines', 'llama.cpp'))).toEqual([]);
  });

  test('an archive with the wrong checksum is refused', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS, digest: `sha256:${'0'.repeat(64)}` });
    expect((await engines(['install', 'release'], releases)).code).toBe(5);
    expect(existsSync(placeOf())).toBe(false);
  });

  test('Ctrl-C in the midst of a download leaves nothing, with code 130', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS, halfway: never });
    const environment = { PATH: TOOLS, FLOW_DATA_DIR: dataDir, FLOW_ENGINE_RELEASES_URL: releases.url };
    const signalAt = { text: 'Downloading', signal: 'SIGINT' } as const;
    const { code, stderr } = await flow(['engines', 'install', 'release'], { environment, signalAt });
    expect({ code, stderr }).toEqual({ code: 130, stderr: expect.stringContaining('was cancelled') });
    expect(readdirSync(join(dataDir, 'engines', 'llama.cpp'))).toEqual([]);
    expect(existsSync(join(dataDir, 'flow.lock'))).toBe(false);
  });

  test('wrong words are code 2, unknown ids code 4', async () => {
    expect((await engines(['fetch'], null)).code).toBe(2);
    expect((await engines(['install', 'vllm'], null)).stderr).toContain('llama.cpp, release, wheel, homebrew');
    expect((await engines(['choose'], null)).code).toBe(2);
    expect((await engines(['choose', 'b1'], null)).code).toBe(4);
    expect((await engines(['remove', 'b1'], null)).code).toBe(4);
  });
});

describe('while Flow runs', () => {
  async function running(releases: FakeReleases) {
    const environment = {
      PATH: `${TOOLS}:${process.execPath.replace(/\/[^/]+$/, '')}`,
      FLOW_ENGINE_RELEASES_URL: releases.url,
    };
    const gateway = await startFlow({ dataDir, environment });
    return { gateway, port: new URL(gateway.url).port };
  }

  test('it installs, and the list, the choice and the removal are its own', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS });
    const { gateway, port } = await running(releases);
    await using _gateway = gateway;
    const at = { FLOW_PORT: port, FLOW_ENGINE_RELEASES_URL: '' };
    const installed = await engines(['install', 'release'], null, at);
    expect(installed).toMatchObject({ code: 0, stdout: expect.stringContaining(`llama.cpp ${TAG} is installed`) });
    expect((await engines(['install'], null, at)).stdout).toContain('already installed');
    expect((await engines([], null, at)).stdout).toContain(placeOf());
    expect((await engines(['choose', TAG], null, at)).code).toBe(0);
    const { body } = await gateway.json('/api/settings');
    expect(JSON.stringify(body)).toContain(TAG);
    expect((await engines(['remove', TAG], null, at)).code).toBe(10);
    await engines(['choose', 'auto'], null, at);
    expect((await engines(['remove', TAG], null, at)).code).toBe(0);
  });

  test('Ctrl-C cancels its installation', async () => {
    const { promise: never } = Promise.withResolvers<void>();
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS, halfway: never });
    const { gateway, port } = await running(releases);
    await using _gateway = gateway;
    const signalAt = { text: 'Downloading', signal: 'SIGINT' } as const;
    const environment = { FLOW_PORT: port, FLOW_DATA_DIR: dataDir };
    expect((await flow(['engines', 'install', 'release'], { environment, signalAt })).code).toBe(130);
    const { body } = await gateway.json('/api/engines');
    expect(body).toMatchObject({ is_installing: false, installed: [] });
  });

  test('another data directory than its own is worked on without it', async () => {
    using releases = fakeReleases(await goodArchive(), { assetName: ASSETS });
    const { gateway, port } = await running(releases);
    await using _gateway = gateway;
    const other = join(dataDir, 'other');
    // Its settings name the port where the other Flow answers.
    mkdirSync(other);
    writeFileSync(join(other, 'settings.json'), JSON.stringify({ port: Number(port) }));
    const { code } = await engines(['install', 'release'], releases, { FLOW_DATA_DIR: other });
    expect(code).toBe(0);
    expect(existsSync(join(other, 'engines', 'llama.cpp', TAG))).toBe(true);
    expect(existsSync(placeOf())).toBe(false);
  });
});
