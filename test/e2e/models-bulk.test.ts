/** Several models at once, cards and families, over a whole Flow in a real browser. One model at a time: models. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const LIVE = '#connection[data-state=live]';
const NAMES = ['tiny-1B-it-Q8_0', 'tiny-3B-A1B-it-Q8_0', 'other-0.5B-Q8_0'];

let browser: Browser;
let home: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  home = mkdtempSync(join(tmpdir(), 'flow-bulk-'));
  const models = join(home, 'data', 'models');
  mkdirSync(models, { recursive: true });
  const { executable, libraryPath } = realEngine();
  const environment = { HOME: home, ...(libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {}) };
  flow = await startFlow({ dataDir: join(home, 'data'), engine: executable, environment });
  for (const name of NAMES) {
    const path = join(models, `${name}.gguf`);
    await writeScriptedModel(path, { scripts: { only: `I am ${name}.` } });
    await flow.json('/api/register-local', { path });
  }
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

async function open(path = '/models', options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser, options);
  await page.goto(flow.url + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(LIVE);
  return { page, troubles };
}

const rowsOf = (page: Page) => page.locator('.mine__row').count();
const choose = (page: Page, name: string) => page.check(`[aria-label="Choose ${name}"]`);

test('cards and families are in the address, and stay as they are when a row changes', async () => {
  const { page, troubles } = await open();
  await page.check('input[name=view][value=cards]');
  await page.waitForSelector('.mine__list[data-view=cards]');
  await page.check('input[name=group]');
  await page.waitForSelector('.mine__family >> nth=2');
  expect(page.url()).toContain('view=cards&group=family');
  const families = await page.locator('.mine__family').allTextContents();
  expect(families.map((text) => text.replace(/,.*/, '').trim())).toEqual([
    'Flow Demo 1 model',
    'other 1 model',
    'tiny 2 models',
  ]);
  await page.reload();
  await page.waitForSelector('.mine__list[data-view=cards] .mine__family');
  await page.waitForSelector(LIVE);
  await flow.json(`/api/models/${NAMES[0]}/config`, { is_pinned: true }, 'PUT');
  await page.waitForSelector('.mine__list[data-view=cards] .mine__row >> text=pinned');
  await flow.json(`/api/models/${NAMES[0]}/config`, { is_pinned: false }, 'PUT');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a tick survives a live change; the chosen are pinned, unpinned by undo, removed and brought back', async () => {
  const { page, troubles } = await open();
  expect(await page.locator('.mine__bulk').isVisible()).toBe(false);
  await choose(page, NAMES[0] ?? '');
  await choose(page, NAMES[1] ?? '');
  await page.waitForSelector('text=With the 2 chosen');
  await flow.json(`/api/models/${NAMES[0]}/config`, { aliases: ['first'] }, 'PUT');
  await page.waitForSelector('.mine__row >> text=first');
  expect(await page.isChecked(`[aria-label="Choose ${NAMES[0]}"]`)).toBe(true);
  await page.click('.mine__bulk >> text="Pin"');
  await page.waitForSelector('.mine__row >> text=pinned >> nth=1');
  expect(await page.locator('.mine__bulk').isVisible()).toBe(false);
  await page.click('.notice >> text=Undo');
  await page.waitForSelector('.mine__row >> text=pinned', { state: 'detached' });
  await page.check('[data-picks-all]');
  await page.waitForSelector('text=With the 4 chosen');
  await page.uncheck('[aria-label="Choose Flow Demo"]');
  await page.click('.mine__bulk >> text=Remove from the list');
  await page.waitForSelector('.notice >> text=3 models were removed');
  await page.waitForFunction(() => document.querySelectorAll('.mine__row').length === 1);
  await page.click('.notice:has-text("3 models were removed") >> text=Undo');
  await page.waitForFunction(() => document.querySelectorAll('.mine__row').length === 4);
  await page.waitForSelector('.mine__row >> text=first');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('loaded ones are unloaded together and loaded again by undo', async () => {
  for (const name of NAMES.slice(0, 2)) await flow.json(`/api/models/${name}/load?wait=1`, {});
  const { page, troubles } = await open('/models?state=loaded');
  expect(await rowsOf(page)).toBe(2);
  await page.check('[data-picks-all]');
  await page.click('.mine__bulk >> text=Unload');
  await page.waitForSelector('.notice >> text=2 models are being unloaded.');
  await page.waitForSelector('text=None of your models is like that');
  await page.click('.notice >> text=Undo');
  await page.waitForSelector('.mine__row[data-phase=ready] >> nth=1');
  for (const name of NAMES.slice(0, 2)) await flow.json(`/api/models/${name}/unload`, {});
  await until(
    'nothing is loaded',
    async () => !JSON.stringify((await flow.json('/api/fleet')).body).includes('"ready"'),
  );
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('files are deleted only of what Flow put there, after it said what that means, and come back', async () => {
  const { page, troubles } = await open();
  await choose(page, NAMES[2] ?? '');
  await choose(page, 'Flow Demo');
  await page.click('.mine__bulk >> text=Delete files…');
  await page.waitForSelector('.notice >> text=Delete the files of 1 model');
  expect(await page.textContent('.notice')).toContain('1 model that Flow did not download only leave the list');
  const demo = join(home, 'data', 'models', 'flow-demo.gguf');
  expect(existsSync(demo)).toBe(true);
  await page.click('.notice >> .button--danger');
  await page.waitForSelector('.notice >> text=2 models were deleted');
  expect(existsSync(demo)).toBe(false);
  expect(existsSync(join(home, 'data', 'models', `${NAMES[2]}.gguf`))).toBe(true);
  await page.click('.notice:has-text("2 models were deleted") >> text=Undo');
  await page.waitForFunction(() => document.querySelectorAll('.mine__row').length === 4);
  expect(existsSync(demo)).toBe(true);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts the chosen are acted on as well', async () => {
  const { page } = await open('/models', { javaScriptEnabled: false });
  await choose(page, NAMES[2] ?? '');
  await page.click('.mine__bulk >> text="Pin"');
  await page.waitForURL(`${flow.url}/models`);
  expect(await page.textContent(`.mine__row:has-text("other")`)).toContain('pinned');
  await flow.json(`/api/models/${NAMES[2]}/config`, { is_pinned: false }, 'PUT');
  await page.context().close();
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`axe finds nothing, nothing overflows: cards, families, chosen, ${colorScheme}, ${width} px`, async () => {
    const { page, troubles } = await open('/models?view=cards&group=family', { colorScheme, width });
    await page.check(`[aria-label="Choose ${NAMES[0]}"]`);
    await page.waitForSelector('text=With the 1 chosen');
    expect(troubles).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await axeViolations(page)).toEqual([]);
    await page.context().close();
  });
}
