/**
 * The Monitor in a real browser: live, honest, safe, accessible and small. The server's side alone: test/web,
 * test/live.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser } from 'playwright-core';
import { FLOW_AWAY, openBrowser, watchedPage } from '../support/browser.ts';
import {
  type Dashboard,
  emptyScene,
  fullScene,
  openDashboard,
  readyModel,
  sampleFleetModel,
  sampleModel,
  sampleRequest,
} from '../support/dashboard.ts';
import { axeViolations, weigh } from '../support/page-checks.ts';
import { waitUntil } from '../support/wait-until.ts';

const LIVE = '#connection[data-state=live]';

let browser: Browser;
let full: Dashboard;
beforeAll(async () => {
  browser = await openBrowser();
  full = await openDashboard(fullScene());
});
afterAll(async () => {
  await browser.close();
  await full.stop();
});

describe('live', () => {
  test('a change is pushed, and typed text, focus and open details survive it', async () => {
    const scene = fullScene();
    const dashboard = await openDashboard(scene);
    const { page, troubles } = await watchedPage(browser);
    await page.goto(dashboard.listener.url);
    await page.waitForSelector(LIVE);
    await page.evaluate(() => {
      const field = document.createElement('input');
      field.id = 'typed';
      document.querySelector('.monitor__title')?.append(field);
    });
    await page.fill('#typed', 'half a sentence');
    await page.click('.model__failure summary');
    await page.focus('#typed');
    scene.requests = scene.requests.map((view) =>
      view.id === 'aaaaaaaaaaa1' ? { ...view, outputTokens: 98_765 } : view,
    );
    dashboard.bus.publish({ type: 'request-changed', requestId: 'aaaaaaaaaaa1', modelId: scene.models[0]?.id ?? '' });
    await page.waitForFunction(() => document.body.textContent?.includes('98,765'));
    dashboard.bus.publish({ type: 'model-changed', modelId: 'phi-5-mini' });
    dashboard.bus.publish({ type: 'model-added', modelId: 'phi-5-mini' });
    scene.models = [...scene.models, sampleModel('brand-new')];
    await page.waitForSelector('[aria-label="brand-new"]');
    expect(await page.inputValue('#typed')).toBe('half a sentence');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('typed');
    expect(await page.evaluate(() => document.querySelector<HTMLDetailsElement>('.model__failure details')?.open)).toBe(
      true,
    );
    expect(troubles).toEqual([]);
    await page.context().close();
    await dashboard.stop();
  });

  test('a request appears, moves to its model, ends among the recent ones and leaves', async () => {
    const scene = emptyScene();
    scene.models = [sampleModel('gemma')];
    scene.fleet = [readyModel('gemma')];
    const dashboard = await openDashboard(scene);
    const { page } = await watchedPage(browser);
    await page.goto(dashboard.listener.url);
    await page.waitForSelector(LIVE);
    const change = (parts: Parameters<typeof sampleRequest>[1]) => {
      scene.requests = [sampleRequest('abc123', parts)];
      dashboard.bus.publish({ type: 'request-changed', requestId: 'abc123', modelId: 'gemma' });
    };
    change({});
    await page.waitForSelector('#arrivals #request-abc123');
    change({ modelId: 'gemma', stage: 'generating', outputTokens: 7 });
    await page.waitForSelector('#model-gemma #request-abc123[data-stage=generating]');
    expect(await page.locator('#arrivals #request-abc123').count()).toBe(0);
    change({ modelId: 'gemma', stage: 'completed', outputTokens: 9, endedAtMs: Date.now(), termination: '--' });
    await page.waitForSelector('#recent .recent__one[data-stage=completed]');
    scene.requests = [];
    dashboard.bus.publish({ type: 'request-removed', requestId: 'abc123', modelId: 'gemma' });
    await page.waitForSelector('#request-abc123', { state: 'detached' });
    await page.context().close();
    await dashboard.stop();
  });

  test('a server that goes away is shown at once, and is live again by itself when it returns', async () => {
    const first = await openDashboard(emptyScene());
    const { page } = await watchedPage(browser, { expects: FLOW_AWAY });
    await page.goto(first.listener.url);
    await page.waitForSelector(LIVE);
    const { port } = first.listener;
    await first.stop();
    await page.waitForSelector('#connection[data-state=reconnecting]');
    const second = await openDashboard({ ...emptyScene(), models: [sampleModel('after-restart')] }, { port });
    await page.waitForSelector(LIVE);
    await page.waitForSelector('#model-after_2d_restart');
    await second.stop();
    const third = await openDashboard(emptyScene(), { port, version: '0.2.0' });
    await page.waitForSelector('#connection[data-state=updated]');
    await page.context().close();
    await third.stop();
  });
});

describe('actions', () => {
  test('Load, Pin, Cancel and Unload with undo reach the fleet; a busy model asks first', async () => {
    const { page } = await watchedPage(browser, { expects: [/^409 POST \/monitor\/unloading/] });
    await page.goto(full.listener.url);
    await page.waitForSelector(LIVE);
    await page.click('button[aria-label="Load llama-3.2-3B"]');
    await page.click('button[aria-label^="Pin llama-3.2-3B"]');
    await page.click('button[aria-label="Cancel the request of hermes"]');
    await page.click('button[aria-label="Unload org/mistral-9B"]');
    await page.click('#notice >> text=Undo');
    await page.click('button[aria-label="Unload gemma-4-26B-A4B"]');
    await page.click('#notice >> text=Unload all the same');
    await waitUntil('the last action', () => full.asked.length >= 6);
    expect(full.asked).toEqual([
      'load llama-3.2-3B',
      'pin llama-3.2-3B',
      'cancel aaaaaaaaaaa2',
      'unload org/mistral-9B',
      'load org/mistral-9B',
      'unload gemma-4-26B-A4B by force',
    ]);
    await page.context().close();
  });

  test('the page and its actions work without scripts', async () => {
    const scene = { ...emptyScene(), models: [sampleModel('gemma')] };
    const dashboard = await openDashboard(scene);
    const { page } = await watchedPage(browser, { javaScriptEnabled: false });
    await page.goto(dashboard.listener.url);
    await page.click('button[aria-label="Load gemma"]');
    await page.waitForURL(`${dashboard.listener.url}/`);
    expect(dashboard.asked).toEqual(['load gemma']);
    await page.context().close();
    await dashboard.stop();
  });
});

test('S-27: hostile names and errors stay text, on the page and through the live connection', async () => {
  const hostile = [
    '<img src=x onerror=alert(1)>',
    '"><script>alert(2)</script>',
    "'><svg/onload=alert(3)>",
    'javascript:alert(4)',
    '</title><script>alert(5)</script>',
    '{{constructor.constructor("alert(6)")()}}',
    '<a hx-get="/api/x" hx-trigger="load">',
    '<div x-data x-init="alert(7)">',
    '" x-on:mouseover="alert(8)" autofocus',
    '<template><b></template><hx-partial hx-target="#content">gone</hx-partial>',
    '</pre></li><iframe srcdoc="<script>alert(9)</script>">',
    '`$\u007balert(10)}`',
    '<hx-a hx-get=/api/y hx-trigger=load x-init=alert(11) onmouseover=alert(12) x=',
    '<head><title>taken</title></head>',
    'a\r\nevent: notice\r\ndata: {}\r\n\r\n',
  ];
  const scene = emptyScene();
  scene.models = hostile.map((name) => sampleModel(name, { quantization: name }));
  scene.fleet = hostile.map((name) =>
    sampleFleetModel(name, {
      state: {
        phase: 'failed',
        sinceMs: 0,
        retryAtMs: null,
        attempts: 1,
        report: {
          kind: 'unknown',
          isSticky: true,
          message: name,
          hint: name,
          exitCode: 1,
          signal: null,
          tail: [name, name],
        },
      },
    }),
  );
  scene.requests = hostile.map((name, index) =>
    sampleRequest(`${index}`, {
      client: name,
      wantedModel: name,
      route: name,
      repairs: [name],
      modelId: index % 2 ? name : null,
    }),
  );
  const dashboard = await openDashboard(scene);
  const { page, troubles } = await watchedPage(browser);
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!/^\/($|live|public|vendor|favicon)/.test(new URL(request.url()).pathname)) foreign.push(request.url());
  });
  await page.goto(dashboard.listener.url);
  await page.waitForSelector(LIVE);
  for (const name of hostile) dashboard.bus.publish({ type: 'notice', tone: 'error', text: name });
  scene.requests = scene.requests.map((view) => ({
    ...view,
    stage: 'failed',
    endedAtMs: Date.now(),
    termination: 'EG',
    error: { kind: 'x', message: view.route },
  }));
  for (const view of scene.requests)
    dashboard.bus.publish({ type: 'request-changed', requestId: view.id, modelId: '' });
  await page.waitForSelector('#recent .recent__one[data-stage=failed]');
  expect(await page.locator('.model').count()).toBe(hostile.length);
  expect(await page.locator('main img, main script, main iframe, main [x-init], main [onerror]').count()).toBe(0);
  const loads = await page
    .locator('main [hx-get]')
    .evaluateAll((elements) => elements.map((element) => element.getAttribute('hx-get') ?? ''));
  expect(loads.filter((address) => !/^\/(requests\/[0-9a-f]+|setup)$/.test(address))).toEqual([]);
  expect(foreign).toEqual([]);
  expect(troubles).toEqual([]);
  await page.context().close();
  await dashboard.stop();
});

const VIEWS = ['light', 'dark'].flatMap((colorScheme) => [360, 1440].map((width) => ({ colorScheme, width })));
for (const { colorScheme, width } of VIEWS) {
  for (const path of ['/', '/nowhere', '/login']) {
    test(`axe finds nothing and nothing overflows: ${path}, ${colorScheme}, ${width} px`, async () => {
      const { page, troubles } = await watchedPage(browser, {
        colorScheme: colorScheme === 'light' ? 'light' : 'dark',
        width,
        expects: path === '/nowhere' ? [/^404 GET \/nowhere/] : [],
      });
      await page.goto(full.listener.url + path);
      if (path === '/') await page.waitForSelector(LIVE);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(
        0,
      );
      expect(troubles).toEqual([]);
      expect(await axeViolations(page)).toEqual([]);
      await page.context().close();
    });
  }
}

test('the first visit transfers less than 100 kB, and paints without any script', async () => {
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(full.listener.url);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(20_000);
  expect(weight.bytes()).toBeLessThan(100_000);
  await page.context().close();
});

test('a chosen theme is kept and stands before the first paint', async () => {
  const { page } = await watchedPage(browser, { colorScheme: 'light' });
  await page.goto(full.listener.url);
  await page.waitForSelector(LIVE);
  await page.click('.theme__button');
  await page.click('.theme__button');
  await page.reload();
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
  await page.context().close();
});
