/**
 * `/settings/api`, the description of the API to read, in a real browser. What it says is held against the routes in
 * `test/api-description/describe.test.ts`; every page's frame: `dashboard-pages.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser } from 'playwright-core';
import { openBrowser, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const TRANSFERRED_BYTES_MAX = 100_000;
const CHAT = '#post_v1_chat_completions';

let flow: RunningFlow;
let browser: Browser;
beforeAll(async () => {
  [flow, browser] = await Promise.all([startFlow(), openBrowser()]);
}, 180_000);
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
});

describe('the page of the API', () => {
  test('is read, opened and filtered with the keyboard alone, and the address keeps the filter', async () => {
    const { page, troubles } = await watchedPage(browser);
    await page.goto(`${flow.url}/settings/api`);
    await page.locator('#api-filter').focus();
    await page.keyboard.type('chat/completions conversation');
    await page.waitForURL(/\?q=chat%2Fcompletions\+conversation$/);
    expect(await page.locator('.api-operation[data-find]:visible').count()).toBeLessThan(8);
    expect(await page.locator('#api-found').textContent()).toMatch(/^\d of 1\d\d$/);
    await page.locator(`${CHAT} > summary`).focus();
    await page.keyboard.press('Enter');
    await page.locator(`${CHAT} .api-table`).first().waitFor();
    expect(await page.locator(`${CHAT} .copyable__text`).textContent()).toContain(`curl '${flow.url}/v1/chat`);
    await page.locator('#api-filter').fill('no such thing');
    await page.locator('#api-nothing').waitFor();
    expect(troubles).toEqual([]);
    await page.close();
  }, 180_000);

  test('a link to a shape opens it, also from elsewhere', async () => {
    const { page } = await watchedPage(browser);
    await page.goto(`${flow.url}/settings/api${CHAT}`);
    await until('the operation is open', () => page.locator(`${CHAT}[open]`).count());
    await page.locator(`${CHAT} a[href="#shape-ChatAnswer"]`).first().click();
    await until('the shape is open', () => page.locator('#shape-ChatAnswer[open]').count());
    await page.close();
  }, 180_000);

  test('without scripts the server filters, and every operation opens', async () => {
    const { page } = await watchedPage(browser, { javaScriptEnabled: false });
    await page.goto(`${flow.url}/settings/api?q=trash`);
    expect(await page.locator('.api-operation[data-find]:visible').count()).toBe(2);
    await page.locator('#get_api_trash > summary').click();
    await page.locator('#get_api_trash a').click();
    expect(page.url()).toEndWith('?open=get_api_trash#get_api_trash');
    // The address is there before the page is.
    await page.locator('#get_api_trash .copyable').waitFor();
    await page.close();
  }, 180_000);

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 360],
    ['dark', 360],
  ] as const)(
    'is clear in %s at %i px, opened and closed',
    async (colorScheme, width) => {
      const { page } = await watchedPage(browser, { colorScheme, width });
      await page.goto(`${flow.url}/settings/api`);
      for (const id of [CHAT, '#put_api_settings', '#get_api_telemetry']) {
        await page.locator(`${id} > summary`).click();
        await page.locator(`${id} .copyable`).waitFor();
      }
      expect(await axeViolations(page)).toEqual([]);
      expect(await scrollsSideways(page)).toBeFalse();
      await page.close();
    },
    180_000,
  );

  test('is light', async () => {
    const { page } = await watchedPage(browser);
    const weight = await weigh(page);
    await page.goto(`${flow.url}/settings/api`, { waitUntil: 'load' });
    expect(weight.bytes()).toBeLessThan(TRANSFERRED_BYTES_MAX);
    await page.close();
  }, 180_000);

  test('settings lead to it', async () => {
    expect(await (await fetch(`${flow.url}/settings`)).text()).toContain('href="/settings/api"');
  });
});
