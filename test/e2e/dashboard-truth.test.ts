/**
 * Every page at once over a whole Flow: what a page missed while Flow was away, or while nobody looked, stands on it
 * again without a reload. The connection by itself: test/browser/connection.test.ts.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'bun:test';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { FLOW_AWAY, openBrowser, pageIn } from '../support/browser.ts';
import { type RunningFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';
import { contentOf } from './support/page-content.ts';
import {
  converse,
  type DashboardPage,
  FILE,
  LIVE,
  REPOSITORY,
  startWholeDashboard,
  visit,
  type WholeDashboard,
} from './support/whole-dashboard.ts';

/** Much longer than any page needs to fetch what it missed. */
const TRUE_AGAIN_MS = 15_000;

type OpenPage = { readonly page: Page; readonly at: DashboardPage };

let browser: Browser;
let whole: WholeDashboard;
let context: BrowserContext;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  whole = await startWholeDashboard();
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
});
afterEach(async () => {
  await context.close();
  await whole[Symbol.asyncDispose]();
});

/** Every page with a live connection, each in a window of its own. */
function openAll(): Promise<readonly OpenPage[]> {
  const live = whole.pages.filter(({ isLive }) => isLive);
  return Promise.all(
    live.map(async (at) => {
      const { page } = await pageIn(context, FLOW_AWAY);
      await visit(page, whole.flow.url, at);
      await page.evaluate('window.isSamePage = true');
      return { page, at };
    }),
  );
}

/** Something for every page to have missed. */
async function changeEverything(flow: RunningFlow): Promise<void> {
  const path = join(whole.folder, 'newcomer.gguf');
  await writeScriptedModel(path, { name: 'newcomer', scripts: { plain: 'Hi.' } });
  await flow.json('/api/register-local', { path });
  await flow.json('/api/models/talker/config', { is_pinned: true }, 'PUT');
  await flow.json('/api/settings', { queue_limit: 77 }, 'PUT');
  await flow.json(`/api/conversations/${whole.conversationId}`, { title: 'Renamed meanwhile' }, 'PATCH');
  await converse(flow.url, 'Another question');
  await flow.json('/api/models/download', { hf_id: REPOSITORY, filename: FILE });
  await until('the download', async () => {
    return JSON.stringify((await flow.json('/api/downloads')).body).includes('"state":"complete"');
  });
}

/** Holds each page against one that is loaded now, until both say the same. */
async function expectTruth(open: readonly OpenPage[]): Promise<void> {
  for (const { page, at } of open) {
    const { page: fresh } = await pageIn(context, FLOW_AWAY);
    await visit(fresh, whole.flow.url, at);
    const both = async () => ({ kept: await contentOf(page), fresh: await contentOf(fresh) });
    await until(
      'both to say the same',
      async () => {
        const { kept, fresh: loaded } = await both();
        return Bun.deepEquals(kept, loaded);
      },
      TRUE_AGAIN_MS,
    ).catch(() => {});
    const { kept, fresh: loaded } = await both();
    expect({ page: at.name, content: kept }).toEqual({ page: at.name, content: loaded });
    expect(await page.evaluate('window.isSamePage')).toBe(true);
    await fresh.close();
  }
}

test('F-95: Flow stops, much changes, Flow comes back: each page is true again, none said live meanwhile', async () => {
  const open = await openAll();
  const port = Number(new URL(whole.flow.url).port);
  await whole.stop();
  for (const { page } of open) await page.waitForSelector('#connection[data-state=reconnecting]');
  // Elsewhere, so that the pages see nothing of it.
  await whole.start(0);
  await changeEverything(whole.flow);
  await whole.stop();
  for (const { page } of open) expect(await page.getAttribute('#connection', 'data-state')).toBe('reconnecting');
  await whole.start(port);
  for (const { page } of open) await page.waitForSelector(LIVE);
  await expectTruth(open);
}, 180_000);

test('F-95: pages that nobody saw for half a minute have missed every event, and are true when shown', async () => {
  await context.clock.install();
  const open = await openAll();
  const setHidden = (page: Page, isHidden: boolean) =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
      document.dispatchEvent(new Event('visibilitychange'));
    }, isHidden);
  for (const { page } of open) await setHidden(page, true);
  await context.clock.fastForward(31_000);
  for (const { page } of open) await page.waitForSelector('#connection[data-state=paused]');
  await changeEverything(whole.flow);
  for (const { page } of open) {
    await setHidden(page, false);
    await page.waitForSelector(LIVE);
  }
  await expectTruth(open);
}, 180_000);
