/**
 * The Settings page over a whole Flow, in a real browser: saving, undoing, refusing, and what others change meanwhile.
 * Its pure parts: test/pages/settings. What a setting does: test/settings and wherever it is used.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { SETTING_NAMES } from '#src/settings/validation.ts';
import { FLOW_AWAY, openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const field = (name: string) => `#setting-${name}-input`;

let browser: Browser;
let flow: RunningFlow;
beforeAll(async () => {
  browser = await openBrowser();
  flow = await startFlow({ engine: realEngine().executable });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
});

/** The page, live. */
async function open(options: PageOptions = {}, at = flow): Promise<{ page: Page; troubles: string[] }> {
  const opened = await watchedPage(browser, { expects: [/^422 /], ...options });
  await opened.page.goto(`${at.url}/settings`);
  if (options.javaScriptEnabled !== false) await opened.page.waitForSelector(LIVE);
  return opened;
}

async function saved(name: string, at = flow): Promise<unknown> {
  return (await at.json('/api/settings')).body[name];
}

/** Bytes of what the live connection tells a page that has just come: never finished, so counted by hand. */
async function liveBeginning(): Promise<number> {
  const end = new AbortController();
  const response = await fetch(`${flow.url}/live?page=settings`, { signal: end.signal });
  let text = '';
  for await (const bytes of response.body ?? []) {
    text += Buffer.from(bytes).toString();
    if (text.includes('settings-edition')) break;
  }
  end.abort();
  return Buffer.byteLength(text);
}

const set = (values: Record<string, unknown>, at = flow) => at.json('/api/settings', values, 'PATCH');

describe('the page', () => {
  test('shows every setting with what it does', async () => {
    const { page, troubles } = await open();
    for (const name of SETTING_NAMES) expect(await page.locator(field(name)).count()).toBe(1);
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  test('costs less than 30 kB beside what every page has, with what the live connection says first', async () => {
    let bytes = await liveBeginning();
    for (const path of ['/settings', '/public/js/settings.js', '/public/css/pages/settings.css']) {
      const headers = { accept: 'text/html', 'accept-encoding': 'gzip' };
      const response = await fetch(`${flow.url}${path}`, { headers, decompress: false });
      expect(response.headers.get('content-encoding')).toBe('gzip');
      bytes += (await response.bytes()).byteLength;
    }
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(30_000);
  });

  test.each([
    ['dark', 1440],
    ['light', 1440],
    ['dark', 360],
    ['light', 360],
  ] as const)('breaks no rule of accessibility and fits: %s, %i px', async (colorScheme, width) => {
    await set({ queue_limit: 77 });
    const { page, troubles } = await open({ colorScheme, width });
    await page.fill(field('queue_wait_seconds'), 'soon');
    await page.keyboard.press('Tab');
    await page.waitForSelector('#setting-queue_wait_seconds[data-unsaved]');
    expect(troubles).toEqual([]);
    expect(await axeViolations(page)).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    await page.context().close();
    await set({ queue_limit: 1000 });
  });
});

describe('saving', () => {
  test('by keyboard: typed, Enter, saved, undone', async () => {
    const { page, troubles } = await open();
    await page.focus(field('jit_cooldown_seconds'));
    await page.keyboard.press('Control+A');
    await page.keyboard.type('120');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#setting-jit_cooldown_seconds-note >> text=Saved');
    expect(await saved('jit_cooldown_seconds')).toBe(120);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('setting-jit_cooldown_seconds-input');
    await page.focus('[aria-label="Undo the change of Idle time before unloading"]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#setting-jit_cooldown_seconds:not([data-changed])');
    expect(await saved('jit_cooldown_seconds')).toBe(300);
    expect(await page.inputValue(field('jit_cooldown_seconds'))).toBe('300');
    expect(troubles).toEqual([]);
    await page.context().close();
  });

  test('switches, choices and lists save themselves, and Reset brings the default back', async () => {
    const { page } = await open();
    await page.uncheck(field('jit_cooldown_enabled'));
    await until('the switch', async () => (await saved('jit_cooldown_enabled')) === false);
    await page.selectOption(field('restart_grown'), 'all');
    await until('the choice', async () => (await saved('restart_grown')) === 'all');
    await page.fill(field('allowed_hosts'), 'flow.example\nmac.local');
    await page.keyboard.press('Tab');
    await until('the list', async () => Bun.deepEquals(await saved('allowed_hosts'), ['flow.example', 'mac.local']));
    for (const label of ['Unload when idle', 'Restart what has grown', 'More host names']) {
      await page.click(`[aria-label^="Reset ${label}"]`);
    }
    await until('the defaults', async () => Bun.deepEquals(await saved('allowed_hosts'), []));
    await page.waitForSelector('#setting-allowed_hosts:not([data-changed])');
    expect(await page.isChecked(field('jit_cooldown_enabled'))).toBe(true);
    expect(await page.inputValue(field('restart_grown'))).toBe('mlx');
    expect(await page.inputValue(field('allowed_hosts'))).toBe('');
    await page.context().close();
  });

  test('what the schema refuses stays as typed with the reason, until it is right or discarded', async () => {
    const { page } = await open();
    await page.fill(field('queue_limit'), '0');
    await page.keyboard.press('Tab');
    await page.waitForSelector('#setting-queue_limit-input-error');
    expect(await page.textContent('#setting-queue_limit-input-error')).toContain('a whole number from 1 to 100000');
    expect(await page.getAttribute(field('queue_limit'), 'aria-invalid')).toBe('true');
    // What others change does not overwrite it.
    await set({ queue_limit: 500 });
    await set({ queue_wait_seconds: 601 });
    await page.waitForFunction(() => document.querySelector('#setting-queue_wait_seconds[data-changed]'));
    expect(await page.inputValue(field('queue_limit'))).toBe('0');
    await page.click('[aria-label="Discard what was typed for Waiting requests"]');
    await page.waitForSelector('#setting-queue_limit:not([data-unsaved])');
    expect(await page.inputValue(field('queue_limit'))).toBe('500');
    await set({ queue_limit: 1000, queue_wait_seconds: 600 });
    await page.context().close();
  });

  test('what the command line fixes says so and cannot be changed', async () => {
    const { page } = await open();
    expect(await page.isDisabled(field('port'))).toBe(true);
    expect(await page.textContent('#setting-port')).toContain('Fixed by the command line for this run.');
    const answer = await fetch(`${flow.url}/settings/field`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'hx-request': 'true' },
      body: JSON.stringify({ name: 'port', value: '4000' }),
    });
    expect(answer.status).toBe(409);
    await page.context().close();
  });

  test('works without scripts', async () => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.fill(field('starvation_seconds'), '61');
    await page.press(field('starvation_seconds'), 'Enter');
    await page.waitForURL(/#setting-starvation_seconds$/);
    expect(await saved('starvation_seconds')).toBe(61);
    await page.fill(field('starvation_seconds'), 'never');
    await page.press(field('starvation_seconds'), 'Enter');
    await page.waitForSelector('#setting-starvation_seconds-input-error');
    expect(await page.inputValue(field('starvation_seconds'))).toBe('never');
    expect(await saved('starvation_seconds')).toBe(61);
    await set({ starvation_seconds: 60 });
    await page.context().close();
  });
});

