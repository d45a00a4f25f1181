/**
 * The list of models over made-up ones: every state, hostile names, many of them. Over a whole Flow: test/e2e/models.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import type { Browser } from 'playwright-core';
import { access } from '#src/access.ts';
import { systemClock } from '#src/clock.ts';
import { Bus } from '#src/events.ts';
import { Feeds } from '#src/live/feed.ts';
import { keepLive, type LiveTopic } from '#src/live/keep-live.ts';
import { liveRoutes } from '#src/live/routes.ts';
import { defaultsOf } from '#src/models/launch.ts';
import { readFilter } from '#src/pages/models/filter.ts';
import { Mine } from '#src/pages/models/mine.tsx';
import { Credentials } from '#src/web/credentials.ts';
import { errorHandling, refuser } from '#src/web/errors.tsx';
import { guard } from '#src/web/guard.ts';
import { type Listener, listen } from '#src/web/listen.ts';
import { publicFiles } from '#src/web/public-files.ts';
import { shell } from '#src/web/shell.tsx';
import { loadVendor, vendorRoutes } from '#src/web/vendor.ts';
import { MineRows } from '#views/models/list.tsx';
import { MinePage } from '#views/models/page.tsx';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { emptyScene, fullScene, readyModel, type Scene, sampleFleetModel, sampleModel } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';
import { sampleSettings } from '../support/sample-settings.ts';

const LIVE = '#connection[data-state=live]';
const GB = 1e9;

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** The list, live, over a scene that tests change. */
async function openList(scene: Scene, gone: readonly string[] = []) {
  const clock = systemClock;
  const bus = new Bus();
  const fleetModel = (id: string) => scene.fleet.find(({ modelId }) => modelId === id) ?? sampleFleetModel(id);
  const missing = { reason: 'file', message: 'It is no longer in /models.', hint: 'Put it back.' } as const;
  const parts = { weightsBytes: GB, kvCacheBytes: 0, computeBytes: 0, engineCacheBytes: 0 };
  const settings = sampleSettings();
  const mine = new Mine({
    models: () => scene.models,
    lender: {
      snapshot: () => ({
        models: scene.fleet,
        memory: { budgetBytes: 40 * GB, reservedBytes: 0, byModel: [] },
        queue: [],
        swaps: 0,
        contention: null,
      }),
    },
    fleetModel,
    presence: { of: (id) => (gone.includes(id) ? missing : null) },
    needOf: ({ sizeBytes }) => ({ totalBytes: sizeBytes * 1.2, source: 'formula', parts }),
    launchOf: () => defaultsOf(settings),
    isEngineReplaced: (id) => id === 'gemma-4-26B-A4B',
    usages: () =>
      new Map([
        ['llama-3.2-3B', { requests: 1204, tokensPerS: 43.4, firstTokenMs: null, lastUsedAtMs: Date.now() - 9e6 }],
      ]),
    linesOf: () => [],
    underWay: () => 0,
    lastUseOf: () => null,
    recordDays: () => 90,
    clock,
  });
  const nothing: LiveTopic = {
    ...{ fadingKeys: [], staleKeys: () => [], all: () => [] },
    ...{ isAlone: () => true, render: () => '' },
  };
  const topics = new Map<string, LiveTopic>([
    ['shell', nothing],
    ['models', mine],
  ]);
  const feeds = new Feeds({ topics, clock, version: '1', log: (cause) => process.stderr.write(`${String(cause)}\n`) });
  const live = keepLive({ bus, feeds, topics, clock });
  const vendor = await loadVendor();
  const frame = shell({ vendor: vendor.urls, version: '1' });
  const errors = refuser({ voiceFor: () => null, shell: frame, log: () => {} });
  const app = new Elysia()
    .use(errorHandling(errors))
    .use(vendorRoutes({ vendor }))
    .use(await publicFiles())
    .use(liveRoutes({ feeds, keyOf: () => null }))
    .get(
      '/models',
      ({ request, query }) =>
        frame.page(request, {
          title: 'Models',
          current: 'models',
          styles: ['models'],
          body: MinePage({ mine: mine.data(readFilter(query)) }),
          scripts: ['filters', 'models'],
        }),
      access('page'),
    )
    .get(
      '/models/rows',
      ({ query }) => frame.fragment(MineRows({ mine: mine.data(readFilter(query)) })),
      access('page'),
    );
  const credentials = new Credentials({ apiKey: null, clock });
  const guarded = guard({
    ...{ app, settings: () => settings, credentials, refuser: errors, host: settings.host, port: 0 },
    interfaceAddresses: () => [],
  });
  const listener: Listener = await listen(guarded, { host: '127.0.0.1', port: 0 });
  return {
    bus,
    url: `${listener.url}/models`,
    async [Symbol.asyncDispose]() {
      live[Symbol.dispose]();
      feeds.close();
      await listener.stop(true);
    },
  };
}

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`every state is shown, accessible and within the window: ${colorScheme}, ${width} px`, async () => {
    await using list = await openList(fullScene(), ['llama-3.2-3B']);
    const { page, troubles } = await watchedPage(browser, { colorScheme, width });
    await page.goto(list.url);
    await page.waitForSelector(LIVE);
    const phases = await page.locator('.mine__row').evaluateAll((rows) => rows.map((row) => row.dataset.phase));
    expect(phases.toSorted()).toEqual(['failed', 'missing', 'ready', 'ready', 'starting']);
    for (const word of [
      '41 %',
      'usually 14 s',
      'The GPU ran out of memory',
      'It is no longer in /models.',
      'Restart to',
    ]) {
      expect(await page.textContent('#mine-rows')).toContain(word);
    }
    expect(troubles).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await axeViolations(page)).toEqual([]);
    await page.context().close();
  });
}

