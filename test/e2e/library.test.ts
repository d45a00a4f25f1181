/** Models from a hub through the pages of a whole Flow, in a real browser: found, downloaded, loaded. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type FakeHub, startFakeHub } from '../support/fake-hub.ts';
import { tabTo } from '../support/keyboard.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const LIVE = '#connection[data-state=live]';
const REPOSITORY = 'acme/scripted-GGUF';
const NAME = 'scripted-Q8_0.gguf';

let browser: Browser;
let folder: string;
let hub: FakeHub;
let model: Uint8Array;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  folder = mkdtempSync(join(tmpdir(), 'flow-library-'));
  await writeScriptedModel(join(folder, NAME), { scripts: { plain: 'Fetched.' } });
  model = await Bun.file(join(folder, NAME)).bytes();
  hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: NAME, bytes: model }], downloads: 1204, likes: 31 }]);
  flow = await startFlow({ engine: realEngine().executable, environment: { HF_ENDPOINT: hub.url, HOME: folder } });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function open(path: string, options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser, options);
  await page.goto(flow.url + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(LIVE);
  return { page, troubles };
}

test('a download is watched without reload: paused, resumed, checked and loaded', async () => {
  hub.recover();
  hub.spoil(NAME, { kind: 'slow', bytesPerS: Math.ceil(model.length / 4) });
  const { page, troubles } = await open('/models/downloads');
  await page.waitForSelector('text=No downloads');
  await flow.json('/api/models/download', { hf_id: `${REPOSITORY}:Q8_0` });
  await page.waitForSelector('.download[data-phase=running]');
  await page.waitForFunction(() => /\d+ % · .* of .*\/s/.test(document.querySelector('.download')?.textContent ?? ''));
  await page.click('.download >> text=Pause');
  await page.waitForSelector('.download[data-phase=paused]');
  hub.recover();
  await page.click('.download >> text=Resume');
  await page.waitForSelector('.download[data-phase=complete]');
  await page.click('.download >> text="Load"');
  await until('the model', async () => JSON.stringify((await flow.json('/api/fleet')).body).includes('"ready"'));
  await page.click('.download >> text=Remove from the list');
  await page.waitForSelector('text=No downloads');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a model is found by its name, judged, and downloaded with one click', async () => {
  hub.recover();
  hub.put({ id: 'acme/other-GGUF', files: [{ path: 'other-Q4_K_M.gguf', bytes: model }], likes: 7 });
  const { page, troubles } = await open('/models/get');
  await page.waitForSelector('.found__one >> nth=1');
  await page.locator('#get-q').pressSequentially('other');
  await page.waitForFunction(() => document.querySelectorAll('.found__one').length === 1);
  expect(new URL(page.url()).search).toBe('?q=other');
  await page.click('.found__name');
  await page.waitForSelector('#get-fits .badge');
  expect(await page.textContent('#get-fits')).toContain('Fits');
  const before = await page.textContent('.fits__basis');
  await page.focus('#get-ctx');
  await page.keyboard.press('Home');
  await page.waitForFunction((text) => document.querySelector('.fits__basis')?.textContent !== text, before);
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('get-ctx');
  await page.click('button:has-text("Download")');
  await page.waitForSelector('.notice >> text=is being downloaded');
  await page.click('.tabs >> text=Downloads');
  await page.waitForSelector('.download[data-phase=complete]');
  expect(await page.textContent('.download')).toContain('other-Q4_K_M.gguf');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('search, repository, download and load, by keys alone', async () => {
  hub.recover();
  hub.put({ id: 'acme/keyed-GGUF', files: [{ path: 'keyed-Q4_K_M.gguf', bytes: model }], likes: 3 });
  const { page, troubles } = await open('/models/get');
  await page.waitForSelector('.found__one');
  await tabTo(page, /^Find on the hub/);
  await page.keyboard.type('keyed');
  await page.waitForFunction(() => document.querySelectorAll('.found__one').length === 1);
  await tabTo(page, /keyed-GGUF/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#get-fits .badge');
  await tabTo(page, /^Download\b/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.notice >> text=is being downloaded');
  await page.goto(`${flow.url}/models/downloads`);
  await page.waitForSelector('.download[data-phase=complete]:has-text("keyed-Q4_K_M.gguf")');
  await tabTo(page, /^Load .*keyed/);
  await page.keyboard.press('Enter');
  await until('the model', async () =>
    /keyed[^}]*\}?[^}]*"ready"/.test(JSON.stringify((await flow.json('/api/fleet')).body)),
  );
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a model in another program’s folder is used where it lies; a path outside the roots is refused', async () => {
  const place = join(folder, '.cache', 'llama.cpp');
  mkdirSync(place, { recursive: true });
  await Bun.write(join(place, 'lying-Q8_0.gguf'), model);
  await Bun.write(join(folder, 'outside.gguf'), model);
  const { page, troubles } = await open('/models/import', { expects: [/^403 POST \/models\/import\/registering/] });
  await page.check('#import-found input[type=checkbox]');
  await page.click('text=Use where they are');
  await page.waitForSelector('.notice >> text=1 model in your list');
  await page.waitForSelector('#import-found >> text=All of them are in your list');
  await page.fill('#import-path-field', join(folder, 'outside.gguf'));
  await page.click('#import-path >> text="Add"');
  await page.waitForSelector('.notice >> text=outside the folders');
  expect(JSON.stringify((await flow.json('/api/models')).body)).not.toContain('outside.gguf');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('downloads that wait change places, all are paused and go on, and what is over is cleared', async () => {
  hub.recover();
  const names = ['first', 'second', 'third'];
  for (const name of names) {
    hub.put({ id: `acme/${name}-GGUF`, files: [{ path: `${name}-Q4_K_M.gguf`, bytes: model }] });
    hub.spoil(`${name}-Q4_K_M.gguf`, { kind: 'slow', bytesPerS: Math.ceil(model.length / 60) });
  }
  const { page, troubles } = await open('/models/downloads');
  for (const name of names) await flow.json('/api/models/download', { hf_id: `acme/${name}-GGUF` });
  await page.waitForSelector('.download:has-text("third") >> text=waits, number 2');
  await page.waitForSelector('#models-downloads-count >> text=3');
  await page.click('[aria-label="Fetch acme/third-GGUF sooner"]');
  await page.waitForSelector('.download:has-text("third") >> text=next in turn');
  const order = await page.locator('.download__name').allTextContents();
  expect(order.slice(0, 3).map((name) => name.trim())).toEqual(
    ['first', 'third', 'second'].map((name) => `acme/${name}-GGUF`),
  );
  await page.click('text=Pause all');
  await page.waitForSelector('.download >> text=paused by you >> nth=2');
  await page.waitForSelector('#models-downloads-count:empty', { state: 'attached' });
  hub.recover();
  await page.click('text=Resume all');
  await page.waitForSelector('.download:has-text("second")[data-phase=complete]');
  await page.waitForSelector('.download:not([data-phase=complete])', { state: 'detached' });
  expect(await page.textContent('#downloads-said')).toContain('is downloaded');
  await page.click('text=Clear what is over');
  await page.waitForSelector('text=No downloads');
  for (const name of names) await flow.json(`/api/models/${name}-Q4_K_M`, undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the best quantisation is pointed out; what is pasted on any page is offered, with what it named', async () => {
  hub.recover();
  const files = ['Q2_K', 'Q8_0', 'BF16'].map((quant) => ({ path: `some-7B-${quant}.gguf`, bytes: model }));
  hub.put({ id: 'acme/some-7B-GGUF', files });
  hub.put({ id: 'acme/some-9000B-GGUF', files: [{ path: 'some-9000B-Q4_K_M.gguf', bytes: model }] });
  const { page, troubles } = await open('/models');
  const paste = (text: string) =>
    page.evaluate((pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', pasted);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, text);
  await paste('just words');
  await paste('<img src=x onerror=alert(1)>/x');
  expect(await page.locator('.notice').count()).toBe(0);
  await paste('acme/some-7B-GGUF:Q2_K');
  await page.click('.notice >> text=Open acme/some-7B-GGUF');
  await page.waitForSelector('.fits__row[data-advised]');
  expect(await page.textContent('.fits__row[data-advised]')).toContain('Q2_K');
  expect(await page.textContent('.fits__row[data-advised]')).toContain('as named');
  await page.goto(`${flow.url}/models/get?repo=acme/some-7B-GGUF`);
  await page.waitForSelector('.fits__row[data-advised] >> text=best for this machine');
  expect(await page.textContent('.fits__row[data-advised]')).toContain('Q8_0');
  await page.goto(`${flow.url}/models/get?q=some`);
  await page.waitForSelector('.found__one:has-text("9000B") >> text=too big for this machine');
  await page.check('input[name=fits]');
  await page.waitForFunction(() => document.querySelectorAll('.found__one').length === 1);
  expect(await page.textContent('.found__one')).toContain('7B');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a link, and a name with a quantisation, open their repository', async () => {
  hub.recover();
  const { page } = await open('/models/get');
  for (const pasted of [`${hub.url}/${REPOSITORY}/tree/main`, `${REPOSITORY}:Q8_0`]) {
    await page.fill('#get-q', '');
    await page.waitForSelector('.found__named', { state: 'detached' });
    await page.fill('#get-q', pasted);
    await page.waitForSelector(`text=Open ${REPOSITORY}`);
  }
  await page.context().close();
});

test('each refusal of the hub is told apart where the answer would be, and can be tried again', async () => {
  hub.recover();
  hub.trouble('/api/models?', { kind: 'status', status: 429, headers: { 'retry-after': '7' } });
  const { page } = await open('/models/get?q=busy');
  await page.waitForSelector('.trouble >> text=takes no more requests');
  hub.recover();
  await page.click('text=Try again');
  await page.waitForSelector('text=Nothing was found');
  await page.goto(`${flow.url}/models/get?repo=acme/nowhere`);
  await page.waitForSelector('.trouble >> text=acme/nowhere');
  await page.context().close();
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`the pages are accessible and within the window: ${colorScheme}, ${width} px`, async () => {
    hub.recover();
    for (const [path, shown] of [
      ['/models/downloads', '#downloads'],
      ['/models/get', '.found'],
      ['/models/import', '#import-found:not([aria-busy])'],
      [`/models/get?repo=${REPOSITORY}`, '#get-fits .badge'],
    ] as const) {
      const { page, troubles } = await open(path, { colorScheme, width });
      await page.waitForSelector(shown);
      expect(troubles).toEqual([]);
      expect(await scrollsSideways(page)).toBe(false);
      expect(await axeViolations(page)).toEqual([]);
      await page.context().close();
    }
  });
}
