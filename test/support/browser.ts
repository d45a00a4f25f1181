/**
 * A real Chromium for tests, found on this machine. Each page records what must not happen: dialogs, policy violations,
 * page errors.
 */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Opens a browser. Throws when there is none: `.ci/run` installs one. */
export async function openBrowser(): Promise<Browser> {
  const wished = process.env.FLOW_TEST_CHROMIUM;
  const executablePath = [...(wished ? [wished] : []), ...PLACES].find((place) => existsSync(place));
  if (!executablePath) throw new Error('No Chromium found; set FLOW_TEST_CHROMIUM to its path.');
  return chromium.launch({
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
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
};

/** A new page in its own session. */
export async function watchedPage(browser: Browser, options: PageOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({
    colorScheme: options.colorScheme ?? 'dark',
    viewport: { width: options.width ?? 1440, height: 900 },
    javaScriptEnabled: options.javaScriptEnabled ?? true,
  });
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('pageerror', (error) => troubles.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (/content security policy|violates/i.test(message.text())) troubles.push(`policy: ${message.text()}`);
  });
  return { page, troubles };
}
