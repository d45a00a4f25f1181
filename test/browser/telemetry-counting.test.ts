/**
 * The page of telemetry while its figures are counted, which is made to take as long as each test needs. Figures:
 * test/requests; the page itself: telemetry.test.ts.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { Chronicle } from '#src/chronicle/chronicle.ts';
import { MemoryHistory } from '#src/chronicle/memory-history.ts';
import { systemClock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import { openTelemetry } from '#src/pages/telemetry/open-telemetry.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { addRequests } from '../requests/record-rows.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';

const MACHINE = { totalBytes: 48e9, freeBytes: 4e9, availableBytes: 9e9 };
const COUNTING = '.telemetry-counting';
const FIGURES = '.telemetry-figures';

let browser: Browser;
let store: Store;
let dashboard: Dashboard;
/** What each read waits for. */
let turn: () => Promise<void> = async () => {};
let letGo: () => void = () => {};
const root = mkdtempSync(join(tmpdir(), 'flow-telemetry-counting-'));

beforeAll(async () => {
  browser = await openBrowser();
  store = openStore(join(root, 'flow.db'));
  const scene = fullScene();
  dashboard = await openDashboard(scene, {
    more: ({ shell, bus }) => {
      const writer = { flush: () => {}, writeMark: () => {}, writeMemory: () => {} };
      const base = { store, writer, clock: systemClock };
      const chronicle = new Chronicle({ ...base, bus });
      const memoryHistory = new MemoryHistory({ ...base, fleet: () => ({ models: [] }), memory: () => MACHINE });
      const tracker = { find: () => null };
      const sources = { ...base, tracker, chronicle, memoryHistory, retentionDays: () => 90, turn: () => turn() };
      const { news, routes } = openTelemetry(sources, shell);
      return { topics: [['telemetry', news]], routes };
    },
  });
});
afterEach(() => {
  letGo();
  turn = async () => {};
});
afterAll(async () => {
  await browser.close();
  await dashboard.stop();
  closeStore(store);
  rmSync(root, { recursive: true, force: true });
});

/** New records, of days that no test has looked at; reading them stands still until `letGo`. */
let daysAgo = 0;
function slowPeriod(): string {
  daysAgo += 20;
  const untilMs = Math.floor(Date.now() / 1000) * 1000 - daysAgo * 86_400_000;
  const fromMs = untilMs - 86_400_000;
  addRequests(store, 5_000, (index) => ({
    requestId: `${daysAgo}-${index}`,
    startedAtMs: fromMs + index * 10_000,
    modelId: index % 2 === 0 ? 'gemma' : 'qwen',
  }));
  const gate = Promise.withResolvers<void>();
  letGo = gate.resolve;
  turn = () => gate.promise;
  return `/telemetry?from=${fromMs}&to=${untilMs}`;
}

async function open(path: string, options: PageOptions = {}) {
  const watched = await watchedPage(browser, options);
  await watched.page.goto(new URL(path, dashboard.listener.url).href);
  return watched;
}

test('F-81: a page whose figures take long comes at once, says so, and shows them when they are there', async () => {
  const path = slowPeriod();
  const { page, troubles } = await open(path);
  expect(await page.locator(`${COUNTING} [role=status]`).textContent()).toBe('Counting about 5,000 requests');
  // The rest of the page does not wait.
  expect(await page.locator('.records tbody tr').count()).toBe(50);
  expect(await page.locator(FIGURES).count()).toBe(0);
  // It asks again, and is told again.
  const asked = (await page.locator(`${COUNTING} [hx-get]`).getAttribute('hx-get')) ?? '';
  for (let times = 0; times < 2; times += 1) {
    const answer = await page.waitForResponse((response) => response.url().includes('/telemetry/figures'));
    expect(`${new URL(answer.url()).pathname}${new URL(answer.url()).search}`).toBe(asked);
  }
  expect(await page.locator(COUNTING).count()).toBe(1);
  letGo();
  await page.waitForSelector(FIGURES);
  expect(await page.locator(`${FIGURES} dd`).first().textContent()).toContain('5,000');
  expect(await page.locator('.chart').count()).toBeGreaterThan(4);
  expect(await page.locator(COUNTING).count()).toBe(0);
  // The filters now offer what there is.
  await page.selectOption('#telemetry-model', 'qwen');
  await page.waitForURL(/model=qwen/);
  await page.waitForSelector(FIGURES);
  expect(await page.locator(`${FIGURES} dd`).first().textContent()).toContain('2,500');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('F-81: a period that goes on with the time stands still while it is counted', async () => {
  const path = slowPeriod().replace(/&to=.*/, '');
  const { page, troubles } = await open(path);
  await page.waitForSelector(COUNTING);
  const untilMs = await page.locator('#telemetry').getAttribute('data-until-ms');
  for (let times = 0; times < 2; times += 1) {
    await page.waitForResponse((response) => response.url().includes('since='));
  }
  letGo();
  await page.waitForSelector(FIGURES);
  expect(await page.locator('#telemetry').getAttribute('data-until-ms')).toBe(untilMs);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('F-81: what goes wrong while it is counted is told in that place, and can be tried again', async () => {
  const path = slowPeriod();
  let isBroken = true;
  const standing = turn;
  turn = async () => {
    await standing();
    if (isBroken) throw new Fault('conflict', 'The database is held by a test.');
  };
  const { page, troubles } = await open(path, { expects: [/^409 /, /htmx:error/] });
  await page.waitForSelector(COUNTING);
  letGo();
  await page.waitForSelector(`${COUNTING} .notice >> text=The database is held by a test.`);
  expect(await page.locator('.records tbody tr').count()).toBe(50);
  isBroken = false;
  await page.click(`${COUNTING} >> text=Try again`);
  await page.waitForSelector(FIGURES);
  expect(troubles.filter((one) => !one.startsWith('409'))).toEqual([]);
  await page.context().close();
});

test('F-81: without scripts there is a way to wait for the figures', async () => {
  const path = slowPeriod();
  const { page } = await open(path, { javaScriptEnabled: false });
  const link = page.locator(`${COUNTING} a[href*="wait=yes"]:visible`);
  expect(await link.count()).toBe(1);
  const href = (await link.getAttribute('href')) ?? '';
  // Long after a page with scripts would have come.
  setTimeout(letGo, 1_000);
  await page.goto(new URL(href, dashboard.listener.url).href);
  expect(await page.locator(`${FIGURES} dd`).first().textContent()).toContain('5,000');
  await page.context().close();
});

test('F-81: the counting page is small, accessible and in its place, by day, at night and on a phone', async () => {
  const path = slowPeriod();
  for (const [colorScheme, width] of [
    ['light', 360],
    ['dark', 1440],
  ] as const) {
    const { page, troubles } = await watchedPage(browser, { colorScheme, width });
    const weight = await weigh(page);
    await page.goto(new URL(path, dashboard.listener.url).href);
    await page.waitForSelector(COUNTING);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await axeViolations(page)).toEqual([]);
    expect(weight.bytes()).toBeLessThan(100_000);
    expect(troubles).toEqual([]);
    const shots = process.env.FLOW_TEST_SHOTS;
    if (shots) await page.screenshot({ path: join(shots, `counting-${colorScheme}-${width}.png`) });
    await page.context().close();
  }
});