describe('changed elsewhere', () => {
  test('another tab, the API and the file show without reload; what is being typed stays', async () => {
    const { page } = await open();
    const { page: other } = await open();
    // Touched before, so that the browser itself no longer follows the attributes.
    await page.uncheck(field('jit_enabled'));
    await page.waitForSelector('#setting-jit_enabled[data-changed]');
    await page.selectOption(field('default_flash_attn'), 'off');
    await page.waitForSelector('#setting-default_flash_attn[data-changed]');
    await page.focus(field('load_stall_seconds'));
    await page.keyboard.press('Control+A');
    await page.keyboard.type('13');
    await other.waitForSelector('#setting-jit_enabled[data-changed]');
    expect(await other.isChecked(field('jit_enabled'))).toBe(false);
    await other.check(field('jit_enabled'));
    await set({ default_flash_attn: 'auto', load_stall_seconds: 99 });
    await page.waitForSelector('#setting-jit_enabled:not([data-changed])');
    await page.waitForFunction(() => document.querySelector('#setting-load_stall_seconds[data-changed]'));
    expect(await page.isChecked(field('jit_enabled'))).toBe(true);
    expect(await page.inputValue(field('default_flash_attn'))).toBe('auto');
    expect(await page.inputValue(field('load_stall_seconds'))).toBe('13');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('setting-load_stall_seconds-input');
    // By hand in the file: noticed within five seconds.
    writeFileSync(join(flow.dataDir, 'settings.json'), JSON.stringify({ retention_days: 12 }));
    await page.waitForFunction(
      (selector) => document.querySelector<HTMLInputElement>(selector)?.value === '12',
      field('retention_days'),
      { timeout: 10_000 },
    );
    writeFileSync(join(flow.dataDir, 'settings.json'), '{}');
    await page.context().close();
    await other.context().close();
  });

  test('a page that was away while Flow restarted with other settings shows them by itself', async () => {
    const dataDir = join(flow.dataDir, 'second');
    mkdirSync(dataDir);
    const first = await startFlow({ dataDir, engine: realEngine().executable });
    const { page } = await open({ expects: FLOW_AWAY }, first);
    const { port } = new URL(first.url);
    first.kill();
    await first.exited;
    writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ jit_cooldown_seconds: 41 }));
    await using _second = await startFlow({
      dataDir,
      engine: realEngine().executable,
      flags: ['--port', port],
    });
    await page.waitForFunction(
      (selector) => document.querySelector<HTMLInputElement>(selector)?.value === '41',
      field('jit_cooldown_seconds'),
      { timeout: 15_000 },
    );
    await page.context().close();
  });
});

describe('finding', () => {
  test('the filter finds by name and by effect, also without scripts', async () => {
    const { page } = await open();
    await page.fill('#settings-filter', 'cooldown_sec');
    const rows = page.locator('.setting-row:visible');
    expect(await rows.count()).toBe(1);
    expect(await page.textContent('#settings-found')).toBe(`1 of ${SETTING_NAMES.length} settings`);
    await page.fill('#settings-filter', 'zebra crossing');
    await page.waitForSelector('.settings__nothing:visible');
    await page.fill('#settings-filter', '');
    // Also what a page of another test saved when it was closed while something was typed in it.
    await set({ queue_limit: 78, load_stall_seconds: 120 });
    await page.waitForSelector('#setting-queue_limit[data-changed]');
    await page.check('#settings-changed');
    // The port of this Flow comes from its command line, which is a change as well.
    expect(await rows.evaluateAll((all) => all.map((row) => row.getAttribute('data-find')))).toEqual([
      'queue_limit',
      'port',
    ]);
    await page.context().close();
    const plain = await open({ javaScriptEnabled: false });
    await plain.page.goto(`${flow.url}/settings?q=billing`);
    expect(await plain.page.locator('.setting-row:visible').count()).toBe(1);
    await plain.page.context().close();
    await set({ queue_limit: 1000 });
  });
});
