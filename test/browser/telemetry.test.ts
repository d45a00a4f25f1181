/** The page of telemetry in a real browser, over a real store. Figures: test/requests; words: test/pages/telemetry. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { systemClock } from '#src/clock.ts';
import { openTelemetry } from '#src/pages/telemetry/open-telemetry.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { loads, type NewRequestRow } from '#src/store/schema.ts';
import { addRequests } from '../requests/record-rows.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard, sampleRequest } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';

const LIVE = '#connection[data-state=live]';
const EVIL = '<img src=x onerror=alert(1)><hx-a x-init="alert(2)">';

let browser: Browser;
let full: House;
let empty: House;
const root = mkdtempSync(join(tmpdir(), 'flow-telemetry-page-'));

type House = { readonly dashboard: Dashboard; readonly store: Store; readonly stop: () => Promise<void> };

beforeAll(async () => {
  browser = await openBrowser();
  full = await house(200);
  empty = await house(0);
});
afterAll(async () => {
  await browser.close();
  await full.stop();
  await empty.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Every seventh failed, every ninth left after 58 s; one client is called after an attack. */
function recordOf(index: number, count: number): Partial<NewRequestRow> {
  const startedAtMs = Date.now() - (count - index) * 360_000;
  const isFailed = index % 7 === 0;
  const isLeft = !isFailed && index % 9 === 0;
  return {
    startedAtMs,
    endedAtMs: startedAtMs + 8_000,
    modelId: index % 2 === 0 ? 'gemma' : 'qwen',
    client: index === count - 1 ? EVIL : 'claude-code',
    ...(isFailed && { outcome: 'failed', termination: 'EG', errorKind: 'engine-died', errorMessage: `died ${EVIL}` }),
    ...(isLeft && { outcome: 'cancelled', termination: 'CP', durationMs: 58_000 }),
  };
}

async function house(count: number): Promise<House> {
  const store = openStore(join(root, `${crypto.randomUUID()}.sqlite`));
  addRequests(store, count, (index) => recordOf(index, count));
  if (count > 0) {
    const load = { modelId: 'gemma', startedAtMs: Date.now() - 3_600_000, loadMs: 9_000, crashKind: null } as const;
    store
      .insert(loads)
      .values([
        { ...load, outcome: 'ready' },
        { ...load, outcome: 'failed', crashKind: 'out-of-memory' },
      ])
      .run();
  }
  const scene = fullScene();
  const dashboard = await openDashboard(scene, {
    more: ({ shell }) => {
      const tracker = { find: (id: string) => scene.requests.find((view) => view.id === id) ?? null };
      const sources = { store, writer: { flush: () => {} }, tracker, clock: systemClock, retentionDays: () => 90 };
      const { news, routes } = openTelemetry(sources, shell);
      return { topics: [['telemetry', news]], routes };
    },
  });
  const stop = async () => {
    await dashboard.stop();
    closeStore(store);
  };
  return { dashboard, store, stop };
}

async function open({ dashboard }: House, path = '/telemetry', options: PageOptions = {}) {
  const watched = await watchedPage(browser, options);
  await watched.page.goto(new URL(path, dashboard.listener.url).href);
  if (options.javaScriptEnabled !== false) await watched.page.waitForSelector(LIVE);
  return watched;
}

