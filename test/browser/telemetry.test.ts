/** The page of telemetry in a real browser, over a real store. Figures: test/requests; words: test/pages/telemetry. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { Chronicle } from '#src/chronicle/chronicle.ts';
import { MemoryHistory } from '#src/chronicle/memory-history.ts';
import { systemClock } from '#src/clock.ts';
import { openTelemetry } from '#src/pages/telemetry/open-telemetry.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { loads, marks, memorySamples, type NewRequestRow, repairs } from '#src/store/schema.ts';
import { addRequests } from '../requests/record-rows.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard, sampleRequest } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';
import { storyPages } from '../support/request-pages.ts';

const LIVE = '#connection[data-state=live]';
const MACHINE = { totalBytes: 48e9, freeBytes: 4e9, availableBytes: 9e9 };
const EVIL = '<img src=x onerror=alert(1)><hx-a x-init="alert(2)">';

let browser: Browser;
let full: House;
let empty: House;
const root = mkdtempSync(join(tmpdir(), 'flow-telemetry-page-'));

type LayoutShift = PerformanceEntry & { readonly value: number };
type Stretch = { readonly fromMs: string; readonly untilMs: string };
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
    requestId: `r${index}`,
    startedAtMs,
    endedAtMs: startedAtMs + 8_000,
    modelId: index % 2 === 0 ? 'gemma' : 'qwen',
    client: index === count - 1 ? EVIL : 'claude-code',
    ...(isFailed && { outcome: 'failed', termination: 'EG', errorKind: 'engine-died', errorMessage: `died ${EVIL}` }),
    ...(isLeft && { outcome: 'cancelled', termination: 'CP', durationMs: 58_000 }),
  };
}

/** What happened beside the requests, in the last two hours. */
function addMoments(store: Store): void {
  const hourAgoMs = Date.now() - 3_600_000;
  const load = { modelId: 'gemma', startedAtMs: hourAgoMs, loadMs: 9_000, crashKind: null } as const;
  const failed = { ...load, outcome: 'failed', crashKind: 'out-of-memory' } as const;
  store
    .insert(loads)
    .values([{ ...load, outcome: 'ready' }, failed])
    .run();
  const swap = { kind: 'unload', subject: 'gemma', cause: 'eviction', detail: EVIL, startedAtMs: hourAgoMs } as const;
  store
    .insert(marks)
    .values([swap, { ...swap, kind: 'start', subject: null, cause: null, detail: '1.2.3' }])
    .run();
  const shares = { totalBytes: 48e9, modelsBytes: 18e9, appsBytes: 12e9, cacheBytes: 5e9, byModel: { gemma: 18e9 } };
  const times = Array.from({ length: 20 }, (_, index) => Date.now() - index * 360_000);
  store
    .insert(memorySamples)
    .values(times.map((startedAtMs) => ({ ...shares, startedAtMs, expiresAtMs: startedAtMs * 2 })))
    .run();
  const use = { requestId: 'r1', modelId: 'qwen', kind: 'leaked-call', before: null, after: null } as const;
  store
    .insert(repairs)
    .values({ ...use, key: 'k', note: `a call ${EVIL}`, startedAtMs: hourAgoMs })
    .run();
}

