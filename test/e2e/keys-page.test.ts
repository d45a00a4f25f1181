/** Keys on the Settings page over a whole Flow, in a real browser. What keys do: e2e/keys. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import { looksLikeKey } from '#src/keys/key-text.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const EVIL = '<img src=x onerror=alert(1)> {{7*7}}';

let browser: Browser;
let flow: RunningFlow;
beforeAll(async () => {
  browser = await openBrowser();
  flow = await startFlow();
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
});

async function open(options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const opened = await watchedPage(browser, options);
  await opened.page.goto(`${flow.url}/settings#keys`);
  if (options.javaScriptEnabled !== false) await opened.page.waitForSelector(LIVE);
  return opened;
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.goto(`${flow.url}/login?next=/settings`);
  await page.fill('input[name=key]', key);
  await page.press('input[name=key]', 'Enter');
  await page.waitForURL((url) => url.pathname === '/settings');
}

const keysNow = async () => (await flow.json('/api/keys')).body.keys as { id: string; name: string }[];

test('a key is made by keyboard, shown once, changed, and revoked in two steps', async () => {
  const { page, troubles } = await open();
  await page.waitForSelector('#settings-keys-list >> text=Nobody has a key');
  await page.focus('#settings-key-form > summary');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.type('laptop');
  await page.check('input[name=models][value=flow-demo]');
  await page.fill('#key-requests_per_minute', '30');
  await page.press('#key-requests_per_minute', 'Enter');
  await page.waitForSelector('.keys__made');
  const key = (await page.textContent('.keys__made code')) ?? '';
  expect(looksLikeKey(key)).toBe(true);
  expect((await fetch(`${flow.url}/v1/models`, { headers: { 'x-api-key': key } })).status).toBe(200);
  await page.waitForSelector('#settings-keys-list >> text=30 requests a minute');
  await page.reload();
  expect(await page.content()).not.toContain(key);
  await page.click('[aria-label="Change the key laptop"]');
  await page.waitForSelector('#key-name[value=laptop]');
  expect(await page.isChecked('input[name=models][value=flow-demo]')).toBe(true);
  await page.fill('#key-name', 'desk');
  await page.press('#key-name', 'Enter');
  await page.waitForSelector('#settings-keys-list >> text=desk');
  expect(await keysNow()).toMatchObject([{ name: 'desk', models: ['flow-demo'], requests_per_minute: 30 }]);
  await page.click('[aria-label="Revoke… the key desk"]');
  await page.click('[aria-label="Revoke for good: desk"]');
  await page.waitForSelector('#notice >> text=is revoked');
  await page.waitForSelector('#settings-keys-list >> text=Nobody has a key');
  expect((await fetch(`${flow.url}/v1/models`, { headers: { 'x-api-key': key } })).status).toBe(401);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what is wrong stands beside its field, with all that was typed', async () => {
  await flow.json('/api/keys', { name: 'taken' });
  const { page, troubles } = await open({ expects: [/^4(09|22) POST/] });
  await page.click('#settings-key-form > summary');
  await page.fill('#key-name', 'TAKEN');
  await page.fill('#key-tokens_per_day', '5000');
  await page.press('#key-name', 'Enter');
  await page.waitForSelector('#key-name-error');
  expect(await page.inputValue('#key-tokens_per_day')).toBe('5000');
  await page.fill('#key-name', 'other');
  await page.check('input[name=scopes][value=manage]');
  await page.check('input[name=models][value=flow-demo]');
  await page.press('#key-name', 'Enter');
  await page.waitForSelector('#key-models-error');
  expect(await axeViolations(page, '#keys')).toEqual([]);
  await page.uncheck('input[name=models][value=flow-demo]');
  await page.press('#key-name', 'Enter');
  await page.waitForSelector('.keys__made');
  for (const name of ['taken', 'other']) await flow.json(`/api/keys/${name}`, undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('an open page is told of keys that others make and revoke, and keeps what is typed', async () => {
  const { page, troubles } = await open();
  await page.click('#settings-key-form > summary');
  await page.fill('#key-name', 'half typ');
  await flow.json('/api/keys', { name: EVIL, scopes: ['read'] });
  await page.waitForSelector('#settings-keys-list >> text=onerror');
  expect(await page.inputValue('#key-name')).toBe('half typ');
  expect(await page.locator('#settings-keys-list img').count()).toBe(0);
  const [key] = await keysNow();
  await flow.json(`/api/keys/${key?.id}`, undefined, 'DELETE');
  await page.waitForSelector('#settings-keys-list >> text=Nobody has a key');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts keys are made and revoked too', async () => {
  const { page } = await open({ javaScriptEnabled: false });
  await page.click('#settings-key-form > summary');
  await page.fill('#key-name', 'plain');
  await page.click('text=Make the key');
  expect(looksLikeKey((await page.textContent('.keys__made code')) ?? '')).toBe(true);
  await page.click('[aria-label="Change the key plain"]');
  await page.fill('#key-name', 'plainer');
  await page.click('#settings-key-form button[type=submit]');
  await page.click('[aria-label="Revoke… the key plainer"]');
  await page.click('[aria-label="Revoke for good: plainer"]');
  await page.waitForSelector('text=Nobody has a key');
  expect(await keysNow()).toEqual([]);
  await page.context().close();
});

test('a key that may look sees every page, and what it may not do is told in a notice', async () => {
  const { body } = await flow.json('/api/keys', { name: 'viewer', scopes: ['read'] });
  const { page, troubles } = await watchedPage(browser, { expects: [/^403 POST/] });
  await signIn(page, String(body.secret));
  await page.waitForSelector('text=Signed in with the key “viewer”');
  await page.waitForSelector(LIVE);
  for (const path of ['/', '/models', '/chat', '/telemetry', '/logs']) {
    const answer = await page.goto(flow.url + path);
    expect([path, answer?.status()]).toEqual([path, 200]);
  }
  await page.goto(`${flow.url}/settings`);
  await page.waitForSelector(LIVE);
  await page.click('text=Look for newer versions');
  await page.waitForSelector('#notice >> text=The key "viewer" has the scope read; this needs the scope manage.');
  await page.click('text=Sign out');
  await page.waitForURL((url) => url.pathname === '/login');
  await page.goto(`${flow.url}/settings`);
  expect(await page.locator('text=Signed in').count()).toBe(0);
  await flow.json('/api/keys/viewer', undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a page that was opened with a key ends with it, and leads to the door where keys are asked for', async () => {
  const boss = (await flow.json('/api/keys', { name: 'boss', scopes: ['manage'] })).body;
  const temp = (await flow.json('/api/keys', { name: 'temp', scopes: ['read'] })).body;
  await flow.json('/api/settings', { require_key: true }, 'PATCH');
  const { page } = await watchedPage(browser);
  await signIn(page, String(temp.secret));
  await page.waitForSelector(LIVE);
  await flow.json('/api/keys/temp', undefined, 'DELETE');
  await page.waitForSelector('#connection:not([data-state=live])');
  await page.goto(`${flow.url}/settings`);
  expect(new URL(page.url()).pathname).toBe('/login');
  expect(boss.name).toBe('boss');
  await flow.json('/api/settings', { require_key: false }, 'PATCH');
  await flow.json('/api/keys/boss', undefined, 'DELETE');
  await page.context().close();
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`the keys are for everybody: ${colorScheme}, ${width} px`, async () => {
      await flow.json('/api/keys', { name: 'a computer with a rather long name', tokens_per_day: 1_000_000 });
      const { page, troubles } = await open({ colorScheme, width });
      await page.click('#settings-key-form > summary');
      await page.click('.keys__revoke > summary');
      expect(await axeViolations(page, '#keys')).toEqual([]);
      expect(await scrollsSideways(page)).toBe(false);
      expect(troubles).toEqual([]);
      const [key] = await keysNow();
      await flow.json(`/api/keys/${key?.id}`, undefined, 'DELETE');
      await until('it is gone', async () => (await keysNow()).length === 0);
      await page.context().close();
    });
  }
}
