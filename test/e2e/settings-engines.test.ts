/**
 * Engines on the Settings page, in a real browser over a whole Flow with a release host on loopback: installed,
 * updated, gone back from, told in words when it goes wrong, cancelled. What a trial finds: test/e2e/engine-updates.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { fakeReleases, goodArchive, TAG } from '../engines/support/fake-releases.ts';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { axeViolations } from '../support/page-checks.ts';
import { startFlow, until } from '../support/running-flow.ts';
import { realProgram, spoiltProgram, updateHouse } from '../upgrades/support/update-house.ts';

const LIVE = '#connection[data-state=live]';
const KIND = '#engine-llama_2e_cpp';
/** The row of the engine in use, when it is that one. */
const inUse = (id: string): string => `${KIND} .engine__one[data-chosen=true] .engine__path:has-text("/${id}/")`;
const SYSTEM_PATH = [dirname(process.execPath), '/usr/bin', '/bin'].join(':');
const OFFLINE = { PIP_INDEX_URL: 'http://127.0.0.1:9', PIP_NO_INDEX: '1', PIP_RETRIES: '0' };

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** To be closed before its Flow goes, however the test ends. */
async function open(url: string): Promise<AsyncDisposable & { page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser);
  await page.goto(`${url}/settings`);
  await page.waitForSelector(LIVE);
  return { page, troubles, [Symbol.asyncDispose]: () => page.context().close() };
}

/** A Flow without an engine, and a host that has one; the archive comes no further than halfway before `halfway`. */
async function bareHouse(halfway: Promise<void> = Promise.resolve(), digest?: string) {
  const home = mkdtempSync(join(tmpdir(), 'flow-bare-'));
  const misbehaviour = digest === undefined ? { halfway } : { halfway, digest };
  const host = fakeReleases(await goodArchive(realProgram()), misbehaviour);
  const environment = { PATH: SYSTEM_PATH, HOME: home, FLOW_ENGINE_RELEASES_URL: host.url, ...OFFLINE };
  const dataDir = join(home, '.flow');
  mkdirSync(dataDir);
  const flow = await startFlow({ dataDir, engine: null, environment });
  return {
    flow,
    chosen: async () => (await flow.json('/api/engines')).body.chosen,
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      host[Symbol.dispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

describe('an engine is installed from the page', () => {
  test('with a bar that moves, and is in use when it is there', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    await using house = await bareHouse(promise);
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.waitForSelector(`${KIND} >> text=None on this machine.`);
    await page.click('[aria-label="Install llama.cpp"]');
    const bar = page.locator(`${KIND} [role=progressbar]`);
    await bar.waitFor();
    await page.waitForFunction(
      (kind) => /\d+ %/.test(document.querySelector(`${kind} .engine__message`)?.textContent ?? ''),
      KIND,
    );
    expect(await axeViolations(page, KIND)).toEqual([]);
    resolve();
    await page.waitForSelector(`${KIND} .engine__one[data-chosen=true]`);
    await bar.waitFor({ state: 'detached' });
    expect(await page.textContent(`${KIND} .engine__one`)).toContain('installed by Flow');
    expect(await house.chosen()).toBe(TAG);
    expect(troubles).toEqual([]);
  }, 180_000);

  test('is cancelled, and leaves nothing', async () => {
    await using house = await bareHouse(new Promise(() => {}));
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.click('[aria-label="Install llama.cpp"]');
    await page.click('[aria-label="Cancel the installation of llama.cpp"]');
    await page.waitForSelector(`${KIND} >> text=The installation was cancelled.`);
    await page.waitForSelector('[aria-label="Install llama.cpp"]');
    const folder = join(house.flow.dataDir, 'engines', 'llama.cpp');
    await until('an empty folder', () => readdirSync(folder).length === 0);
    expect(await house.chosen()).toBeNull();
    expect(troubles).toEqual([]);
  }, 180_000);

  test('says in words why it did not come about, and can be tried again', async () => {
    await using house = await bareHouse(Promise.resolve(), `sha256:${'0'.repeat(64)}`);
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.click('[aria-label="Install llama.cpp"]');
    await page.waitForSelector(`${KIND} .field__error >> text=SHA-256`);
    await page.waitForSelector('[aria-label="Install llama.cpp"]');
    expect(troubles).toEqual([]);
  }, 180_000);
});

describe('an engine is updated from the page', () => {
  test('tried before it is used, told step by step, and gone back from', async () => {
    await using house = await updateHouse(realProgram);
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.waitForSelector(inUse('b1'));
    await page.click('text=Look for newer versions');
    await page.waitForSelector(`${KIND} >> text=Update to ${TAG}`);
    await page.click(`${KIND} >> text=Update to ${TAG}`);
    await page.waitForSelector(`${KIND} .engine__work`);
    await page.waitForSelector(`${KIND} .engine__outcome >> text=updated`);
    await page.click(`${KIND} .engine__report summary`);
    const steps = await page.locator(`${KIND} .engine__step[data-outcome=passed] .tag`).allTextContents();
    expect(steps).toEqual(['start', 'chat', 'stream', 'tools', 'thinking', 'count', 'stop']);
    await page.waitForSelector(inUse(TAG));
    expect(await house.chosen()).toBe(TAG);
    await page.click(`${KIND} >> text=Back to b1`);
    await until('the former engine', async () => (await house.chosen()) === 'b1');
    await page.waitForSelector(inUse('b1'));
    expect(troubles).toEqual([]);
  }, 180_000);

  test('and one that is no good is told of in words, while the old one stays', async () => {
    const crash = 'echo "GGML_ASSERT(false) failed" >&2; kill -ABRT $$';
    await using house = await updateHouse(() => spoiltProgram(crash));
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.waitForSelector(inUse('b1'));
    await page.click(`${KIND} >> text="Update"`);
    await page.waitForSelector(`${KIND} .engine__outcome[data-good=false]`);
    await page.click(`${KIND} .engine__report summary`);
    expect(await page.textContent(`${KIND} .engine__report`)).toContain('stays in use');
    expect(await page.textContent(`${KIND} .engine__step[data-outcome=failed]`)).toMatch(/assert|crash/i);
    expect(await house.chosen()).toBe('b1');
    expect(troubles).toEqual([]);
  }, 180_000);

  test('and ended on the way', async () => {
    await using house = await updateHouse(realProgram, { misbehaviour: { halfway: new Promise(() => {}) } });
    await using opened = await open(house.flow.url);
    const { page, troubles } = opened;
    await page.waitForSelector(inUse('b1'));
    await page.click(`${KIND} >> text="Update"`);
    await page.waitForSelector(`${KIND} [role=progressbar]`);
    await page.click('[aria-label="Cancel the update of llama.cpp"]');
    await page.waitForSelector(`${KIND} .engine__outcome >> text=cancelled`);
    expect(await house.chosen()).toBe('b1');
    expect(troubles).toEqual([]);
  }, 180_000);
});