test('no model at all says what to do', async () => {
  await using list = await openList(emptyScene());
  const { page } = await watchedPage(browser);
  await page.goto(list.url);
  await page.waitForSelector('text=No model yet');
  await page.context().close();
});

test('a state that changes shows without reload, and neither typed text nor an open menu is lost', async () => {
  const scene: Scene = { ...emptyScene(), models: [sampleModel('gemma')], fleet: [sampleFleetModel('gemma')] };
  await using list = await openList(scene);
  const { page, troubles } = await watchedPage(browser);
  await page.goto(list.url);
  await page.waitForSelector(LIVE);
  await page.click('.mine__row .menu > summary');
  await page.locator('#mine-q').pressSequentially('gem');
  scene.fleet = [readyModel('gemma')];
  list.bus.publish({ type: 'model-changed', modelId: 'gemma' });
  await page.waitForSelector('.mine__row[data-phase=ready]');
  expect(await page.inputValue('#mine-q')).toBe('gem');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('mine-q');
  scene.models = [...scene.models, sampleModel('gemma-2'), sampleModel('other')];
  list.bus.publish({ type: 'model-added', modelId: 'gemma-2' });
  await page.waitForSelector('#mine-gemma_2d_2');
  expect(await page.locator('#mine-other').count()).toBe(0);
  expect(await page.inputValue('#mine-q')).toBe('gem');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('S-27: hostile names, places and failures stay text, on the page and through the live connection', async () => {
  const hostile = [
    '<img src=x onerror=alert(1)>',
    '"><script>alert(2)</script>',
    "'><svg/onload=alert(3)>",
    'javascript:alert(4)',
    '{{constructor.constructor("alert(6)")()}}',
    '<div x-data x-init="alert(7)">',
    '" x-on:mouseover="alert(8)" autofocus',
    '<template><b></template><hx-partial hx-target="#content">gone</hx-partial>',
    '</pre></td><iframe srcdoc="<script>alert(9)</script>">',
    '<hx-a hx-get=/api/y hx-trigger=load x-init=alert(11) onmouseover=alert(12) x=',
    'a\r\nevent: notice\r\ndata: {}\r\n\r\n',
  ];
  const scene = emptyScene();
  scene.models = hostile.map((name) => sampleModel(name, { quantization: name, path: name, aliases: [name] }));
  scene.fleet = hostile.map((name) =>
    sampleFleetModel(name, {
      state: {
        ...{ phase: 'failed', sinceMs: 0, retryAtMs: null, attempts: 1 },
        report: {
          ...{ kind: 'unknown', isSticky: true, message: name, hint: name, exitCode: 1, signal: null },
          tail: [name, name],
        },
      },
    }),
  );
  await using list = await openList(scene);
  const { page, troubles } = await watchedPage(browser);
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!/^\/(models|live|public|vendor|favicon)/.test(new URL(request.url()).pathname)) foreign.push(request.url());
  });
  await page.goto(`${list.url}?q=${encodeURIComponent('')}&sort=${encodeURIComponent('<b>')}`);
  await page.waitForSelector(LIVE);
  for (const name of hostile) list.bus.publish({ type: 'model-changed', modelId: name });
  const [first] = hostile;
  scene.fleet = scene.fleet.map((one) => (one.modelId === first ? sampleFleetModel(one.modelId) : one));
  list.bus.publish({ type: 'model-changed', modelId: first ?? '' });
  await page.waitForSelector('.mine__row[data-phase=idle]');
  expect(await page.locator('.mine__row').count()).toBe(hostile.length);
  const made = 'main img, main script, main iframe, main [x-init], main [onerror], main b, .mine__row [hx-trigger]';
  expect(await page.locator(made).count()).toBe(0);
  expect(foreign).toEqual([]);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the first visit transfers less than 100 kB', async () => {
  await using list = await openList(fullScene());
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(list.url);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(20_000);
  expect(weight.bytes()).toBeLessThan(100_000);
  await page.context().close();
});
