/**
 * What must be true of every page alike, over a whole Flow at work: small, still while things happen, and careful with
 * what somebody is doing in it. What each page shows: its own tests.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { openBrowser, pageIn, type WatchedPage } from '../support/browser.ts';
import { beginWork, recordShifts, shadowingForms, weigh, workOf } from '../support/page-checks.ts';
import { until } from '../support/running-flow.ts';
import {
  type DashboardPage,
  FILE,
  REPOSITORY,
  startWholeDashboard,
  visit,
  type WholeDashboard,
} from './support/whole-dashboard.ts';

const WEIGHT_MAX_BYTES = 100_000;
/** A tenth of what counts as a good page. */
const SHIFT_MAX = 0.01;
/**
 * Where something begins or comes, what stands below makes room for it, once: a model that is up has lanes, a new one a
 * row, a step of the set-up its download. That is less than a good page's tenth; progress and counts move nothing.
 */
const SHIFT_MAX_WHERE_THINGS_BEGIN: Readonly<Record<string, number>> = { Monitor: 0.1, Models: 0.1, 'Set-up': 0.1 };
const ENDLESS = 'endless';

let browser: Browser;
let whole: WholeDashboard;
let pages: readonly DashboardPage[];
beforeAll(async () => {
  browser = await openBrowser();
  whole = await startWholeDashboard();
  ({ pages } = whole);
});
afterAll(async () => {
  await browser.close();
  await whole[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});

const newContext = (): Promise<BrowserContext> => browser.newContext({ viewport: { width: 1440, height: 900 } });

function open(context: BrowserContext, { path }: DashboardPage): Promise<WatchedPage> {
  return pageIn(context, path === '/nowhere' ? [/^404 GET \/nowhere/] : []);
}

/** Every page that is kept up to date, each in a window of its own, with what is looked at in it. */
async function openLive<Looked extends object>(context: BrowserContext, look: (page: Page) => Promise<Looked>) {
  const watched: ({ readonly at: DashboardPage; readonly page: Page } & Looked)[] = [];
  for (const at of pages.filter(({ isLive }) => isLive)) {
    const { page } = await open(context, at);
    await visit(page, whole.flow.url, at);
    watched.push({ at, page, ...(await look(page)) });
  }
  return watched;
}

test('a first visit to any page transfers less than 100 kB, and none has a form whose field hides a method', async () => {
  const weights: Record<string, number> = {};
  const shadowing: string[] = [];
  for (const at of pages) {
    const context = await newContext();
    const { page } = await open(context, at);
    const weight = await weigh(page);
    await visit(page, whole.flow.url, at);
    weights[at.name] = await weight.bytes();
    for (const form of await shadowingForms(page)) shadowing.push(`${at.name}: ${form}`);
    await context.close();
  }
  expect(Object.entries(weights).filter(([, bytes]) => bytes < 5_000 || bytes >= WEIGHT_MAX_BYTES)).toEqual([]);
  expect(shadowing).toEqual([]);
}, 180_000);

/** Two answers, a load, an unload and a download, all of which every page may tell of. */
async function makeNews(): Promise<void> {
  const { flow, hub } = whole;
  const bytesPerS = 2_000_000;
  hub.spoil(FILE, { kind: 'slow', bytesPerS });
  await flow.json('/api/models/download', { hf_id: REPOSITORY, filename: FILE });
  const stop = new AbortController();
  const answers = [1, 2].map(() => ask(stop.signal));
  await until('two answers under way', async () => {
    const { body } = await flow.json('/api/requests');
    return (JSON.stringify(body).match(/"generating"/g)?.length ?? 0) >= 2;
  });
  await until('the download', async () =>
    JSON.stringify((await flow.json('/api/downloads')).body).includes('"state":"complete"'),
  );
  stop.abort();
  await Promise.all(answers);
  await flow.json('/api/models/flow-demo/load', {});
  await until('the demo', async () => phaseOf('flow-demo', 'ready'), 30_000);
  await flow.json('/api/models/flow-demo/unload', {});
  await until('no demo', async () => phaseOf('flow-demo', 'idle'), 30_000);
}

async function phaseOf(modelId: string, phase: string): Promise<boolean> {
  const { body } = await whole.flow.json('/api/fleet');
  const { models } = body as { models: { modelId: string; state: { phase: string } }[] };
  return (models.find((model) => model.modelId === modelId)?.state.phase ?? 'idle') === phase;
}

function ask(signal: AbortSignal): Promise<unknown> {
  return fetch(`${whole.flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'talker', stream: true, messages: [{ role: 'user', content: ENDLESS }] }),
    signal,
  })
    .then((response) => response.text())
    .catch(() => '');
}

describe('while answers stream, models load and unload and a download runs', () => {
  test('nothing on any page jumps', async () => {
    const context = await newContext();
    const watched = await openLive(context, async (page) => ({ shifts: await recordShifts(page) }));
    await makeNews();
    const jumped: Record<string, unknown> = {};
    for (const { at, shifts } of watched) {
      const { sum, sources } = await shifts();
      if (sum >= (SHIFT_MAX_WHERE_THINGS_BEGIN[at.name] ?? SHIFT_MAX)) jumped[at.name] = { sum, sources };
    }
    expect(jumped).toEqual({});
  }, 180_000);

  test('typed text, its selection, the focus, open details and the place on the page stay', async () => {
    const context = await newContext();
    const watched = await openLive(context, async (page) => ({ work: await beginWork(page) }));
    expect(watched.filter(({ work }) => work.text !== null).map(({ at }) => at.name)).toEqual(
      expect.arrayContaining(['Models', 'Get models', 'Import', 'New chat', 'Conversation', 'Logs', 'Settings']),
    );
    await whole.flow.json('/api/settings', { queue_limit: 78 }, 'PUT');
    await whole.flow.json('/api/models/talker/config', { is_pinned: true }, 'PUT');
    await makeNews();
    for (const { at, page, work } of watched) {
      expect({ page: at.name, ...(await workOf(page)) }).toEqual({ page: at.name, ...work });
    }
  }, 180_000);
});
