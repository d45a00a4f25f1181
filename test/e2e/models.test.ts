/**
 * The models' page over a whole Flow and the real engine, in a real browser: find, load with settings of one's own,
 * unload, remove and bring back. Filters and orders alone: test/pages/models; the settings drawer: models-settings.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const ROW = '#mine-flow_2d_demo';

let browser: Browser;
let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'flow-models-'));
  const { executable, libraryPath } = realEngine();
  const engine = join(dataDir, 'llama-server');
  const libraries = libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'` : '';
  // A little late, so that a start can be seen.
  const late = '[ "$1" = --version ] || sleep 0.4';
  writeFileSync(engine, `#!/bin/sh\n${libraries}\n${late}\nexec '${executable}' "$@"\n`);
  chmodSync(engine, 0o755);
  flow = await startFlow({ dataDir, engine });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

async function open(path = '/models', options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser, { expects: [/^422 /], ...options });
  await page.goto(flow.url + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(LIVE);
  return { page, troubles };
}

async function openDrawer(page: Page, item: string): Promise<void> {
  await page.click(`${ROW} .menu > summary`);
  await page.click(`${ROW} .menu__items >> text=${item}`);
  await page.waitForSelector('#drawer[open]');
}

const phase = async () => {
  const { body } = await flow.json('/api/fleet');
  return JSON.stringify(body).match(/"phase":"(\w+)"/)?.[1] ?? 'idle';
};

test('programs get the listing of llama.cpp’s router where browsers get the page', async () => {
  const { body } = await flow.json('/models');
  expect(body.object).toBe('list');
  const page = await fetch(`${flow.url}/models`, { headers: { accept: 'text/html,*/*' } });
  expect(await page.text()).toContain('<h1');
});

test('a model is loaded with a context of one’s own, seen through its states, and unloaded with undo', async () => {
  const { page, troubles } = await open();
  await openDrawer(page, 'Load with…');
  await page.waitForSelector('#load-outlook .outlook__head');
  const before = await page.textContent('#load-outlook');
  await page.fill('#load-ctx_size', '4096');
  await page.waitForFunction(() => document.querySelector('#load-outlook')?.textContent?.includes('4,096 tokens'));
  expect(await page.textContent('#load-outlook')).not.toBe(before);
  expect(await page.textContent('#load-outlook .outlook__command')).toContain('--ctx-size 8192');
  await page.click('#load-form >> text="Load"');
  await page.waitForSelector('#drawer', { state: 'hidden' });
  await page.waitForSelector(`${ROW}[data-phase=starting]`);
  await page.waitForSelector(`${ROW}[data-phase=ready]`);
  expect(await page.textContent(`${ROW} .mine__wide >> nth=2`)).toBe('4.1 k');
  await page.click(`${ROW} >> text=Unload`);
  await page.waitForSelector(`${ROW}[data-phase=idle]`);
  await page.click('#notice >> text=Undo');
  await page.waitForSelector(`${ROW}[data-phase=ready]`);
  await page.click(`${ROW} >> text=Unload`);
  await page.waitForSelector(`${ROW}[data-phase=idle]`);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what is remembered is the form’s value the next time; a wrong value is told beside its field', async () => {
  const { page, troubles } = await open();
  await openDrawer(page, 'Load with…');
  await page.waitForSelector('#load-outlook .outlook__head');
  await page.fill('#load-n_parallel', '3');
  await page.click('summary >> text=Extra arguments');
  await page.fill('#load-extra_args', '--model\n/etc/passwd');
  await page.click('text=Load and remember');
  await page.waitForSelector('#load-form .field__error');
  expect(await page.inputValue('#load-n_parallel')).toBe('3');
  expect(await phase()).toBe('idle');
  await page.fill('#load-extra_args', '');
  await page.click('text=Load and remember');
  await page.waitForSelector('#drawer', { state: 'hidden' });
  await page.waitForSelector(`${ROW}[data-phase=ready]`);
  await openDrawer(page, 'Load with…');
  expect(await page.inputValue('#load-n_parallel')).toBe('3');
  expect(await page.textContent('#load-n_parallel-effect')).toContain('Chosen for this model.');
  await page.keyboard.press('Escape');
  await page.click(`${ROW} >> text=Unload`);
  await page.waitForSelector(`${ROW}[data-phase=idle]`);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a try shows the load where it was asked for, with the log, also when it fails', async () => {
  const { page, troubles } = await open();
  await openDrawer(page, 'Load with…');
  await page.waitForSelector('#load-outlook .outlook__head');
  await page.fill('#load-ctx_size', '512');
  await page.click('#load-outlook >> text=Use the largest context that fits');
  await page.waitForFunction(() => document.querySelector<HTMLInputElement>('#load-ctx_size')?.value !== '512');
  await page.waitForSelector('#load-outlook >> text=Use the largest context that fits', { state: 'detached' });
  const cache = page.locator('#load-outlook button', { hasText: 'Cache as q8_0' });
  await cache.click();
  expect(await page.inputValue('#load-cache_type_k')).toBe('q8_0');
  expect(await page.inputValue('#load-cache_type_v')).toBe('q8_0');
  await page.click('#load-outlook button:has-text("Cache as f16")');
  await page.click('#load-form >> text=Try: load, and watch');
  await page.waitForSelector('#load-trial .trial[data-phase=ready]');
  expect(await page.textContent('.trial__lines')).not.toBe('');
  expect(await page.locator('#drawer[open]').count()).toBe(1);
  await flow.json('/api/models/flow-demo/unload', {});
  await page.waitForSelector('#load-trial .trial[data-phase=idle]');
  await page.click('summary >> text=Extra arguments');
  await page.fill('#load-extra_args', '--override-kv\ngeneral.architecture=str:nonsense');
  await page.click('#load-form >> text=Try: load, and watch');
  await page.waitForSelector('#load-trial .trial[data-phase=failed]');
  expect(await page.inputValue('#load-extra_args')).toContain('nonsense');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a filter narrows the list, stands in the address and outlives live updates and a reload', async () => {
  const { page, troubles } = await open();
  await page.keyboard.press('/');
  await page.keyboard.type('no such');
  await page.waitForSelector('text=None of your models is like that');
  expect(page.url()).toContain('q=no+such');
  await flow.json('/api/models/flow-demo/config', { is_pinned: true }, 'PUT');
  await page.waitForResponse((response) => response.url().includes('/models/rows?q=no'));
  expect(await page.inputValue('#mine-q')).toBe('no such');
  expect(await page.locator(ROW).count()).toBe(0);
  await page.fill('#mine-q', 'demo');
  await page.waitForSelector(ROW);
  expect(await page.textContent(ROW)).toContain('pinned');
  await page.reload();
  expect(await page.inputValue('#mine-q')).toBe('demo');
  await flow.json('/api/models/flow-demo/config', { is_pinned: false }, 'PUT');
  await page.waitForSelector(`${ROW} >> text=pinned`, { state: 'detached' });
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a model is removed and brought back, here and in another open page', async () => {
  const { page, troubles } = await open();
  const other = await open();
  await page.click(`${ROW} .menu > summary`);
  await page.click(`${ROW} .menu__items >> text=Delete,`);
  await page.waitForSelector('text=No model yet');
  await other.page.waitForSelector('text=No model yet');
  await page.click('#notice >> text=Undo');
  await page.waitForSelector(ROW);
  await other.page.waitForSelector(ROW);
  expect([...troubles, ...other.troubles]).toEqual([]);
  await page.context().close();
  await other.page.context().close();
});

