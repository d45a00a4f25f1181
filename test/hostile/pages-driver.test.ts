/**
 * The watch itself: pages that show text without care are caught with each attack that works there, and a page that
 * escapes everything is not. What Flow's own pages do: the other pages*.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { escapeHtml } from '@kitajs/html';
import type { Browser } from 'playwright-core';
import { openBrowser } from '#test/support/browser.ts';
import { corpusFor, type Hostile } from './support/corpus.ts';
import { type Elsewhere, startElsewhere } from './support/elsewhere.ts';
import { type AttackedPage, attackedPage } from './support/watch.ts';

/** Ways to put text into a page, none of them right, each with words of an attack that works there. */
const SINKS: readonly (readonly [name: string, attack: string, show: (text: string) => string])[] = [
  ['text', '<img pwned src=/canary/', (text) => `<p>${text}</p>`],
  ['a quoted attribute', '" onmouseover="', (text) => `<p title="${text}">x</p>`],
  ['a singly quoted attribute', "' autofocus", (text) => `<p title='${text}'>x</p>`],
  ['an attribute without quotes', ' onfocus=alert(1) pwned', (text) => `<p title=${text}>x</p>`],
  ['the address of a link', 'JaVaScRiPt:', (text) => `<a href="${escapeHtml(text)}">x</a>`],
  ['the address of an image', '/canary/', (text) => `<img alt="" src="${escapeHtml(text.replace(/^[^/]*/, ''))}">`],
  ['text that is decoded twice', '&lt;img pwned', (text) => `<p>${text.replaceAll('&lt;', '<')}</p>`],
  ['a field', '</textarea>', (text) => `<textarea>${text}</textarea>`],
  ['a title', '</title>', (text) => `<title>${text}</title>`],
  ['a comment', '-->', (text) => `<!-- ${text} -->`],
  ['a program', '</script>', (text) => `<script>const name = "${text}";</script>`],
  ['what htmx reads', 'hx-get="/canary/', (text) => `<p title="${text}">x</p>`],
];
const CAREFUL = (text: string) => `<p title="${escapeHtml(text)}">${escapeHtml(text)}</p>`;

let browser: Browser;
let elsewhere: Elsewhere;
let server: ReturnType<typeof Bun.serve>;
let body = '';
beforeAll(async () => {
  browser = await openBrowser();
  elsewhere = startElsewhere();
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () =>
      new Response(`<!doctype html><link rel="icon" href="data:image/png;base64,AA=="><body>${body}`, {
        headers: { 'content-type': 'text/html; charset=utf-8' },
      }),
  });
});
afterAll(async () => {
  await browser.close();
  await server.stop(true);
  await elsewhere[Symbol.asyncDispose]();
});

const origin = () => `http://127.0.0.1:${server.port}`;

async function caught(watched: AttackedPage, markup: string): Promise<readonly string[]> {
  const before = watched.troubles.length;
  body = markup;
  await watched.page.goto(origin(), { waitUntil: 'domcontentloaded' });
  return (await watched.inspect()).slice(before);
}

test.each(SINKS)('%s without care is caught', async (_name, attack, show) => {
  await using watched = await attackedPage(browser, origin());
  const hostile = corpusFor('unsafe', elsewhere.origin).find(({ text }) => text.includes(attack));
  expect(hostile).toBeDefined();
  expect(await caught(watched, show(hostile?.text ?? ''))).not.toEqual([]);
});

test('every string with a branded element is caught where text is markup', async () => {
  // One leads the page away, so that nothing more can be asked of it; a body within a body is dropped.
  const all = corpusFor('one', elsewhere.origin).filter(({ text }) => !/http-equiv|<body/.test(text));
  const branded = all.filter(({ text }) => /^[^&%\\+"'`]*<[a-z-]+ pwned/.test(text));
  expect(branded.length).toBeGreaterThan(25);
  await using watched = await attackedPage(browser, origin());
  await caught(watched, '');
  const missed: Hostile[] = [];
  for (const hostile of branded) {
    const before = watched.troubles.length;
    await watched.page.evaluate((text) => {
      document.body.innerHTML = text;
    }, hostile.text);
    if ((await watched.inspect()).length === before) missed.push(hostile);
  }
  expect(missed).toEqual([]);
});

test('a dialog, a request elsewhere, a window, a frame and a page error are each told', async () => {
  await using watched = await attackedPage(browser, origin());
  const program = `alert('hi'); fetch('${elsewhere.origin}/x'); fetch('/canary/x'); window.pwned = 1; no.such.thing;`;
  const found = await caught(watched, `<script>${program}</script><iframe srcdoc="x"></iframe>`);
  for (const word of [
    'dialog: hi',
    `request: ${elsewhere.origin}/x`,
    '/canary/x',
    'page error',
    'window.pwned',
    'IFRAME',
  ])
    expect(found.join('\n').toLowerCase()).toContain(word.toLowerCase());
  expect(elsewhere.visits.length).toBeGreaterThan(0);
});

test('what is escaped is left alone, and seen as it was written', async () => {
  await using watched = await attackedPage(browser, origin());
  const corpus = corpusFor('safe', elsewhere.origin);
  expect(await caught(watched, corpus.map(({ text }) => CAREFUL(text)).join('\n'))).toEqual([]);
  expect(await watched.shown(corpus)).toEqual({ marked: corpus.length, whole: corpus.length });
  expect(await watched.shown([{ mark: 'nothing', text: 'nothing of the kind' }])).toEqual({ marked: 0, whole: 0 });
});
