/**
 * S-27, S-30, S-31: what stands in an address and comes back on a page, on every route that answers with markup, also
 * when it refuses; the headers of all of these; frames and windows of others. The headers alone: headers.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Page } from 'playwright-core';
import { attackedPage } from './support/watch.ts';
import { openWorld, type World } from './support/world.ts';

const KEY = 'flow-key-of-this-test';
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
];
/** Addresses with a place for a string; the longest that each takes. */
const REFLECTING: readonly (readonly [address: string, lengthMax: number])[] = [
  ['/models?q=@', 200],
  ['/models?state=@&format=@&can=@&sort=@', 200],
  ['/models/rows?q=@', 200],
  ['/models/get?q=@&author=@', 90],
  ['/models/get?repo=@', 200],
  ['/models/get/model?repo=@', 200],
  ['/models/load?model=@', 200],
  ['/models/settings?model=@', 200],
  ['/models/template?model=@', 200],
  ['/models/agent?model=@', 200],
  ['/chat?q=@&deleted=@', 40],
  ['/chat/search?q=@', 200],
  ['/chat/@', 60],
  ['/telemetry?model=@&client=@', 60],
  ['/telemetry?range=@', 60],
  ['/logs?source=@&q=@', 200],
  ['/logs?file=@', 150],
  ['/logs?at=@', 40],
  ['/logs/lines?source=@', 200],
  ['/settings?q=@', 200],
  ['/settings/field/@', 60],
  ['/settings/agents/@', 60],
  ['/palette?q=@', 100],
  ['/login?next=@', 500],
  ['/@', 200],
];

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 180_000);
afterAll(() => world?.[Symbol.asyncDispose]());

/** Every string at every place of one address, as markup that is parsed and looked through, but not run. */
function parsedAt(
  page: Page,
  addresses: readonly string[],
  headers: Record<string, string>,
): Promise<readonly string[]> {
  return page.evaluate(
    async ([all, sent]) => {
      const found: string[] = [];
      const look = async (address: string): Promise<void> => {
        const answer = await fetch(address, { headers: sent });
        const type = answer.headers.get('content-type') ?? '';
        const text = await answer.text();
        if (answer.status >= 500) found.push(`${address} ${answer.status}`);
        if (!type.includes('html')) return;
        const parsed = new DOMParser().parseFromString(text, 'text/html');
        const branded = [...parsed.querySelectorAll('*')].filter(({ attributes }) =>
          [...attributes].some(({ name }) => /pwned|^on/i.test(name)),
        );
        const strange = parsed.querySelectorAll('iframe, object, embed, base, math, marquee, script:not([src])');
        for (const element of [...branded, ...strange]) found.push(`${address} ${element.outerHTML.slice(0, 200)}`);
        if (!answer.headers.get('content-security-policy')?.includes("default-src 'none'"))
          found.push(`${address} no policy`);
      };
      for (let first = 0; first < all.length; first += 6) await Promise.all(all.slice(first, first + 6).map(look));
      return found;
    },
    [addresses, headers] as const,
  );
}

const put = (address: string, text: string, lengthMax: number): string =>
  address.replaceAll('@', encodeURIComponent(text.slice(0, lengthMax).toWellFormed()));

test.each(REFLECTING)('S-27: %s says back what it was given as text, whole and in part', async (address, lengthMax) => {
  await using attacked = await attackedPage(world.browser, world.flow.url, { expects: [400, 404, 409, 422] });
  // A page without scripts of its own, so that only what is asked here happens.
  await attacked.page.goto(`${world.flow.url}/no-such-page`);
  // Half of them for each address, the other half for its neighbours.
  const parity = REFLECTING.findIndex(([one]) => one === address) % 2;
  const strings = world.corpus('address').filter((_, index) => index % 2 === parity);
  const addresses = strings.map(({ text }) => put(address, text, lengthMax));
  const html = { accept: 'text/html' };
  expect(await parsedAt(attacked.page, addresses, html)).toEqual([]);
  const some = addresses.filter((_, index) => index % 5 === 0);
  expect(await parsedAt(attacked.page, some, { ...html, 'hx-request': 'true' })).toEqual([]);
  // And a few as pages, with all that runs on them.
  const attacks = ['"><img', '</title>', "' hx-get"].map((start) =>
    world.corpus('address').find(({ text }) => text.includes(start)),
  );
  for (const attack of attacks.slice(0, address.startsWith('/models/get') ? 1 : 3)) {
    await attacked.page.goto(world.flow.url + put(address, attack?.text ?? '', lengthMax));
  }
  expect(await attacked.inspect()).toEqual([]);
});

