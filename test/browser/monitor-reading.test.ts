/**
 * Reading the Monitor for long: its lines move by themselves, nothing jumps, and keys reach everything. What it shows
 * of every state, hostile names and sizes: monitor.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import type { RequestView } from '#src/requests/request.ts';
import { openBrowser, watchedPage } from '../support/browser.ts';
import {
  type Dashboard,
  emptyScene,
  fullScene,
  openDashboard,
  readyModel,
  type Scene,
  sampleFleetModel,
  sampleModel,
  sampleRequest,
} from '../support/dashboard.ts';
import { waitUntil } from '../support/wait-until.ts';

const LIVE = '#connection[data-state=live]';
const FOCUSED_HREF = "document.activeElement?.getAttribute('href')";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** A page over a scene; both are gone when the test's function is done. */
async function reading(
  scene: Scene,
  read: (page: Page, dashboard: Dashboard) => Promise<void>,
  { path = '/', width = 1440 } = {},
): Promise<void> {
  const dashboard = await openDashboard(scene);
  const { page, troubles } = await watchedPage(browser, { width });
  try {
    await page.goto(dashboard.listener.url + path);
    await page.waitForSelector(LIVE);
    await read(page, dashboard);
    expect(troubles).toEqual([]);
  } finally {
    await page.context().close();
    await dashboard.stop();
  }
}

/** Two loaded models, and a way to let their requests live. */
function twoModels() {
  const scene: Scene = emptyScene();
  scene.models = [sampleModel('gemma'), sampleModel('llama')];
  scene.fleet = [readyModel('gemma'), readyModel('llama')];
  const show = ({ bus }: Dashboard, id: string, parts: Partial<RequestView>) => {
    const view = sampleRequest(id, { modelId: 'gemma', ...parts });
    scene.requests = [...scene.requests.filter((one) => one.id !== id), view];
    bus.publish({ type: 'request-changed', requestId: id, modelId: 'gemma' });
  };
  const remove = ({ bus }: Dashboard, id: string) => {
    scene.requests = scene.requests.filter((one) => one.id !== id);
    bus.publish({ type: 'request-removed', requestId: id, modelId: 'gemma' });
  };
  return { scene, show, remove };
}

/** How much has moved by itself since the page was loaded, as Chromium counts it. */
const SHIFTS = `new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().map(({ value, sources }) =>
    ({ value, what: (sources ?? []).map(({ node, previousRect: from, currentRect: to }) =>
      (node?.parentElement?.className ?? '') + ' > ' + (node?.className ?? node?.nodeName) +
      [' was', from.x, from.y, from.width, from.height, 'is', to.x, to.y, to.width, to.height].join(' ')) }))))
    .observe({ type: 'layout-shift', buffered: true });
  setTimeout(() => resolve([]), 500);
})`;

for (const width of [360, 1440]) {
  test(`requests come, work, end and leave, a model stops and starts: nothing jumps, ${width} px`, async () => {
    const { scene, show, remove } = twoModels();
    // Somebody has asked before: whoever never did is led by a card that goes away with the first request.
    scene.requests = [sampleRequest('aaa0', { modelId: 'llama', stage: 'completed', endedAtMs: Date.now() })];
    const life = async (page: Page, dashboard: Dashboard, id: string) => {
      const row = (stage: string) => page.waitForSelector(`#request-${id}[data-stage=${stage}]`);
      show(dashboard, id, { wait: { reason: 'slots', place: 1, busy: 2 } });
      await row('queued');
      show(dashboard, id, { stage: 'prefilling', promptTokens: 61_000, cachedTokens: 22_000, prefillRatio: 0.5 });
      await row('prefilling');
      for (const outputTokens of [9, 99, 999, 12_345]) {
        show(dashboard, id, { stage: 'generating', outputTokens, tokensPerS: outputTokens / 3, promptTokens: 61_000 });
        await page.waitForSelector(`#request-${id} .odometer:has-text("${outputTokens.toLocaleString('en-US')}")`);
      }
      show(dashboard, id, { stage: 'completed', outputTokens: 12_345, endedAtMs: Date.now(), termination: '--' });
      await row('completed');
      await page.waitForSelector('#recent .recent__one');
    };
    const run = async (page: Page, dashboard: Dashboard) => {
      await Promise.all([life(page, dashboard, 'aaa1'), life(page, dashboard, 'aaa2')]);
      remove(dashboard, 'aaa1');
      await page.waitForSelector('#request-aaa1', { state: 'detached' });
      scene.fleet = [readyModel('gemma'), sampleFleetModel('llama', { lastUsedAtMs: Date.now() })];
      dashboard.bus.publish({ type: 'model-changed', modelId: 'llama' });
      await page.waitForSelector('#model-llama[data-phase=idle]');
      scene.fleet = [readyModel('gemma'), readyModel('llama')];
      dashboard.bus.publish({ type: 'model-changed', modelId: 'llama' });
      await page.waitForSelector('#model-llama[data-phase=ready]');
      const shifts: readonly { value: number; what: string[] }[] = await page.evaluate(SHIFTS);
      // Words that change within one line count a little; a row or a card that moves counts ten times as much.
      expect(shifts.filter(({ value }) => value > 0.002)).toEqual([]);
      expect(shifts.reduce((sum, { value }) => sum + value, 0)).toBeLessThan(0.01);
    };
    await reading(scene, run, { width });
  });
}

