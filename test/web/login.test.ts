/** Signing in with a real browser, as people do: by a form, with and without scripts. The rules: guard.test.ts. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { networkInterfaces } from 'node:os';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';

const KEY = 'flow_sk_of_the_login_test';
let flow: RunningFlow;
let browser: Browser;

beforeAll(async () => {
  flow = await startFlow({ flags: ['--host', '0.0.0.0', '--api-key', KEY] });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await flow?.[Symbol.asyncDispose]();
});

/** An address of this machine that a browser does not trust as it does loopback; null on a machine without network. */
function lanAddress(): string | null {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? null;
}

async function signIn(host: string, key: string, javaScriptEnabled: boolean): Promise<{ url: string; status: number }> {
  const context = await browser.newContext({ javaScriptEnabled });
  const page = await context.newPage();
  await page.goto(`http://${host}:${new URL(flow.url).port}/`);
  await page.fill('input[name=key]', key);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.press('input[name=key]', 'Enter'),
  ]);
  if (answer.status() === 303) await page.waitForURL((url) => url.pathname === '/');
  const url = page.url();
  await context.close();
  return { url, status: answer.status() };
}

for (const hasScripts of [true, false]) {
  test(`the key opens the dashboard on loopback ${hasScripts ? 'with' : 'without'} scripts`, async () => {
    const { url, status } = await signIn('localhost', KEY, hasScripts);
    expect(status).toBe(303);
    expect(new URL(url).pathname).toBe('/');
  });
}

test('the key opens it on a LAN address too, where browsers send no Sec-Fetch-Site', async () => {
  const host = lanAddress();
  if (host === null) return;
  expect((await signIn(host, KEY, false)).status).toBe(303);
});

test('a wrong key opens nothing', async () => {
  expect((await signIn('localhost', 'not the key', false)).status).toBe(401);
});
