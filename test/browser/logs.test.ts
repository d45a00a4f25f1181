/** The page of logs in a real browser, over real logs. Reading of files: test/logs; colours: test/pages/logs. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import type { Browser } from 'playwright-core';
import { access } from '#src/access.ts';
import { systemClock } from '#src/clock.ts';
import { KeptFiles } from '#src/logs/kept-files.ts';
import { Logs } from '#src/logs/logs.ts';
import { LogNews } from '#src/pages/logs/log-news.tsx';
import { logPages } from '#src/pages/logs/pages.tsx';
import { Drawer } from '#views/parts/drawer.tsx';
import { FLOW_AWAY, openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type Dashboard, fullScene, openDashboard } from '../support/dashboard.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';

const LIVE = '#connection[data-state=live]';

let browser: Browser;
const root = mkdtempSync(join(tmpdir(), 'flow-log-page-'));
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  rmSync(root, { recursive: true, force: true });
});

const dashboards: { dashboard: Dashboard; logs: Logs }[] = [];
beforeEach(async () => {
  for (const { dashboard, logs } of dashboards.splice(0)) {
    await dashboard.stop();
    await logs.close();
  }
});

async function house(port = 0) {
  const made: Logs[] = [];
  const folder = mkdtempSync(join(root, 'case-'));
  const dashboard = await openDashboard(fullScene(), {
    port,
    more: ({ shell, bus, lender }) => {
      const logs = new Logs({ clock: systemClock, bus, folder });
      made.push(logs);
      const news = new LogNews({ logs, lender });
      const story = new Elysia().get(
        '/requests/:id',
        ({ params }) => shell.fragment(Drawer({ title: 'A request', children: params.id.replace(/[^0-9a-f]/g, '') })),
        access('page'),
      );
      const routes = new Elysia().use(logPages({ logs, files: new KeptFiles(folder), news, shell })).use(story);
      const errors = () => ({ sinceMs: logs.sinceMs, count: logs.errorCount });
      return { topics: [['logs', news]], routes, errors };
    },
  });
  const [logs] = made;
  if (!logs) throw new Error('no logs');
  dashboards.push({ dashboard, logs });
  const open = async (path = '/logs', options: PageOptions = {}) => {
    const watched = await watchedPage(browser, options);
    await watched.page.goto(new URL(path, dashboard.listener.url).href);
    if (options.javaScriptEnabled !== false) await watched.page.waitForSelector(LIVE);
    return watched;
  };
  return { dashboard, logs, open, folder };
}

const write = (logs: Logs, count: number, source = 'gemma') => {
  for (let number = 1; number <= count; number += 1) logs.append(source, `${source} says ${number}`, 'stderr');
};

describe('lines', () => {
  test('come by themselves; scrolling up pauses, the pill counts, and leads back to the end', async () => {
    const { logs, open } = await house();
    write(logs, 100);
    const { page, troubles } = await open();
    logs.append('gemma', 'a new line', 'stderr');
    await page.waitForSelector('.log__line:last-child:has-text("a new line")');
    await page.hover('#log');
    await page.mouse.wheel(0, -800);
    await page.waitForSelector('#log-follow[aria-pressed=false]');
    write(logs, 132);
    await page.waitForSelector('#log-pill:has-text("132 new lines")');
    expect(await page.locator('.log__line').count()).toBe(101);
    await page.click('#log-pill');
    await page.waitForSelector('.log__line:last-child:has-text("gemma says 132")');
    await page.waitForFunction(() => {
      const log = document.querySelector('#log');
      return log !== null && log.scrollTop + log.clientHeight >= log.scrollHeight - 2;
    });
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  test('too many to be kept leave a gap that says how many, and 2,000 in the page', async () => {
    const { logs, open } = await house();
    write(logs, 10);
    const { page } = await open('/logs?source=gemma');
    write(logs, 5_000);
    await page.waitForSelector('.log__line:last-child:has-text("gemma says 5000")');
    expect(await page.locator('#log-lines > li').count()).toBe(2_000);
    logs.noteDropped('gemma', 4_210);
    logs.append('gemma', 'after the flood', 'stderr');
    await page.waitForSelector('.log__gap:has-text("4,210 lines dropped")');
    await page.context().close();
  });

  test('older ones are loaded when one scrolls to the top', async () => {
    const { logs, open } = await house();
    write(logs, 1_000);
    const { page } = await open();
    expect(await page.locator('.log__line').count()).toBe(300);
    await page.focus('#log');
    await page.keyboard.press('Home');
    await page.waitForFunction(() => document.querySelectorAll('.log__line').length === 800);
    await page.context().close();
  });

  test('after a restart of Flow the page shows the new run without a reload', async () => {
    const first = await house();
    write(first.logs, 50);
    const { page } = await first.open('/logs', { expects: FLOW_AWAY });
    const { port } = first.dashboard.listener;
    await first.dashboard.stop();
    await page.waitForSelector('#connection[data-state=reconnecting]');
    const second = await house(port);
    second.logs.info('the second run');
    await page.waitForSelector(LIVE);
    await page.waitForFunction(() => {
      const lines = [...document.querySelectorAll('.log__line')];
      return lines.length === 1 && lines[0]?.textContent?.includes('the second run');
    });
    await page.context().close();
  });
});

test('one filters by words, by a pattern and by level; what is typed survives new lines', async () => {
  const { logs, open } = await house();
  write(logs, 20);
  logs.error('this failed');
  const { page } = await open();
  await page.keyboard.press('/');
  await page.keyboard.type('says 1');
  const shown = () => page.locator('.log__line:visible').count();
  expect(await shown()).toBe(11);
  logs.append('gemma', 'gemma says 1 more', 'stderr');
  await page.waitForFunction(() => document.querySelectorAll('.log__line').length === 22);
  expect(await shown()).toBe(12);
  await page.fill('#log-query', '/says [23]$/');
  expect(await shown()).toBe(2);
  await page.fill('#log-query', '/(/');
  expect(await page.getAttribute('#log-query', 'aria-invalid')).toBe('true');
  await page.fill('#log-query', '');
  await page.selectOption('#log-level', 'error');
  expect(await shown()).toBe(1);
  expect(page.url()).toContain('level=error');
  await page.context().close();
});

test('a moment is shown with what was before it, from memory or from a file', async () => {
  const { logs, open } = await house();
  write(logs, 400);
  const at = logs.tail({ source: 'gemma', lines: 1 }).entries[0]?.atMs ?? 0;
  await Bun.sleep(2);
  write(logs, 400);
  const { page } = await open(`/logs?source=gemma&at=${at + 1}`);
  expect(await page.locator('[data-marked] .log__text').textContent()).toBe('gemma says 1');
  expect(await page.locator('#log-follow').getAttribute('aria-pressed')).toBe('false');
  await logs.flush();
  await page.goto(new URL('/logs?file=gemma.log', page.url()).href);
  await page.waitForSelector('.log__line:last-child:has-text("gemma says 400")');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('.page-head >> text=Download')]);
  expect((await Bun.file(await download.path()).text()).trim().split('\n')).toHaveLength(800);
  await page.context().close();
});

test('a moment of longer ago shows what all wrote then, and leads back to now', async () => {
  const { logs, open, folder } = await house();
  const atMs = Date.now() - 7_200_000;
  const kept = (name: string, seconds: number, text: string) =>
    appendFileSync(join(folder, name), `${new Date(atMs + seconds * 1000).toISOString()} info flow ${text}\n`);
  kept('flow.log', -1, 'Flow before');
  kept('gemma.log', 0, 'gemma then');
  kept('flow.log', 1, 'Flow after');
  kept('gemma.log', 3_600, 'gemma an hour later');
  write(logs, 20);
  const { page, troubles } = await open(`/logs?at=${atMs}`);
  expect(await page.locator('.log__text').allTextContents()).toEqual(['Flow before', 'gemma then', 'Flow after']);
  expect(await page.locator('[data-marked] .log__text').textContent()).toBe('gemma then');
  logs.append('gemma', 'written meanwhile', 'stderr');
  await page.waitForSelector('#log-pill:not([hidden])');
  expect(await page.locator('.log__line').count()).toBe(3);
  // To follow from here on is to leave the moment: what stands between the two is not on the page.
  await page.click('#log-follow');
  await page.waitForSelector('.log__line:last-child:has-text("written meanwhile")');
  expect(await page.locator('.log__text >> text=gemma then').count()).toBe(0);
  expect(await page.locator('#log-moment').isVisible()).toBe(false);
  expect(page.url()).not.toContain('at=');
  await page.goto(new URL(`/logs?at=${atMs}`, page.url()).href);
  await page.click('text=Back to now');
  await page.waitForSelector('#log-follow[aria-pressed=true]');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a line that names a request opens it, also one that came later', async () => {
  const { logs, open } = await house();
  const { page, troubles } = await open();
  logs.warning('a request failed', { request: 'aaaaaaaaaaa5' });
  await page.click('.log__request');
  await page.waitForSelector('#drawer[open] >> text=aaaaaaaaaaa5');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer[open]', { state: 'detached' });
  expect(await page.evaluate(() => document.activeElement?.className)).toBe('log__request');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the navigation counts the errors since this browser was at the logs, and no others', async () => {
  const { dashboard, logs, open } = await house();
  const { page } = await open('/');
  const hint = page.locator('#nav-hint-logs .nav__errors');
  expect(await hint.isVisible()).toBe(false);
  logs.error('one');
  logs.warning('not one');
  logs.error('two');
  await page.waitForSelector('#nav-hint-logs >> text="2"');
  expect(await page.locator('.nav__link[href="/logs"]').textContent()).toContain('2 errors since you looked');
  await page.goto(new URL('/logs', dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  expect(await hint.isVisible()).toBe(false);
  // While one looks at them, they are seen as they come.
  logs.error('three');
  await page.waitForSelector('.log__line:last-child:has-text("three")');
  await page.goto(new URL('/', dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  await page.waitForSelector('#nav-hint-logs [data-errors="3"]', { state: 'attached' });
  expect(await hint.isVisible()).toBe(false);
  logs.error('four');
  await page.waitForSelector('#nav-hint-logs >> text="1"');
  await page.context().close();
});

test('S-27: what engines write is text, in every part of the page', async () => {
  const { logs, open } = await house();
  const evil = '<img src=x onerror=alert(1)><hx-a x-init="alert(2)"><script>alert(3)</script>';
  logs.append(evil, `${evil} \u001b[31m${evil}\u001b]8;;javascript:alert(4)\u0007`, 'stderr');
  const { page, troubles } = await open();
  logs.append(evil, `later ${evil}`, 'stderr');
  await page.waitForSelector('.log__line:has-text("later")');
  await page.click(`.chip:has-text("onerror")`);
  await page.waitForSelector('.log__line .ansi--red');
  expect(await page.locator('#content img, #content script, #content hx-a').count()).toBe(0);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts the newest lines are there, and the server filters', async () => {
  const { logs, open } = await house();
  write(logs, 20);
  const { page } = await open('/logs', { javaScriptEnabled: false });
  expect(await page.locator('.log__line').count()).toBe(20);
  await page.fill('#log-query', 'says 20');
  await page.click('#log-filters button');
  await page.waitForURL(/plain=1/);
  expect(await page.locator('.log__line').count()).toBe(1);
  await page.context().close();
});

test('the first visit transfers less than 100 kB, also with many lines', async () => {
  const { dashboard, logs } = await house();
  write(logs, 2_000);
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(new URL('/logs', dashboard.listener.url).href);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(20_000);
  expect(weight.bytes()).toBeLessThan(100_000);
  await page.context().close();
});

describe('accessible and in its place', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 1440]) {
      test(`${colorScheme}, ${width} px`, async () => {
        const { logs, open } = await house();
        write(logs, 50);
        logs.append('gemma', '\u001b[31mred \u001b[33myellow \u001b[34mblue \u001b[2mdim', 'stderr');
        logs.warning('careful');
        logs.error('bad');
        const { page, troubles } = await open('/logs', { colorScheme, width });
        expect(troubles).toEqual([]);
        expect(await scrollsSideways(page)).toBe(false);
        expect(await axeViolations(page)).toEqual([]);
        await page.context().close();
      });
    }
  }
});
