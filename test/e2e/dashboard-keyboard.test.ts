/** One way through the whole dashboard without a mouse. Each page's own keys: the page's tests. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { tabTo } from '../support/keyboard.ts';
import { until } from '../support/running-flow.ts';
import { LIVE, startWholeDashboard, type WholeDashboard } from './support/whole-dashboard.ts';

const CARD = '#model-talker';
const ANSWER = '.turn[data-role=assistant]';

let browser: Browser;
let whole: WholeDashboard;
beforeAll(async () => {
  browser = await openBrowser();
  whole = await startWholeDashboard();
  await whole.flow.json('/api/models/talker/unload', {});
  // It would end the endless answer within a second: before a busy machine has pressed the key.
  await whole.flow.json('/api/models/talker/config', { repairs: { loop_guard: false } }, 'PUT');
});
afterAll(async () => {
  await browser.close();
  await whole[Symbol.asyncDispose]();
});

/** `g` and a letter. */
async function go(page: Page, letter: string, path: RegExp): Promise<void> {
  await page.keyboard.press('g');
  await Promise.all([page.waitForURL(path), page.keyboard.press(letter)]);
  await page.waitForSelector(LIVE);
}

test('load, watch, unload and take it back; ask, stop and ask again; change a setting: by keys alone', async () => {
  const { page, troubles } = await watchedPage(browser);
  await page.goto(whole.flow.url);
  await page.waitForSelector(LIVE);

  await go(page, 'o', /\/models$/);
  await tabTo(page, /^Load talker/);
  await page.keyboard.press('Enter');
  await go(page, 'm', /\/$/);
  await page.waitForSelector(`${CARD}[data-phase=ready]`);

  await tabTo(page, /^Unload talker/);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${CARD}[data-phase=idle]`);
  // The notice says so behind its short Undo.
  await tabTo(page, /^Load talker again/);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${CARD}[data-phase=ready]`);

  await go(page, 'c', /\/chat$/);
  await tabTo(page, /^Your question/);
  await page.keyboard.type('endless');
  await page.keyboard.press('Enter');
  // A question to a new conversation leads to its page, whose keys begin to count when it has loaded.
  await page.waitForURL(/\/chat\/[0-9a-f]+$/);
  await page.waitForSelector(LIVE);
  await page.waitForSelector(`${ANSWER}[data-state=answering]:has-text("Round and round")`);
  await page.keyboard.press('Escape');
  await page.waitForSelector(`${ANSWER}[data-state=stopped]`);
  await tabTo(page, /^Regenerate this answer/);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${ANSWER}[data-state=answering]`);
  await page.keyboard.press('Escape');
  await page.waitForSelector(`${ANSWER}[data-state=stopped]`);

  await go(page, 's', /\/settings/);
  await page.keyboard.press('/');
  await page.keyboard.type('queue_limit');
  await tabTo(page, /^Waiting requests/);
  await page.keyboard.press('Control+a');
  await page.keyboard.type('55');
  await page.keyboard.press('Enter');
  await until('the setting', async () =>
    JSON.stringify((await whole.flow.json('/api/settings')).body).includes('"queue_limit":55'),
  );
  expect(troubles).toEqual([]);
  await page.context().close();
}, 180_000);