test('S-30: every page, and every refusal, has the policy, and nothing breaks it', async () => {
  const { body } = await world.flow.json('/api/models');
  expect(body).toBeDefined();
  await using attacked = await attackedPage(world.browser, world.flow.url, { expects: [404] });
  const seen = new Set<string>(['/', '/login', '/no-such-page', '/models/get', '/models/import', '/models/downloads']);
  for (const path of seen) {
    const answer = await attacked.page.goto(world.flow.url + path, { waitUntil: 'domcontentloaded' });
    const headers = answer?.headers() ?? {};
    for (const part of CSP) expect(`${path} ${headers['content-security-policy']}`).toContain(part);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toMatch(/^(?:no-referrer|same-origin)$/);
    expect(headers['cross-origin-opener-policy']).toBe('same-origin');
    const links = await attacked.page
      .locator('a[href^="/"]')
      .evaluateAll((all) =>
        all.map((link) => (link instanceof HTMLAnchorElement && !link.download ? link.pathname + link.search : '')),
      );
    const pages = links.filter((link) => link !== '' && !/export|download|public/.test(link));
    // Each kind once: conversations, requests and models look alike.
    for (const link of pages) if (seen.size < 40) seen.add(link);
  }
  expect(seen.size).toBeGreaterThan(9);
  expect(await attacked.inspect()).toEqual([]);
}, 180_000);

test('S-31: no page can be framed by another, nor held by one that opened it', async () => {
  const frames = ['/', '/settings', '/login', '/no-such-page'].map(
    (path) => `<iframe src="${world.flow.url}${path}"></iframe>`,
  );
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => new Response(`<!doctype html>${frames.join('')}`, { headers: { 'content-type': 'text/html' } }),
  });
  try {
    const context = await world.browser.newContext();
    const page = await context.newPage();
    await page.goto(`http://127.0.0.1:${server.port}`);
    for (const frame of page.frames().slice(1)) {
      const text = await frame.evaluate(() => document.body?.textContent ?? '').catch(() => '');
      expect(text).not.toContain('Flow');
      expect(frame.url()).not.toContain(world.flow.url);
    }
    expect(page.frames().length).toBe(frames.length + 1);
    await page.evaluate((url) => {
      Object.assign(window, { held: window.open(url) });
    }, world.flow.url);
    const opened = await context.waitForEvent('page', { timeout: 5_000 }).catch(() => context.pages().at(-1));
    await opened?.waitForLoadState('domcontentloaded');
    const isHeld = await page.evaluate(() => {
      const { held }: { held?: Window } = Object(window);
      return held !== undefined && !held.closed && held.length >= 0 && held.closed === false;
    });
    expect(isHeld).toBe(false);
    await context.close();
  } finally {
    await server.stop(true);
  }
});

test('S-27: who signs in wrongly, or is to go elsewhere afterwards, stays here', async () => {
  await using locked = await openWorld({ environment: { FLOW_API_KEY: KEY } });
  await using attacked = await attackedPage(locked.browser, locked.flow.url, { expects: [401] });
  for (const next of [
    `${locked.elsewhere.origin}/canary`,
    '//evil.invalid',
    '/\\evil.invalid',
    'javascript:alert(1)',
  ]) {
    await attacked.page.goto(`${locked.flow.url}/login?next=${encodeURIComponent(next)}`);
    await attacked.page.fill('input[name=key]', '"><img pwned src=/canary/key>');
    await attacked.page.press('input[name=key]', 'Enter');
    await attacked.page.waitForSelector('[role=alert]');
    expect(await attacked.inspect()).toEqual([]);
  }
  await attacked.page.fill('input[name=key]', KEY);
  await attacked.page.press('input[name=key]', 'Enter');
  await attacked.page.waitForSelector('#connection[data-state=live]');
  expect(new URL(attacked.page.url()).origin).toBe(locked.flow.url);
  expect(await attacked.inspect()).toEqual([]);
  expect(locked.elsewhere.visits).toEqual([]);
}, 180_000);
