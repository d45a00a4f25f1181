/** What stands on every page, in a real browser: finding, keys, notices. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Browser } from 'playwright-core';
import { FLOW_AWAY, openBrowser, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard } from '../support/dashboard.ts';
import { axeViolations } from '../support/page-checks.ts';
import { waitUntil } from '../support/wait-until.ts';

const LIVE = '#connection[data-state=live]';

let browser: Browser;
let dashboard: Dashboard;
beforeAll(async () => {
  browser = await openBrowser();
  dashboard = await openDashboard(fullScene());
});
afterAll(async () => {
  await browser.close();
  await dashboard.stop();
});

async function open() {
  const { page, troubles } = await watchedPage(browser);
  await page.goto(dashboard.listener.url);
  await page.waitForSelector(LIVE);
  return { page, troubles };
}

test('a model is loaded from the palette by the keyboard alone', async () => {
  const { page, troubles } = await open();
  await page.keyboard.press('Control+k');
  await page.waitForSelector('[data-entry]');
  await page.keyboard.type('phi');
  await page.waitForFunction(() => document.querySelector('[data-entry]')?.textContent?.includes('Load phi-5-mini'));
  await page.keyboard.press('Enter');
  await waitUntil('the load', () => dashboard.asked.includes('load phi-5-mini'));
  await page.waitForSelector('#palette', { state: 'hidden' });
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('Enter right after the last letter means what was typed, not what stood there', async () => {
  const { page, troubles } = await open();
  for (const name of ['qwen', 'phi']) {
    dashboard.asked.length = 0;
    await page.keyboard.press('Control+k');
    await page.waitForSelector('[data-entry]');
    await page.keyboard.type(name);
    await page.keyboard.press('Enter');
    await waitUntil(`what ${name} stands for`, () => dashboard.asked.length > 0);
    expect(dashboard.asked[0]).toContain(name);
    await page.waitForSelector('#palette', { state: 'hidden' });
  }
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the palette, with its results, is accessible; Escape closes it and a letter is a key again', async () => {
  const { page, troubles } = await open();
  await page.keyboard.press('Control+k');
  await page.waitForSelector('[data-entry]');
  expect(troubles).toEqual([]);
  expect(await axeViolations(page, '#palette')).toEqual([]);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#palette', { state: 'hidden' });
  await page.keyboard.press('?');
  await page.waitForSelector('#shortcuts[open]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#shortcuts', { state: 'hidden' });
  await page.context().close();
});

test('a letter is a key again at once, before the next frame takes the focus from the field that was closed', async () => {
  const { page, troubles } = await open();
  await page.keyboard.press('Control+k');
  await page.waitForSelector('[data-entry]');
  const wasFocused = await page.evaluate(() => {
    document.querySelector<HTMLDialogElement>('#palette')?.close();
    const focused = document.activeElement;
    focused?.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }));
    return focused?.tagName;
  });
  expect(wasFocused).toBe('INPUT');
  await page.waitForSelector('#shortcuts[open]');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('drawers, settings and agents are a few letters away; the hub can always be searched', async () => {
  const { page, troubles } = await open();
  await page.keyboard.press('Control+k');
  await page.waitForSelector('[data-entry]');
  const field = page.locator('#palette input');
  for (const [words, first] of [
    ['settings of phi', '/models/settings?model=phi-5-mini'],
    ['idle time', '/settings#setting-jit_cooldown_seconds'],
    ['set-up', '/setup'],
  ] as const) {
    await field.fill(words);
    await page.waitForFunction(
      (href) => document.querySelector<HTMLElement>('[data-entry]')?.dataset.href === href,
      first,
    );
    const last = page.locator('[data-entry]').last();
    expect(await last.getAttribute('data-href')).toBe(`/models/get?${new URLSearchParams({ q: words })}`);
  }
  // Arrows go round: one up from the first is the last.
  await page.keyboard.press('ArrowUp');
  expect(await page.locator('[data-entry]').last().getAttribute('aria-selected')).toBe('true');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the theme is changed from the palette, and the rail says so', async () => {
  const { page, troubles } = await open();
  for (const [words, theme] of [
    ['theme light', 'light'],
    ['theme dark', 'dark'],
  ] as const) {
    await page.keyboard.press('Control+k');
    await page.waitForSelector('[data-entry]');
    await page.keyboard.type(words);
    await page.keyboard.press('Enter');
    await page.waitForFunction((wanted) => document.documentElement.dataset.theme === wanted, theme);
    expect(await page.textContent('.theme__label')).toBe(`Theme: ${theme}`);
    await page.waitForSelector('#palette', { state: 'hidden' });
  }
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the menu is narrowed to its icons, and stays so', async () => {
  const { page, troubles } = await open();
  const railWidth = () => page.locator('.shell__rail').evaluate((rail) => rail.getBoundingClientRect().width);
  const wide = await railWidth();
  await page.focus('.rail-width button');
  await page.keyboard.press('Enter');
  expect(await railWidth()).toBeLessThan(wide / 2);
  await page.reload();
  await page.waitForSelector(LIVE);
  expect(await railWidth()).toBeLessThan(wide / 2);
  expect(await axeViolations(page, '.shell__rail')).toEqual([]);
  expect(await page.getByRole('link', { name: 'Telemetry' }).isVisible()).toBe(true);
  await page.getByRole('button', { name: 'Widen the menu' }).click();
  expect(await railWidth()).toBe(wide);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('letters typed into a field do nothing else', async () => {
  const { page } = await open();
  await page.evaluate(() => {
    const field = document.createElement('input');
    field.id = 'typed';
    document.querySelector('main')?.prepend(field);
  });
  await page.focus('#typed');
  await page.keyboard.type('?g');
  expect(await page.inputValue('#typed')).toBe('?g');
  expect(await page.isVisible('#shortcuts')).toBe(false);
  await page.context().close();
});

test('at most three notices stand at a time, a trouble longer than what passes, and none twice', async () => {
  const { page } = await open();
  const say = (tone: 'info' | 'error', text: string) => dashboard.bus.publish({ type: 'notice', tone, text });
  say('error', 'The disk is full.');
  say('error', 'The disk is full.');
  for (const number of [1, 2, 3, 4]) say('info', `Downloaded model ${number}.`);
  await page.waitForFunction(() => document.body.textContent?.includes('Downloaded model 4.'));
  const texts = await page.locator('#notice .notice__message').allTextContents();
  expect(texts).toHaveLength(3);
  expect(texts.filter((text) => text === 'The disk is full.')).toHaveLength(1);
  expect(texts).toContain('Downloaded model 4.');
  await page.context().close();
});

test('while Flow does not run, its address says so, and goes on by itself when it does', async () => {
  const own = await openDashboard(fullScene());
  const { port } = new URL(own.listener.url);
  const { page } = await watchedPage(browser, { expects: FLOW_AWAY });
  await page.goto(own.listener.url);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => null));
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await own.stop();
  await page.reload();
  expect(await page.locator('h1').textContent()).toBe('Flow is not running');
  const again = await openDashboard(fullScene(), { port: Number(port) });
  await page.waitForSelector(LIVE);
  await page.context().close();
  await again.stop();
});
