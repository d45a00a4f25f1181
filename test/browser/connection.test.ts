/** The live connection in a real browser: many windows, hidden ones, lost ones, and a badge that never lies. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import { FLOW_AWAY, openBrowser, pageIn, watchedPage } from '../support/browser.ts';
import { type Dashboard, type DashboardOptions, fullScene, openDashboard, sampleModel } from '../support/dashboard.ts';
import { waitUntil } from '../support/wait-until.ts';

const LIVE = '#connection[data-state=live]';
const WINDOWS = 8;

let browser: Browser;
const dashboards: Dashboard[] = [];
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  for (const dashboard of dashboards.splice(0)) await dashboard.stop();
});

async function house(options: DashboardOptions = {}): Promise<Dashboard> {
  const dashboard = await openDashboard(fullScene(), options);
  dashboards.push(dashboard);
  return dashboard;
}

/** What `document.hidden` says from now on, as when the reader goes to another tab and comes back. */
async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isHidden);
}

const addModel = (dashboard: Dashboard, id: string): void => {
  dashboard.scene.models = [...dashboard.scene.models, sampleModel(id)];
  dashboard.bus.publish({ type: 'model-added', modelId: id });
};

describe('many windows of one browser', () => {
  test('F-94: eight at once are all live, all see what changes, and an ordinary request goes through', async () => {
    const dashboard = await house();
    const context = await browser.newContext();
    const windows = await Promise.all(Array.from({ length: WINDOWS }, () => pageIn(context)));
    await Promise.all(windows.map(({ page }) => page.goto(dashboard.listener.url)));
    await Promise.all(windows.map(({ page }) => page.waitForSelector(LIVE)));
    expect(dashboard.feeds.size).toBe(WINDOWS);
    addModel(dashboard, 'seen-by-all');
    await Promise.all(windows.map(({ page }) => page.waitForSelector('#model-seen_2d_by_2d_all')));
    // Two seconds is the promise; a browser whose connections are all held by streams would never answer.
    const answered = await windows[0]?.page.evaluate(() =>
      fetch('/health', { signal: AbortSignal.timeout(2000) }).then(({ status }) => status),
    );
    expect(answered).toBe(200);
  });

  test('a window that closes gives its place back', async () => {
    const dashboard = await house();
    const context = await browser.newContext();
    for (let round = 0; round < 3; round += 1) {
      const windows = await Promise.all(Array.from({ length: 4 }, () => pageIn(context)));
      for (const { page } of windows) await page.goto(dashboard.listener.url).then(() => page.waitForSelector(LIVE));
      const sockets = await windows[3]?.page.evaluate(() =>
        navigator.locks.query().then(({ held }) => held?.map(({ name }) => name).sort()),
      );
      expect(sockets).toEqual(['flow-live-1', 'flow-live-2', 'flow-live-3']);
      for (const { page } of windows) await page.close();
      await waitUntil('nobody to be connected', () => dashboard.feeds.size === 0);
    }
  });

  test('behind a key, too', async () => {
    const dashboard = await house({ apiKey: 'sesame-sesame-sesame' });
    const context = await browser.newContext();
    const { page: first } = await pageIn(context);
    await first.goto(`${dashboard.listener.url}/login`);
    await first.fill('input[type=password]', 'sesame-sesame-sesame');
    await first.press('input[type=password]', 'Enter');
    await first.waitForSelector(LIVE);
    for (let count = 1; count < 5; count += 1) {
      const { page } = await pageIn(context);
      await page.goto(dashboard.listener.url);
      await page.waitForSelector(LIVE);
    }
    expect(dashboard.feeds.size).toBe(5);
  });
});

describe('windows that nobody sees', () => {
  test('hidden for half a minute, a page ends its connection; shown again, it is true at once', async () => {
    const dashboard = await house();
    const { page } = await watchedPage(browser);
    await page.clock.install();
    await page.goto(dashboard.listener.url);
    await page.waitForSelector(LIVE);
    await setHidden(page, true);
    await page.clock.runFor(29_000);
    expect(dashboard.feeds.size).toBe(1);
    await page.clock.runFor(2_000);
    await waitUntil('the connection to end', () => dashboard.feeds.size === 0);
    await page.waitForSelector('#connection[data-state=paused]');
    addModel(dashboard, 'meanwhile');
    await setHidden(page, false);
    await page.waitForSelector('#model-meanwhile');
    await page.waitForSelector(LIVE);
  });

  test('opened in the background, a page connects when it is first looked at', async () => {
    const dashboard = await house();
    const { page } = await watchedPage(browser);
    await page.addInitScript(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
    });
    await page.goto(dashboard.listener.url);
    await page.waitForFunction(() => 'htmx' in window && document.readyState === 'complete');
    expect([dashboard.feeds.size, await page.getAttribute('#connection', 'data-state')]).toEqual([0, 'starting']);
    await setHidden(page, false);
    await page.waitForSelector(LIVE);
  });
});

describe('the badge', () => {
  test('F-95: does not say live over a connection that has gone silent, and a new one is made', async () => {
    const dashboard = await house();
    const { page } = await watchedPage(browser);
    await page.goto(dashboard.listener.url);
    await page.waitForSelector(LIVE);
    // As when the machine sleeps again and again: whenever somebody looks at the clock, half a minute has passed.
    await page.evaluate(() => {
      const really = Date.now.bind(Date);
      let asleepMs = 0;
      Date.now = () => {
        asleepMs += 30_000;
        return really() + asleepMs;
      };
      document.addEventListener('awake', () => {
        Date.now = really;
      });
    });
    await page.waitForSelector('#connection[data-state=reconnecting]');
    addModel(dashboard, 'after-sleep');
    await page.evaluate(() => document.dispatchEvent(new Event('awake')));
    await page.waitForSelector(LIVE);
    await page.waitForSelector('#model-after_2d_sleep');
  });

  test('offers to reload when Flow is another version, and never says live then', async () => {
    const first = await house();
    const { page } = await watchedPage(browser, { expects: FLOW_AWAY });
    await page.goto(first.listener.url);
    await page.waitForSelector(LIVE);
    const { port } = first.listener;
    await first.stop();
    dashboards.splice(0);
    await house({ port, version: '0.2.0' });
    await page.waitForSelector('#connection[data-state=updated]');
    await page.click('#connection >> text=Reload');
    await page.waitForSelector(LIVE);
    expect(await page.textContent('.shell__version')).toBe('Flow 0.2.0');
  });

  test('stays honest when Flow answers with something else than the live connection', async () => {
    const dashboard = await house();
    const { page } = await watchedPage(browser, { expects: [/^503 /] });
    await page.route('**/live?*', (route) => route.fulfill({ status: 503, body: 'not now' }), { times: 2 });
    await page.goto(dashboard.listener.url);
    await page.waitForSelector('#connection[data-state=reconnecting]');
    await page.waitForSelector(LIVE);
  });
});