test('by the keyboard alone: load, and open what else can be done', async () => {
  const { page } = await open();
  await page.focus(`${ROW} button[aria-label="Load Flow Demo"]`);
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${ROW}[data-phase=ready]`);
  await page.focus(`${ROW} .menu > summary`);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#drawer[open]');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('drawer-title');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#drawer', { state: 'hidden' });
  await flow.json('/api/models/flow-demo/unload', {});
  await until('the demo unloaded', async () => (await phase()) === 'idle');
  await page.context().close();
});

test('without scripts there is the list, the filter and the form', async () => {
  const { page } = await open('/models?q=demo', { javaScriptEnabled: false });
  expect(await page.locator(ROW).count()).toBe(1);
  await page.click(`${ROW} .menu > summary`);
  await page.click(`${ROW} .menu__items >> text=Load with…`);
  await page.waitForSelector('#load-form');
  await page.fill('#load-ctx_size', '2048');
  await page.click('#load-form >> text="Load"');
  await page.waitForURL(`${flow.url}/models`);
  await until('the demo loaded', async () => (await phase()) === 'ready');
  await flow.json('/api/models/flow-demo/unload', {});
  await page.context().close();
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`axe finds nothing, nothing overflows: list and load form, ${colorScheme}, ${width} px`, async () => {
    const { page, troubles } = await open('/models', { colorScheme, width });
    expect(await scrollsSideways(page)).toBe(false);
    await page.click(`${ROW} .menu > summary`);
    expect(troubles).toEqual([]);
    expect(await axeViolations(page)).toEqual([]);
    await page.click(`${ROW} .menu__items >> text=Load with…`);
    await page.waitForSelector('#load-outlook .outlook__head');
    await page.evaluate(() => {
      for (const section of document.querySelectorAll<HTMLDetailsElement>('#drawer details')) section.open = true;
    });
    expect(await axeViolations(page, '#drawer')).toEqual([]);
    await page.context().close();
  });
}
