/**
 * A real Chromium for tests, found on this machine. Each page records what must not happen: dialogs, policy violations,
 * page errors, warnings and errors on the console, requests that fail. A test fails on any of it, whether it looks or
 * not (`preload.ts`); what it means to provoke it says in `expects`.
 */
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';
import { PageTroubles } from './page-troubles.ts';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Opens a browser, with further switches. Throws when there is none: `.ci/run` installs one. */
export async function openBrowser(switches: readonly string[] = []): Promise<Browser> {
  const wished = process.env.FLOW_TEST_CHROMIUM;
  const executablePath = [...(wished ? [wished] : []), ...PLACES].find((place) => existsSync(place));
  if (!executablePath) throw new Error('No Chromium found; set FLOW_TEST_CHROMIUM to its path.');
  return chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...switches],
  });
}

export type WatchedPage = {
  readonly page: Page;
  /** Everything that a healthy page never does, in words. */
  readonly troubles: string[];
};

export type PageOptions = {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
  readonly javaScriptEnabled?: boolean;
  /** Troubles that the test provokes, such as `/^422 /` for a form that is refused. */
  readonly expects?: readonly RegExp[];
};

/** What a page meets when its Flow stops: its requests and its live connection end, and new ones are refused. */
export const FLOW_AWAY: readonly RegExp[] = [
  /net::ERR_/,
  /WebSocket connection/,
  /htmx:sse:error/,
  /htmx:error/,
  /^503 /,
];

/** How long a page is waited for: a dozen of them on a busy machine of one core took more than half a minute. */
export const PAGE_MS_MAX = 90_000;

const troublesOf = new WeakMap<Page, PageTroubles>();

/** A new page in its own session. */
export async function watchedPage(browser: Browser, options: PageOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({
    colorScheme: options.colorScheme ?? 'dark',
    viewport: { width: options.width ?? 1440, height: 900 },
    javaScriptEnabled: options.javaScriptEnabled ?? true,
  });
  return pageIn(context, options.expects);
}

/** One more page of a session: pages of one browser share its connections, its cache and its storage. */
export async function pageIn(context: BrowserContext, expects: readonly RegExp[] = []): Promise<WatchedPage> {
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_MS_MAX);
  const troubles = new PageTroubles(expects);
  troublesOf.set(page, troubles);
  watch(page, troubles);
  return { page, troubles: troubles.list };
}

/** Says that a tool runs in the page that tries inline styles, which the policy refuses. */
export function allowProbe(page: Page): void {
  troublesOf.get(page)?.probe();
}

function watch(page: Page, troubles: PageTroubles): void {
  page.on('dialog', (dialog) => {
    troubles.note(`dialog: ${dialog.message()}`);
    void dialog.dismiss().catch(() => {});
  });
  page.on('pageerror', (error) => troubles.note(`page error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (!['error', 'warning'].includes(message.type())) return;
    // Told below, with the address.
    if (text.startsWith('Failed to load resource')) return;
    const isPolicy = /content security policy|violates/i.test(text);
    troubles.note(`${isPolicy ? 'policy' : message.type()}: ${text}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) troubles.note(`${response.status()} ${nameOf(response.request())}`);
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? 'no reason';
    // Given up by the page itself: it is left, or a newer question makes the older one needless.
    if (why !== 'net::ERR_ABORTED') troubles.note(`${why} ${nameOf(request)}`);
  });
}

function nameOf(request: Request): string {
  return `${request.method()} ${new URL(request.url()).pathname}`;
}
