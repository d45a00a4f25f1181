/**
 * The Monitor over a whole Flow and the real engine, in a real browser: what happens is seen without reload and without
 * asking. Every state over made-up models, hostile names and sizes: test/browser.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { FLOW_AWAY, openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const CARD = '#model-flow_2d_demo';
/** A start that reads prompts so slowly, one at a time, that prefilling and waiting can be seen. */
const SLOW = { batch_size: 64, ubatch_size: 64, threads: 1, n_parallel: 1 };
const HELLO = 'Hello';
const ENDLESS = 'Tell me a long story';
/** Some 25,000 tokens. */
const LONG = 'once upon a time '.repeat(1_500);

let browser: Browser;
let dataDir: string;
let flow: RunningFlow;

/** The real engine, half a second late: a start of the tiny demo is otherwise over before it can be seen. */
function lateEngine(): string {
  const { executable, libraryPath } = realEngine();
  const path = join(dataDir, 'llama-server');
  const libraries = libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'` : '';
  writeFileSync(path, `#!/bin/sh\n${libraries}\n[ "$1" = --version ] || sleep 0.5\nexec '${executable}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'flow-monitor-'));
  flow = await startFlow({ dataDir, engine: lateEngine() });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

type Open = {
  readonly page: Page;
  /** What a healthy page never does: console errors, policy violations, loads that nobody asked for. */
  readonly troubles: string[];
  /** What it asked the server for by itself after it was loaded. */
  readonly polls: string[];
};

/** The Monitor, live, in a page that notes what it asks the server for after it was loaded. */
async function openMonitor(options: PageOptions = {}): Promise<Open> {
  const { page, troubles } = await watchedPage(browser, options);
  await page.goto(flow.url);
  await page.waitForSelector(LIVE);
  const polls: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    // Icons come with the states that show them; everything else would be a poll or a reload.
    if (request.method() === 'GET' && pathname !== '/live' && !pathname.startsWith('/public/')) {
      polls.push(pathname);
    }
  });
  return { page, troubles, polls };
}

function ask(content: string, client = 'test-client', signal?: AbortSignal): Promise<string> {
  return fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': client },
    body: JSON.stringify({ model: 'flow-demo', stream: true, messages: [{ role: 'user', content }] }),
    signal: signal ?? null,
  }).then((response) => response.text());
}

/** Loads the demo as `SLOW` says and waits until it is ready. */
async function loadSlowly(): Promise<void> {
  await flow.json('/api/models/flow-demo/load', SLOW);
  await until('the demo ready', async () => JSON.stringify((await flow.json('/api/fleet')).body).includes('"ready"'));
}

/** Notes every different value that `selector`'s attribute takes from now on; `seen` reads them. */
async function recordStates(page: Page): Promise<() => Promise<{ stages: string[]; phases: string[] }>> {
  await page.evaluate(`(() => {
    window.seen = { stages: [], phases: [] };
    const note = (list, value) => { if (value && list.at(-1) !== value) list.push(value); };
    const look = () => {
      note(window.seen.stages, document.querySelector('.request')?.dataset.stage);
      note(window.seen.phases, document.querySelector('.model')?.dataset.phase);
    };
    look();
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  })()`);
  return () => page.evaluate('window.seen');
}

/** Tabs until the focused button's name begins so. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    const label = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');
    if (label.startsWith(name)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`No button ${name} within 60 tabs.`);
}

describe('what happens is seen without reload or polling', () => {
  test('a request for a cold model: loading, generating with growing counts, done', async () => {
    const { page, troubles, polls } = await openMonitor();
    expect(await page.getAttribute(CARD, 'data-phase')).toBe('idle');
    expect(await page.isVisible('.first-steps')).toBe(true);
    const seen = await recordStates(page);
    const stop = new AbortController();
    const answer = ask(ENDLESS, 'test-client', stop.signal).catch(() => '');
    await page.waitForSelector(`${CARD} .request[data-stage=generating]`);
    const count = async () =>
      Number((await page.textContent(`${CARD} .odometer .hidden`))?.replaceAll(',', '') ?? Number.NaN);
    const first = await count();
    await until('a greater count', async () => (await count()) > first);
    expect(await page.textContent('.figures')).toMatch(/tok\/s/);
    const speed = page.locator('.trace[data-name=speed][data-span="1m"]');
    const words = async () => (await speed.getAttribute('aria-label')) ?? '';
    await until('a speed in the line', async () => /highest [1-9]/.test(await words()));
    await page.waitForSelector(`${CARD} .request__tokens .spark__line[d*=L]`);
    stop.abort();
    await answer;
    await page.waitForSelector('.recent__one[data-stage=cancelled]');
    await ask(HELLO);
    await page.waitForSelector('.recent__one[data-stage=completed]');
    await page.waitForSelector(`${CARD} .model__countdown [data-tick=down]`);
    const left = await page.textContent(`${CARD} .model__countdown [data-tick=down]`);
    await until('a shorter countdown', async () => (await page.textContent(`${CARD} .model__countdown`)) !== left);
    const { stages, phases } = await seen();
    expect(phases).toEqual(['idle', 'starting', 'ready']);
    expect(stages).toContain('loading');
    expect(stages.indexOf('loading')).toBeLessThan(stages.indexOf('generating'));
    expect(await page.isVisible('.first-steps')).toBe(false);
    expect([...troubles, ...polls]).toEqual([]);
  });

  test('on one slot, the second request waits with its reason and place, then runs', async () => {
    await loadSlowly();
    const { page, troubles, polls } = await openMonitor();
    const stop = new AbortController();
    const first = ask(LONG, 'first', stop.signal).catch(() => '');
    await page.waitForSelector('.request[data-stage=prefilling] [role=progressbar][aria-valuenow]');
    const second = ask(HELLO, 'second');
    const waiting = page.locator('.request[data-stage=queued]');
    await waiting.waitFor();
    expect(await waiting.textContent()).toContain('place 1: all 1 slot busy');
    stop.abort();
    await first;
    expect(await second).toContain('[DONE]');
    await page.waitForSelector('.recent__one[data-stage=completed]:has-text("second")');
    expect([...troubles, ...polls]).toEqual([]);
  });
});

describe('what is done on the page is done', () => {
  test('Cancel ends the request, and its client is told', async () => {
    const { page, troubles, polls } = await openMonitor();
    const answer = ask(ENDLESS, 'impatient');
    await page.waitForSelector('.request[data-stage=generating]');
    await page.click('button[aria-label="Cancel the request of impatient"]');
    const text = await answer;
    expect(text).toContain('"error"');
    expect(text).not.toContain('[DONE]');
    await page.waitForSelector('.recent__one[data-stage=cancelled]:has-text("by you")');
    expect([...troubles, ...polls]).toEqual([]);
  });

  test('Unload can be taken back, and a pin stays over a reload', async () => {
    const { page, troubles, polls } = await openMonitor();
    await page.click(`${CARD} button[aria-label^="Load"]`);
    await page.waitForSelector(`${CARD}[data-phase=ready]`);
    await page.click(`${CARD} button[aria-label^="Unload"]`);
    await page.waitForSelector(`${CARD}[data-phase=idle]`);
    await page.click('#notice >> text=Undo');
    await page.waitForSelector(`${CARD}[data-phase=ready]`);
    await page.click(`${CARD} button[aria-label^="Pin"]`);
    await page.waitForSelector(`${CARD} button[aria-label^="Unpin"]`);
    expect([...troubles, ...polls]).toEqual([]);
    await page.reload();
    expect(await page.textContent(`${CARD} button[aria-label^="Unpin"]`)).toBe('Unpin');
  });

  test('by keyboard alone: Tab to Load, Enter, Tab to Cancel, Enter, and j and Enter to its story', async () => {
    const { page, troubles, polls } = await openMonitor();
    await tabTo(page, 'Load');
    await page.keyboard.press('Enter');
    await page.waitForSelector(`${CARD}[data-phase=ready]`);
    const answer = ask(ENDLESS, 'impatient');
    await page.waitForSelector('.request[data-stage=generating]');
    await tabTo(page, 'Cancel');
    await page.keyboard.press('Enter');
    expect(await answer).toContain('"error"');
    expect([...troubles, ...polls]).toEqual([]);
    await page.waitForSelector(`${CARD} .request[data-stage=cancelled]`);
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.drawer[open] #drawer-title:has-text("impatient")');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.drawer', { state: 'hidden' });
    expect(troubles).toEqual([]);
  });
});

test('a Flow that is killed and started again is shown truly, without reload', async () => {
  const { page } = await openMonitor({ expects: FLOW_AWAY });
  await flow.json('/api/models/flow-demo/load', {});
  await page.waitForSelector(`${CARD}[data-phase=ready]`);
  await page.evaluate('window.isSamePage = true');
  const { port } = new URL(flow.url);
  flow.kill('SIGKILL');
  await flow.exited;
  await page.waitForSelector('#connection[data-state=reconnecting]');
  flow = await startFlow({ dataDir, engine: lateEngine(), flags: ['--port', port] });
  await page.waitForSelector(LIVE);
  await page.waitForSelector(`${CARD}[data-phase=idle]`);
  expect(await page.evaluate('window.isSamePage')).toBe(true);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`accessible, and within the screen, at work and at rest: ${colorScheme}, ${width} px`, async () => {
      await loadSlowly();
      const { page, troubles, polls } = await openMonitor({ colorScheme, width });
      const stop = new AbortController();
      const asked = [LONG, HELLO].map((content) => ask(content, 'client', stop.signal).catch(() => ''));
      await page.waitForSelector('.request[data-stage=queued]');
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
      expect([...troubles, ...polls]).toEqual([]);
      expect(await axeViolations(page)).toEqual([]);
      stop.abort();
      await Promise.all(asked);
      await page.waitForSelector('.recent__one');
      expect(await axeViolations(page)).toEqual([]);
    });
  }
}