async function house(count: number): Promise<House> {
  const store = openStore(join(root, `${crypto.randomUUID()}.sqlite`));
  addRequests(store, count, (index) => recordOf(index, count));
  if (count > 0) addMoments(store);
  const scene = fullScene();
  const dashboard = await openDashboard(scene, {
    more: ({ shell, bus }) => {
      const tracker = { find: (id: string) => scene.requests.find((view) => view.id === id) ?? null };
      const writer = { flush: () => {}, writeMark: () => {}, writeMemory: () => {} };
      const base = { store, writer, clock: systemClock };
      const chronicle = new Chronicle({ ...base, bus });
      const memoryHistory = new MemoryHistory({ ...base, fleet: () => ({ models: [] }), memory: () => MACHINE });
      const sources = { ...base, tracker, chronicle, memoryHistory, retentionDays: () => 90 };
      const { news, routes } = openTelemetry(sources, shell);
      return { topics: [['telemetry', news]], routes: routes.use(storyPages({ store, scene, shell })) };
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
  if (options.javaScriptEnabled !== false) {
    await watched.page.waitForSelector(LIVE);
    // On a machine that is very busy even a few records take longer than the page waits for them.
    await watched.page.waitForSelector('.telemetry:not(:has(.telemetry-counting))');
  }
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
  expect(text).toMatch(/after about 5[89] s, which looks like a timeout of 1:00 that claude-code has/);
  expect(text).toContain('1 × out of memory');
  await page.click('#telemetry-failures >> text=ended by the engine');
  await page.waitForURL(/ended=engine-died/);
  expect(new Set(await page.locator('.records .badge__word').allTextContents())).toEqual(new Set(['failed']));
  await page.context().close();
});

test('what happened beside the requests is drawn on every chart, counted, and told as a list', async () => {
  const { page } = await open(full);
  const marked = await page.locator('#telemetry-marks').textContent();
  expect(marked).toContain('gemma did not load: out of memory');
  expect(marked).toContain('gemma was unloaded to make room for <img');
  expect(await page.locator('.chart__plot').count()).toBe(7);
  for (const kind of ['load', 'unload', 'crash', 'start']) {
    expect(await page.locator(`.chart__plot .chart__mark[data-kind=${kind}]`).count()).toBe(7);
  }
  expect(await page.locator('.telemetry-figures').textContent()).toMatch(/Swaps\s*1\s*Crashes\s*1/);
  expect(await page.locator('#telemetry-mended').textContent()).toContain(
    'qwen: 1 of 1 answer with tool calls was mended',
  );
  expect(await page.locator('#chart-memory').textContent()).toContain('up to 18.0 GB');
  await page.context().close();
});

test('a stretch that is dragged over is looked at alone, and the back button returns', async () => {
  const { page, troubles } = await open(full);
  const plot = page.locator('#chart-ttft .chart__plot');
  await plot.scrollIntoViewIfNeeded();
  const box = await plot.boundingBox();
  if (!box) throw new Error('a chart has its place');
  await page.mouse.move(box.x + box.width * 0.5, box.y + 20);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + 20, { steps: 5 });
  expect(Number(await page.locator('#chart-tokens .chart__zoom').getAttribute('width'))).toBeGreaterThan(200);
  await page.mouse.up();
  await page.waitForURL(/from=\d+&to=\d+/);
  expect(await page.inputValue('#telemetry-from')).toMatch(/^\d{4}-\d\d-\d\dT/);
  const { fromMs, untilMs } = await page.locator('#telemetry').evaluate((one) => ({ ...one.dataset }) as Stretch);
  expect(Number(untilMs) - Number(fromMs)).toBeGreaterThan(5.5 * 3_600_000);
  expect(Number(untilMs) - Number(fromMs)).toBeLessThan(7 * 3_600_000);
  await page.goBack();
  await page.waitForSelector(LIVE);
  expect(page.url()).not.toContain('from=');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a stretch is chosen by the keyboard: Shift and the arrows, then Enter', async () => {
  const { page } = await open(full);
  await page.focus('#chart-ttft .chart__plot');
  await page.keyboard.press('End');
  for (let step = 0; step < 4; step += 1) await page.keyboard.press('Shift+ArrowLeft');
  await page.keyboard.press('Enter');
  await page.waitForURL(/from=\d+&to=\d+/);
  await page.click('text=Zoom out');
  await page.waitForURL(/from=\d{4}-/);
  await page.context().close();
});

test('a period of one’s own is written into fields, and an address without what is empty keeps it', async () => {
  const { page } = await open(full);
  await page.click('#telemetry-more > summary');
  await page.fill('#telemetry-from', '2020-01-01T00:00:00');
  await page.fill('#telemetry-to', '2020-01-02T00:00:00');
  await page.keyboard.press('Enter');
  await page.waitForURL(/from=2020-01-01T00%3A00(%3A00)?&to=2020-01-02/);
  expect(page.url()).not.toMatch(/model=|client=|columns=/);
  expect(await page.locator('#telemetry').getAttribute('data-follows')).toBe('no');
  expect(await page.locator('.records tbody tr').count()).toBe(0);
  await page.context().close();
});

test('columns are chosen, stand in the address, and come back with it', async () => {
  const { page } = await open(full);
  await page.click('#telemetry-columns > summary');
  await page.uncheck('#column-client');
  await page.check('#column-queue');
  await page.click('text=Show these');
  await page.waitForURL(/columns=model%2Coutcome%2Cqueue/);
  const heads = await page.locator('.records thead th').allTextContents();
  expect(heads.map((head) => head.trim())).not.toContain('Client');
  expect(heads.map((head) => head.trim())).toContain('Queue');
  expect(await page.isChecked('#column-queue')).toBe(true);
  await page.selectOption('#telemetry-model', 'qwen');
  await page.waitForURL(/model=qwen.*columns=|columns=.*model=qwen/);
  await page.context().close();
});

test('two models are compared, in figures and in curves', async () => {
  const { page } = await open(full, '/telemetry?model=gemma&against=model%3Aqwen');
  expect(await page.locator('#telemetry-period').textContent()).toContain('against qwen');
  expect(await page.locator('#chart-ttft .chart__legend').textContent()).toContain('median, qwen');
  expect(await page.locator('#chart-speed .chart__legend').textContent()).toContain('qwen');
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
  await page.waitForSelector('#drawer[open]');
  expect(await page.locator('#drawer').textContent()).toContain('gemma');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer[open]', { state: 'detached' });
  expect(await page.evaluate(() => document.activeElement?.closest('.records') !== null)).toBe(true);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what ended is counted without a reload, and what one looks at stays', async () => {
  const { dashboard, store } = empty;
  const { page } = await open(empty);
  expect(await page.locator('.empty__title').textContent()).toBe('No request yet');
  addRequests(store, 1, () => ({ startedAtMs: Date.now() - 1000, endedAtMs: Date.now() }));
  dashboard.scene.requests = [sampleRequest('bbbbbbbbbbbb', { stage: 'completed', endedAtMs: Date.now() })];
  dashboard.bus.publish({ type: 'request-changed', requestId: 'bbbbbbbbbbbb', modelId: 'gemma' });
  await page.waitForSelector('.records tbody tr');
  expect(await page.locator('.empty').count()).toBe(0);
  await page.context().close();
});

test('nothing moves when figures come anew, and opened parts and typed text stay', async () => {
  const { dashboard, store } = full;
  const { page } = await open(full, '/telemetry?range=15m');
  await page.click('#telemetry-more > summary');
  await page.click('#telemetry-columns > summary');
  await page.fill('#telemetry-from', '2026-01-02T03:04:05');
  await page.mouse.click(5, 5);
  await page.evaluate(() => {
    window.name = '0';
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.name = String(Number(window.name) + (entry as LayoutShift).value);
    });
    observer.observe({ type: 'layout-shift', buffered: false });
  });
  const fromMs = await page.locator('#telemetry').getAttribute('data-from-ms');
  addRequests(store, 1, () => ({ requestId: 'new', startedAtMs: Date.now() - 1000, endedAtMs: Date.now() }));
  dashboard.scene.requests = [sampleRequest('cccccccccccc', { stage: 'completed', endedAtMs: Date.now() })];
  dashboard.bus.publish({ type: 'request-changed', requestId: 'cccccccccccc', modelId: 'gemma' });
  await page.waitForFunction((before) => document.getElementById('telemetry')?.dataset.fromMs !== before, fromMs, {
    timeout: 20_000,
  });
  // A number that grows by a digit moves its neighbour in the legend, and nothing else.
  expect(await page.evaluate(() => Number(window.name))).toBeLessThan(0.001);
  expect(await page.locator('#telemetry-more').getAttribute('open')).not.toBeNull();
  expect(await page.locator('#telemetry-columns').getAttribute('open')).not.toBeNull();
  expect(await page.inputValue('#telemetry-from')).toBe('2026-01-02T03:04:05');
  await page.context().close();
});

