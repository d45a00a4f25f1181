/** A browser page under attack: what it does that no page may do is written down, whoever made it do so. */
import type { Browser, ConsoleMessage, Page } from 'playwright-core';
import { PAGE_MS_MAX } from '#test/support/browser.ts';
import type { Hostile } from './corpus.ts';
import { type Allowed, plantedIn, wordsOf } from './planted.ts';

export type AttackedPage = AsyncDisposable & {
  readonly page: Page;
  /** What it did so far. */
  readonly troubles: readonly string[];
  /** The same, and what its document holds now that is not ours. */
  inspect(allowed?: Partial<Allowed>): Promise<readonly string[]>;
  /** How much of what was planted it shows. */
  shown(planted: readonly Hostile[]): Promise<Shown>;
};

export type Shown = {
  /** Strings whose mark is there. */
  readonly marked: number;
  /** Of those, the ones that are there letter by letter, apart from white space and what does not show. */
  readonly whole: number;
};

export type WatchOptions = {
  /** Statuses of answers that this page is meant to get; the browser reports each as an error. */
  readonly expects?: readonly number[];
};

const STATUS = /Failed to load resource: the server responded with a status of (\d+)/;

/** A page in a session of its own. `origin` is the only place it may ask. */
export async function attackedPage(
  browser: Browser,
  origin: string,
  { expects = [] }: WatchOptions = {},
): Promise<AttackedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: false });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_MS_MAX);
  const troubles: string[] = [];
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => troubles.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    const trouble = troubleOf(message, expects);
    if (trouble !== null) troubles.push(trouble);
  });
  page.on('popup', (opened) => troubles.push(`window: ${opened.url()}`));
  page.on('download', (download) => troubles.push(`download: ${download.url()}`));
  page.on('framenavigated', (frame) => {
    if (frame !== page.mainFrame()) troubles.push(`frame: ${frame.url()}`);
  });
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'data:' || url.protocol === 'blob:') return;
    if (url.origin !== origin || url.pathname.startsWith('/canary')) troubles.push(`request: ${request.url()}`);
  });
  return {
    page,
    troubles,
    inspect: async ({ linked = 'own' } = {}) => [...troubles, ...(await page.evaluate(plantedIn, { linked }))],
    shown: async (planted) => {
      const words = plain(await page.evaluate(wordsOf));
      const marked = planted.filter(({ mark }) => words.includes(mark));
      return { marked: marked.length, whole: marked.filter(({ text }) => words.includes(plain(text))).length };
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

function troubleOf(message: ConsoleMessage, expects: readonly number[]): string | null {
  const text = message.text();
  const status = STATUS.exec(text)?.[1];
  if (status !== undefined && expects.includes(Number(status))) return null;
  const isTrouble = message.type() === 'error' || /content security policy|violates|refused to/i.test(text);
  return isTrouble ? `console: ${text} (${message.location().url.slice(0, 300)})` : null;
}

/** White space, controls and marks that do not show aside: names lose them, lines are wrapped. */
function plain(text: string): string {
  return text.replace(/[\s\p{C}\ufffd]+/gu, '');
}
