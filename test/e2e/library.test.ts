/** Models from a hub through the pages of a whole Flow, in a real browser: found, downloaded, loaded. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type FakeHub, startFakeHub } from '../support/fake-hub.ts';
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

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`the pages are accessible and within the window: ${colorScheme}, ${width} px`, async () => {
    hub.recover();
    for (const [path, shown] of [['/models/downloads', '#downloads']] as const) {
      const { page, troubles } = await open(path, { colorScheme, width });
      await page.waitForSelector(shown);
      expect(troubles).toEqual([]);
      expect(await scrollsSideways(page)).toBe(false);
      expect(await axeViolations(page)).toEqual([]);
      await page.context().close();
    }
  });
}
