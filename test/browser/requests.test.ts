/** One request in a real browser, over made-up requests and a real store. What is told of it: test/pages/requests. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import type { Browser } from 'playwright-core';
import { access } from '#src/access.ts';
import type { Logs } from '#src/logs/logs.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { repairs } from '#src/store/schema.ts';
import { opensRequest } from '#views/requests/addresses.ts';
import { addRequests } from '../requests/record-rows.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard, type sampleRequest } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';
import { memoryLogs, storyPages } from '../support/request-pages.ts';
import { until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const EVIL = '<img src=x onerror=alert(1)><hx-a x-init="alert(2)">';
const ENDED = 'eeeeeeeeeeee';
const RUNNING = 'aaaaaaaaaaa1';

let browser: Browser;
let dashboard: Dashboard;
let store: Store;
let logs: Logs;
const asked: string[] = [];

beforeAll(async () => {
  browser = await openBrowser();
  store = openStore(':memory:');
  const nowMs = Date.now();
  logs = memoryLogs();
  addRequests(store, 3, (index) => ({
    requestId: index === 2 ? ENDED : `dddddddddd0${index}`,
    startedAtMs: nowMs - 9_000,
    endedAtMs: nowMs - 1_000,
    parameters: { temperature: [0.2, 'caller'], max_tokens: [4_160, 'flow'], thinking: [true, 'model'] },
    ...(index === 2 && {
      client: EVIL,
      outcome: 'failed',
      termination: 'EG',
      errorKind: 'engine-died',
      errorMessage: `It ended: ${EVIL}`,
      repairs: [`a call was text ${EVIL}`],
    }),
  }));
  const use = { kind: 'leaked-call', note: `a call was text ${EVIL}`, before: EVIL, after: '{}' } as const;
  store
    .insert(repairs)
    .values({ ...use, key: 'k', requestId: ENDED, modelId: 'gemma', startedAtMs: nowMs })
    .run();
  logs.append('gemma', `slot 0 fell over ${EVIL}`, 'stderr');
  const scene = fullScene();
  dashboard = await openDashboard(scene, {
    more: ({ shell }) => {
      const rows = new Elysia().get(
        '/rows',
        ({ request }) =>
          shell.page(request, { title: 'Rows', current: 'telemetry', styles: ['story'], body: rowsOf() }),
        access('page'),
      );
      return { topics: [], routes: storyPages({ store, scene, shell, asked, logs }).use(rows) };
    },
  });
});
afterAll(async () => {
  await browser.close();
  await dashboard.stop();
  closeStore(store);
});

/** What any page has that leads to requests. */
function rowsOf(): string {
  const attributes = (id: string) =>
    Object.entries(opensRequest(id))
      .map(([name, value]) => `${name}="${value}"`)
      .join(' ');
  const rows = ['dddddddddd01', ENDED].map((id) => `<li><a class="row" ${attributes(id)}>${id}</a></li>`);
  return `<h1>Rows</h1><ul>${rows.join('')}</ul>`;
}

async function open(path: string, options: PageOptions = {}) {
  const watched = await watchedPage(browser, options);
  await watched.page.goto(new URL(path, dashboard.listener.url).href);
  if (options.javaScriptEnabled !== false) await watched.page.waitForSelector(LIVE);
  return watched;
}

