/**
 * What the Settings page shows and does beside settings, over a whole Flow: engines, token, agents, records, the
 * doctor, export and import. Saving settings: test/e2e/settings.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const TOKEN = 'hf_abcdefghijklmnopqrstuvwxyz';

let browser: Browser;
let flow: RunningFlow;
let dataDir: string;
beforeAll(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'flow-settings-'));
  for (const name of ['one', 'two']) layEngine(name);
  flow = await startFlow({ dataDir });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

/** An engine as Flow would have installed it. */
function layEngine(name: string): void {
  const { executable, libraryPath } = realEngine();
  const folder = join(dataDir, 'engines', 'llama.cpp', name);
  mkdirSync(folder, { recursive: true });
  const libraries = libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'` : '';
  writeFileSync(join(folder, 'llama-server'), `#!/bin/sh\n${libraries}\nexec '${executable}' "$@"\n`, { mode: 0o755 });
}

async function open(options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const opened = await watchedPage(browser, { expects: [/^422 /, /^400 POST \/settings\/token/], ...options });
  await opened.page.goto(`${flow.url}/settings`);
  await opened.page.waitForSelector(LIVE);
  return opened;
}

test('the token is kept, told as kept, never shown, and forgotten', async () => {
  const { page, troubles } = await open();
  await page.fill('#token-input', 'no');
  await page.press('#token-input', 'Enter');
  await page.waitForSelector('#token-error');
  await page.fill('#token-input', TOKEN);
  await page.press('#token-input', 'Enter');
  await page.waitForSelector('#settings-token >> text=A token is kept for');
  expect((await flow.json('/api/hf/token')).body.is_set).toBe(true);
  expect(await page.inputValue('#token-input')).toBe('');
  expect(await page.content()).not.toContain(TOKEN);
  await page.reload();
  expect(await page.content()).not.toContain(TOKEN);
  await page.click('text=Forget the token');
  await page.waitForSelector('#settings-token >> text=No token is kept');
  expect((await flow.json('/api/hf/token')).body.is_set).toBe(false);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('each agent shows its one command, and becomes connected without reload', async () => {
  const { page, troubles } = await open();
  await page.click('[aria-label="Set-up of Claude Code"]');
  await page.waitForSelector('#agents >> text=flow connect claude --model');
  const connection = { agent: 'codex', model: 'flow-demo', url: flow.url, connectedAt: '2026-01-01', files: [] };
  writeFileSync(join(flow.dataDir, 'connections.json'), JSON.stringify({ version: 1, connections: [connection] }));
  await page.waitForSelector('.agent:has-text("Codex") >> text=connected');
  expect(await page.locator('#agents >> text=flow connect claude --model').count()).toBe(1);
  expect(troubles).toEqual([]);
  expect(await axeViolations(page, '#agents')).toEqual([]);
  await page.context().close();
  const plain = await watchedPage(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${flow.url}/settings`);
  await plain.page.click('[aria-label="Set-up of Claude Code"]');
  expect(await plain.page.textContent('h1')).toBe('Set-up of Claude Code');
  await plain.page.context().close();
});

test('records are counted and deleted, in two steps', async () => {
  const ask = { model: 'flow-demo', max_tokens: 4, messages: [{ role: 'user', content: 'Hello' }] };
  expect((await flow.json('/v1/chat/completions', ask)).status).toBe(200);
  const { page } = await open();
  await page.waitForSelector('#settings-records >> text=1 request on record');
  await page.click('text=Delete records…');
  await page.selectOption('#records-age', '0');
  await page.click('text=Delete for good');
  await page.waitForSelector('#settings-records >> text=0 requests on record');
  expect((await flow.json('/api/telemetry')).body.records).toEqual([]);
  await page.context().close();
});

test('settings go out without secrets, come in judged, and an import is taken back', async () => {
  await flow.json('/api/settings', { queue_limit: 55 }, 'PATCH');
  const { page, troubles } = await open();
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('text=Export')]);
  const exported = JSON.parse(readFileSync(await download.path(), 'utf8'));
  expect(exported.settings).toEqual({ queue_limit: 55 });
  await page.click('text=Import…');
  await page.fill('#transfer-text', '{"queue_limit": -1, "nonsense": 1}');
  await page.click('.transfer__form >> text=Import');
  await page.waitForSelector('#transfer-error');
  expect(await page.textContent('#transfer-error')).toContain('nonsense is not a setting');
  expect(await page.inputValue('#transfer-text')).toContain('"nonsense"');
  await page.fill('#transfer-text', '{"settings": {"queue_limit": 66, "retention_days": 7}}');
  await page.click('.transfer__form >> text=Import');
  await page.waitForSelector('#notice >> text=2 settings changed.');
  await page.waitForSelector('#setting-retention_days[data-changed]');
  await page.click('[aria-label="Undo the import"]');
  await until('the former values', async () => {
    const { body } = await flow.json('/api/settings');
    return body.queue_limit === 55 && body.retention_days === 90;
  });
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the doctor looks at everything and says what he found', async () => {
  const { page, troubles } = await open();
  await page.click('text=Look at everything');
  await page.waitForSelector('.doctor__finding >> text=The database is sound.');
  await page.waitForSelector('.doctor__finding >> text=Only this machine can reach it.');
  await page.context().close();
  const plain = await watchedPage(browser, { javaScriptEnabled: false });
  await plain.page.goto(`${flow.url}/settings?doctor=1`);
  expect(await plain.page.locator('.doctor__finding').count()).toBeGreaterThan(5);
  await plain.page.context().close();
  expect(troubles).toEqual([]);
});

test('who can reach Flow is a sentence, and what the next start would refuse is said before', async () => {
  const { page } = await open();
  expect(await page.textContent('#settings-network')).toContain('Reachable from this computer only');
  await page.fill('#setting-host-input', '0.0.0.0');
  await page.keyboard.press('Tab');
  await page.waitForSelector('#settings-network >> text=would refuse to listen on 0.0.0.0');
  await page.click('[aria-label="Undo the change of Address"]');
  await page.waitForSelector('.exposure__next', { state: 'detached' });
  await page.context().close();
});

test('the engine in use is named; another is used at a click, and taken back', async () => {
  const { page, troubles } = await open();
  await page.waitForSelector('#engine-llama_2e_cpp .engine__one[data-chosen=true]');
  const use = page.locator('#engine-llama_2e_cpp >> button:has-text("Use")').first();
  const before = (await flow.json('/api/engines')).body.chosen;
  await use.click();
  await page.waitForSelector('#notice >> text=is used from the next load on');
  const after = (await flow.json('/api/engines')).body.chosen;
  expect(after).not.toBe(before);
  await page.waitForSelector('#setting-engine_choice[data-changed]');
  expect(await page.inputValue('#setting-engine_choice-input')).toBe(String(after));
  await page.click('#notice >> text=Undo');
  await until('the former engine', async () => (await flow.json('/api/engines')).body.chosen === before);
  expect(troubles).toEqual([]);
  expect(await axeViolations(page, '#engines')).toEqual([]);
  await page.context().close();
});

test('S-27: hostile names of models and engines stay text', async () => {
  const hostile = '<img src=x onerror=alert(1)>"><hx-partial hx-target=body>';
  await flow.json('/api/settings', { default_model: hostile, hub_url: 'https://huggingface.co' }, 'PATCH');
  const { page, troubles } = await open();
  expect(await page.inputValue('#setting-default_model-input')).toBe(hostile);
  await page.fill('#setting-queue_limit-input', hostile);
  await page.keyboard.press('Tab');
  await page.waitForSelector('#setting-queue_limit-input-error');
  expect(await page.inputValue('#setting-queue_limit-input')).toBe(hostile);
  expect(await page.locator('#settings img').count()).toBe(0);
  await flow.json('/api/settings', { default_model: '' }, 'PATCH');
  await page.waitForFunction(
    () => document.querySelector<HTMLSelectElement>('#setting-default_model-input')?.value === '',
  );
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the theme is chosen here or in the rail, and both say the same', async () => {
  const { page, troubles } = await open({ colorScheme: 'light' });
  await page.check('input[name=theme][value=dark]');
  expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
  expect(await page.textContent('.theme__label')).toBe('Theme: dark');
  await page.reload();
  await page.waitForSelector(LIVE);
  expect(await page.isChecked('input[name=theme][value=dark]')).toBe(true);
  await page.click('.theme__button');
  expect(await page.isChecked('input[name=theme][value=system]')).toBe(true);
  expect(troubles).toEqual([]);
  await page.context().close();
});
