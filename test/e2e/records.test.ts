/**
 * Telemetry and logs over a whole Flow and the real engine, in a real browser: a request is followed from the answer to
 * its record and to the lines of its moment. Everything else of both pages: test/browser.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';

let browser: Browser;
let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'flow-records-'));
  flow = await startFlow({ dataDir, engine: realEngine().executable });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function ask(): Promise<void> {
  const answer = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'e2e-agent' },
    body: JSON.stringify({ model: 'flow-demo', max_tokens: 8, messages: [{ role: 'user', content: 'Hello' }] }),
  });
  expect(answer.status).toBe(200);
  await answer.text();
}

test('a request is counted without a reload, tells its story, and leads to the logs of its moment', async () => {
  const { page, troubles } = await watchedPage(browser);
  await page.goto(`${flow.url}/telemetry?range=15m`);
  await page.waitForSelector(LIVE);
  await ask();
  await page.waitForSelector('.records tbody tr');
  expect(await page.locator('.records tbody tr').textContent()).toContain('e2e-agent');
  expect(await page.locator('#telemetry-marks').textContent()).toContain('flow-demo was loaded in');
  await page.click('.records tbody a');
  await page.waitForSelector('#drawer[open] .story');
  const story = await page.locator('#drawer').textContent();
  expect(story).toContain('/v1/chat/completions');
  expect(story).toContain('llama.cpp');
  await page.click('text=The logs of that moment');
  await page.waitForSelector(LIVE);
  expect(page.url()).toContain('source=flow-demo');
  expect(await page.locator('.log__line').count()).toBeGreaterThan(3);
  await page.click('.chip >> text=Everything');
  await page.waitForSelector('.log__source >> text=flow-demo');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('an unload is written down with its reason, and so is what memory was used for', async () => {
  const headers = { 'content-type': 'application/json' };
  await fetch(`${flow.url}/api/models/flow-demo/unload`, { method: 'POST', headers, body: '{"force":true}' });
  const { page } = await watchedPage(browser);
  await until('the mark', async () =>
    (await (await fetch(`${flow.url}/api/telemetry/marks`)).text()).includes('"unload"'),
  );
  await page.goto(`${flow.url}/telemetry?range=15m`);
  const marked = await page.locator('#telemetry-marks').textContent();
  expect(marked).toContain('flow-demo was unloaded by a person');
  expect(marked).toMatch(/Flow [\d.]+ started/);
  expect(await page.locator('#chart-memory').textContent()).toContain('other programs');
  expect(await (await fetch(`${flow.url}/metrics`)).text()).toContain('flow_model_ends_total{reason="user"} 1');
  await page.context().close();
});

test('the lines of an engine come while one looks, and go to a file', async () => {
  const { page } = await watchedPage(browser);
  await page.goto(`${flow.url}/logs?source=flow-demo`);
  await page.waitForSelector(LIVE);
  const before = await page.locator('.log__line').count();
  await ask();
  await page.waitForFunction((count) => document.querySelectorAll('.log__line').length > count, before);
  const file = await fetch(`${flow.url}/logs/download?source=flow-demo`);
  expect(file.headers.get('content-disposition')).toContain('attachment');
  expect((await file.text()).split('\n').length).toBeGreaterThan(before);
  await page.context().close();
});