describe('from a row of another page', () => {
  test('it opens by the mouse, and the focus returns by Escape', async () => {
    const { page, troubles } = await open('/rows');
    await page.click('.row >> nth=0');
    await page.waitForSelector('#drawer[open] .story');
    const text = await page.locator('#drawer').textContent();
    for (const words of ['temperature', 'the caller', 'Queued', 'Load', 'Prefill', 'Generate']) {
      expect(text).toContain(words);
    }
    await page.keyboard.press('Escape');
    await page.waitForSelector('#drawer[open]', { state: 'detached' });
    expect(await page.evaluate(() => document.activeElement?.matches('.row'))).toBe(true);
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  test('it opens by the keyboard alone, and leads to a page of its own', async () => {
    const { page, troubles } = await open('/rows');
    await page.focus('.row >> nth=0');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#drawer[open] .story');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('drawer-title');
    await page.focus('#drawer >> text=On a page of its own');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/requests\/dddddddddd01$/);
    await page.waitForSelector('.story-page .story');
    expect(troubles).toEqual([]);
    await page.context().close();
  });
});

test('it opens from a row of the Monitor, whose own news go on behind it', async () => {
  const { page, troubles } = await open('/');
  await page.focus('#request-aaaaaaaaaaa5 a, #request-aaaaaaaaaaa2 a');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#drawer[open] .story');
  dashboard.bus.publish({ type: 'request-changed', requestId: 'aaaaaaaaaaa2', modelId: 'gemma-4-26B-A4B' });
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer[open]', { state: 'detached' });
  expect(await page.evaluate(() => document.activeElement?.closest('.request') !== null)).toBe(true);
  expect(troubles).toEqual([]);
  await page.context().close();
});

describe('while it runs', () => {
  test('it is renewed by itself, also in what one has opened, and tells its end', async () => {
    const { page, troubles } = await open(`/requests/${RUNNING}`);
    await page.waitForSelector('.story .badge__word >> text=generating');
    await page.focus('.story .action button');
    const change = (parts: Partial<ReturnType<typeof sampleRequest>>) => {
      dashboard.scene.requests = dashboard.scene.requests.map((view) =>
        view.id === RUNNING ? { ...view, ...parts } : view,
      );
    };
    change({ outputTokens: 98_765 });
    await page.waitForSelector('.story__end >> text=98,765 tokens');
    // The button under the fingers is the same one still.
    expect(await page.evaluate(() => document.activeElement?.closest('.story__end') !== null)).toBe(true);
    await page.keyboard.press('Enter');
    await until('it was cancelled', () => asked.includes(`cancel ${RUNNING}`));
    change({ stage: 'cancelled', endedAtMs: Date.now(), termination: 'UG' });
    await page.waitForSelector('.story__end >> text=by a person, while it answered');
    expect(await page.locator('.story .action, .story [hx-trigger]').count()).toBe(0);
    // Nobody asks for it any more.
    let asks = 0;
    page.on('request', (request) => {
      if (request.url().endsWith('/story')) asks += 1;
    });
    await Bun.sleep(1_500);
    expect(asks).toBe(0);
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  test('it stays as it was last known while Flow is away, and says so when Flow lost it', async () => {
    const id = 'aaaaaaaaaaa2';
    const { page } = await open(`/requests/${id}`);
    await page.waitForSelector('.story .badge__word >> text=prefilling');
    dashboard.scene.requests = dashboard.scene.requests.filter((view) => view.id !== id);
    await page.waitForSelector('.story >> text=nothing more is known of it');
    await page.context().close();
  });

  test('each wait is told with its reason', async () => {
    const { page } = await open('/requests/aaaaaaaaaaa3');
    expect(await page.locator('.story__end').textContent()).toContain('its model loads, 41 %');
    await page.context().close();
  });
});

test('S-27: what clients, engines and models wrote is text in every part', async () => {
  const { page, troubles } = await open(`/requests/${ENDED}`);
  await page.click('summary >> text=Before and after');
  expect(await page.locator('.story__text').first().textContent()).toContain('<img src=x');
  expect(await page.locator('.excerpt').textContent()).toContain('slot 0 fell over <img');
  expect(await page.locator('#content img, #content hx-a').count()).toBe(0);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts it is a page, and what runs can be cancelled', async () => {
  const { page } = await open('/requests/aaaaaaaaaaa4', { javaScriptEnabled: false });
  asked.length = 0;
  await page.click('.story .action button');
  await page.waitForURL(/\/requests\/aaaaaaaaaaa4$/);
  expect(asked).toEqual(['cancel aaaaaaaaaaa4']);
  await page.context().close();
});

test('one that nobody knows is said to be unknown', async () => {
  const answer = await fetch(new URL('/requests/000000000000', dashboard.listener.url), {
    headers: { accept: 'text/html' },
  });
  expect(answer.status).toBe(404);
  expect(await answer.text()).toContain('There is no such request');
});

test('the first visit transfers less than 100 kB', async () => {
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(new URL(`/requests/${ENDED}`, dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(20_000);
  expect(weight.bytes()).toBeLessThan(100_000);
  await page.context().close();
});

describe('accessible and in its place', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1440]) {
      test(`${colorScheme}, ${width} px`, async () => {
        const { page } = await open(`/requests/${ENDED}`, { colorScheme, width });
        expect(await scrollsSideways(page)).toBe(false);
        expect(await axeViolations(page)).toEqual([]);
        await page.goto(new URL('/rows', page.url()).href);
        await page.waitForSelector(LIVE);
        await page.click('.row >> nth=1');
        await page.waitForSelector('#drawer[open] .story');
        expect(await axeViolations(page, '#drawer')).toEqual([]);
        expect(await page.evaluate(() => document.querySelector('#drawer')?.scrollWidth ?? 0)).toBeLessThanOrEqual(
          width,
        );
        await page.context().close();
      });
    }
  }
});