test('records are taken away as CSV and as JSON, as they are filtered', async () => {
  const { listener } = full.dashboard;
  const csv = await (await fetch(new URL('/telemetry/export.csv?model=qwen&range=30d', listener.url))).text();
  const json: unknown = await (await fetch(new URL('/telemetry/export.json?range=30d', listener.url))).json();
  expect(csv.trim().split('\r\n')).toHaveLength(101);
  expect(Array.isArray(json) && json.length).toBeGreaterThanOrEqual(200);
  for (const query of ['client=nobody', 'route=/v1/none', 'ended=FQ', 'from=2020-01-01T00:00&to=2020-01-02T00:00']) {
    const none = await fetch(new URL(`/telemetry/export.json?${query}`, listener.url));
    expect(await none.json()).toEqual([]);
  }
  const failed: unknown = await (await fetch(new URL('/telemetry/export.json?ended=EG&range=7d', listener.url))).json();
  expect(Array.isArray(failed) && failed.length).toBe(29);
});

test('S-27: names and messages are text everywhere', async () => {
  const { page, troubles } = await open(full, `/telemetry?client=${encodeURIComponent(EVIL)}`);
  expect(await page.locator('.records tbody tr').count()).toBe(1);
  await page.click('.records tbody a');
  await page.waitForSelector('#drawer[open]');
  expect(await page.locator('#content img, #content hx-a, #drawer img, #drawer hx-a').count()).toBe(0);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts everything is there, and a request has a page of its own', async () => {
  const { page } = await open(full, '/telemetry', { javaScriptEnabled: false });
  expect(await page.locator('.chart svg .chart__line').count()).toBeGreaterThan(4);
  await page.click('.records tbody a >> nth=0');
  await page.waitForSelector('.page-head__title');
  await page.context().close();
});

test('the first visit transfers less than 100 kB', async () => {
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(new URL('/telemetry', full.dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(20_000);
  expect(weight.bytes()).toBeLessThan(100_000);
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