test('the period, the filters and the page of records are in the address', async () => {
  const { page, troubles } = await open(full);
  await page.click('.tabs >> text=7d');
  await page.waitForURL(/range=7d/);
  await page.selectOption('#telemetry-model', 'qwen');
  await page.waitForURL(/model=qwen/);
  expect(page.url()).toContain('range=7d');
  expect(await page.locator('.records__model').allTextContents()).not.toContain('gemma');
  const first = await page.locator('.records tbody tr').first().getAttribute('id');
  await page.click('text=Older');
  await page.waitForURL(/before=/);
  expect(await page.locator('.records tbody tr').first().getAttribute('id')).not.toBe(first);
  await page.click('text=Newest');
  await page.waitForSelector(`#${first}`);
  await page.selectOption('#telemetry-outcome', 'failed');
  await page.waitForURL(/outcome=failed/);
  expect(new Set(await page.locator('.records .badge__word').allTextContents())).toEqual(new Set(['failed']));
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('failures are told by how they ended, with what may help', async () => {
  const { page } = await open(full);
  const text = await page.locator('#telemetry-failures').textContent();
  expect(text).toContain('ended by the engine, while it answered');
  expect(text).toMatch(/after about 5[89] s, which looks like a timeout of the client/);
  expect(await page.locator('#telemetry-marks').textContent()).toContain('did not load: out-of-memory');
  await page.context().close();
});

test('a moment is read from all charts at once, by the arrow keys alone', async () => {
  const { page } = await open(full);
  await page.focus('#chart-ttft .chart__plot');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  const time = await page.locator('#chart-ttft tbody tr').nth(45).locator('th').textContent();
  expect(await page.locator('#chart-ttft .chart__reading').textContent()).toStartWith(`${time} · `);
  expect(await page.locator('#chart-tokens .chart__reading').textContent()).toStartWith(`${time} · `);
  await page.keyboard.press('Tab');
  expect(await page.locator('#chart-ttft .chart__reading').textContent()).toBe('');
  await page.context().close();
});

test('a request opens its story by the keyboard, and the focus returns', async () => {
  const { page, troubles } = await open(full);
  await page.focus('.records tbody a >> nth=3');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#drawer[open] .story');
  expect(await page.locator('#drawer .copyable').textContent()).toContain('$FLOW_API_KEY');
  expect(await axeViolations(page, '#drawer')).toEqual([]);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer[open]', { state: 'detached' });
  expect(await page.evaluate(() => document.activeElement?.closest('.records') !== null)).toBe(true);
  expect(troubles.filter((trouble) => !trouble.includes('inline style'))).toEqual([]);
  await page.context().close();
});

test('what ended is counted without a reload, and what one looks at stays', async () => {
  const { dashboard, store } = empty;
  const { page } = await open(empty);
  expect(await page.locator('.empty__title').textContent()).toBe('No request yet');
  addRequests(store, 1, () => ({ startedAtMs: Date.now() - 1000, endedAtMs: Date.now() }));
  dashboard.scene.requests = [sampleRequest('bbbbbbbbbbbb', { stage: 'completed', endedAtMs: Date.now() })];
  dashboard.bus.publish({ type: 'request-changed', requestId: 'bbbbbbbbbbbb', modelId: 'gemma' });
  await page.waitForSelector('.records tbody tr', { timeout: 15_000 });
  expect(await page.locator('.empty').count()).toBe(0);
  await page.context().close();
});

test('records are taken away as CSV and as JSON, as they are filtered', async () => {
  const { listener } = full.dashboard;
  const csv = await (await fetch(new URL('/telemetry/export.csv?model=qwen&range=30d', listener.url))).text();
  const json: unknown = await (await fetch(new URL('/telemetry/export.json?range=30d', listener.url))).json();
  expect(csv.trim().split('\r\n')).toHaveLength(101);
  expect(Array.isArray(json) && json.length).toBe(200);
  const none = await fetch(new URL('/telemetry/export.json?client=nobody', listener.url));
  expect(await none.json()).toEqual([]);
});

test('S-27: names and messages are text everywhere', async () => {
  const { page, troubles } = await open(full, `/telemetry?client=${encodeURIComponent(EVIL)}`);
  expect(await page.locator('.records tbody tr').count()).toBe(1);
  await page.click('.records tbody a');
  await page.waitForSelector('#drawer[open] .story');
  expect(await page.locator('#content img, #content hx-a, #drawer img, #drawer hx-a').count()).toBe(0);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts everything is there, and a request has a page of its own', async () => {
  const { page } = await open(full, '/telemetry', { javaScriptEnabled: false });
  expect(await page.locator('.chart svg .chart__line').count()).toBeGreaterThan(4);
  await page.click('.records tbody a >> nth=0');
  await page.waitForSelector('.page-head__title');
  expect(await page.locator('.story').count()).toBe(1);
  await page.context().close();
});

test('the first visit transfers less than 100 kB', async () => {
  const { page } = await watchedPage(browser);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let bytes = 0;
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await page.goto(new URL('/telemetry', full.dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(100_000);
  await page.context().close();
});

describe('accessible and in its place', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1440]) {
      test(`${colorScheme}, ${width} px`, async () => {
        const { page, troubles } = await open(full, '/telemetry', { colorScheme, width });
        expect(troubles).toEqual([]);
        expect(await scrollsSideways(page)).toBe(false);
        expect(await axeViolations(page)).toEqual([]);
        await page.context().close();
      });
    }
  }
});