describe('lines', () => {
  test('they move on by themselves, and say in words what they show', async () => {
    const { scene, show } = twoModels();
    await reading(scene, async (page, dashboard) => {
      const speed = page.locator('#trace-speed-1m');
      expect(await speed.getAttribute('aria-label')).toBe(
        'Speed over the last minute: last 0.0, lowest 0.0, highest 0.0 tok/s',
      );
      for (let tokens = 50; tokens < 20_000; tokens += 50) {
        show(dashboard, 'aaa1', { stage: 'generating', outputTokens: tokens, tokensPerS: 500 });
        if (/highest [1-9]/.test((await speed.getAttribute('aria-label')) ?? '')) break;
        await Bun.sleep(50);
      }
      expect(await speed.getAttribute('aria-label')).toMatch(/highest [1-9]/);
      expect(await page.getAttribute('#trace-speed-1m .spark__line', 'd')).toContain('L');
      await page.waitForSelector('#request-aaa1 .spark__line[d*=L]');
    });
  });

  test('how far back they reach is in the address, and is remembered', async () => {
    await reading(fullScene(), async (page, { listener }) => {
      const shown = () => page.locator('.trace:visible').first().getAttribute('data-span');
      expect(await shown()).toBe('1m');
      await page.check('.spans__choice[value="1h"]', { force: true });
      expect(await shown()).toBe('1h');
      expect(page.url()).toEndWith('/?span=1h');
      await page.goto(listener.url);
      await page.waitForSelector('.trace[data-span="1h"]:visible');
      await page.goto(`${listener.url}/?span=5m`);
      expect(await shown()).toBe('5m');
      await page.goto(`${listener.url}/?span=%3Cimg%3E`);
      await page.waitForSelector('.trace:visible');
    });
  });

  test('a model at rest shows what it did, and a still picture to who wants no motion', async () => {
    const scene = fullScene();
    scene.requests = scene.requests.filter(({ stage }) => stage === 'generating');
    await reading(scene, async (page, dashboard) => {
      scene.requests = [];
      scene.fleet = [readyModel('gemma-4-26B-A4B')];
      dashboard.bus.publish({ type: 'model-added', modelId: 'gemma-4-26B-A4B' });
      const beam = page.locator('#wave-gemma_2d_4_2d_26B_2d_A4B[data-rest=no] .wave__beam');
      await beam.waitFor({ state: 'attached' });
      expect(await beam.getAttribute('d')).toContain('q5');
      const animation = () => beam.evaluate((element) => getComputedStyle(element).animationName);
      expect(await animation()).toBe('beam');
      await page.emulateMedia({ reducedMotion: 'reduce' });
      expect(await animation()).toBe('none');
    });
  });
});

describe('keys', () => {
  test('j and k walk through requests; x goes to Cancel and presses it the second time', async () => {
    await reading(fullScene(), async (page, dashboard) => {
      await page.keyboard.press('j');
      expect(await page.evaluate<string>(FOCUSED_HREF)).toBe('/requests/aaaaaaaaaaa1');
      await page.keyboard.press('j');
      await page.keyboard.press('j');
      await page.keyboard.press('k');
      expect(await page.evaluate<string>(FOCUSED_HREF)).toBe('/requests/aaaaaaaaaaa2');
      await page.keyboard.press('x');
      expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe(
        'Cancel the request of hermes',
      );
      expect(dashboard.asked).toEqual([]);
      await page.keyboard.press('x');
      await waitUntil('the cancelling', () => dashboard.asked.includes('cancel aaaaaaaaaaa2'));
    });
  });

  test('f fills the screen with the machine alone, and Escape gives the rest back', async () => {
    await reading(fullScene(), async (page) => {
      await page.keyboard.press('f');
      await page.waitForSelector('.shell__rail', { state: 'hidden' });
      expect(await page.getAttribute('[data-fills-screen]', 'aria-pressed')).toBe('true');
      await page.keyboard.press('f');
      await page.waitForSelector('.shell__rail', { state: 'visible' });
      await page.click('[data-fills-screen]');
      await page.waitForSelector('.shell__rail', { state: 'hidden' });
    });
  });

  test('who holds the memory is shown to the keyboard too, and Escape closes it', async () => {
    await reading(fullScene(), async (page) => {
      await page.focus('.memory__more');
      await page.waitForSelector('#memory-holders', { state: 'visible' });
      expect(await page.textContent('#memory-holders')).toMatch(/gemma-4-26B-A4B.*15\.0 GB.*18\.0 GB measured/);
      await page.keyboard.press('Escape');
      await page.waitForSelector('#memory-holders', { state: 'hidden' });
    });
  });

  test('the focus in the recent list stays on its request while others end', async () => {
    const { scene, show } = twoModels();
    await reading(scene, async (page, dashboard) => {
      const end = (id: string) =>
        show(dashboard, id, { stage: 'completed', endedAtMs: Date.now(), outputTokens: 5, termination: '--' });
      end('aaa1');
      await page.waitForSelector('#recent [href="/requests/aaa1"]');
      await page.focus('#recent [href="/requests/aaa1"]');
      for (const id of ['aaa2', 'aaa3']) {
        end(id);
        await page.waitForSelector(`#recent [href="/requests/${id}"]`);
      }
      await page.waitForFunction(`${FOCUSED_HREF} === '/requests/aaa1'`);
    });
  });
});
