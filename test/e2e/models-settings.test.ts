/** A model's settings over a whole Flow, in a real browser. List and loading: models; forms alone: test/pages. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const ROW = '#mine-flow_2d_demo';

let browser: Browser;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  const { executable, libraryPath } = realEngine();
  const environment = libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {};
  flow = await startFlow({ engine: executable, environment });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
});

async function openSettings(options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser, { expects: [/^422 /], ...options });
  await page.goto(`${flow.url}/models`);
  await page.waitForSelector(LIVE);
  await page.click(`${ROW} .menu > summary`);
  await page.click(`${ROW} .menu__items >> text=Settings`);
  await page.waitForSelector('#drawer[open] #settings-body');
  return { page, troubles };
}

async function config(): Promise<Record<string, unknown>> {
  const { body } = await flow.json('/api/models/flow-demo/config');
  return body.config as Record<string, unknown>;
}

test('sampling is saved by itself, told, and taken back', async () => {
  const { page, troubles } = await openSettings();
  await page.click('#settings-sampling > summary');
  await page.fill('#setting-behaviour-temperature', '0.35');
  await page.fill('#setting-behaviour-seed', '7');
  await page.click('[aria-label="Save: Sampling"]');
  await page.waitForSelector('#settings-sampling .section__said >> text=Saved.');
  expect(await config()).toMatchObject({ temperature: 0.35, seed: 7 });
  await page.click('#settings-sampling >> text=Undo');
  await page.waitForSelector('#settings-sampling >> text=Taken back.');
  expect(await config()).not.toHaveProperty('temperature');
  expect(await page.inputValue('#setting-behaviour-temperature')).toBe('');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what is wrong is told beside its field, and what was typed stays', async () => {
  const { page, troubles } = await openSettings();
  await page.click('#settings-template > summary');
  await page.fill('#setting-behaviour-chat_template_kwargs', '{"half": ');
  await page.click('[aria-label="Save: Chat template"]');
  await page.waitForSelector('#setting-behaviour-chat_template_kwargs-error');
  expect(await page.inputValue('#setting-behaviour-chat_template_kwargs')).toBe('{"half": ');
  await page.click('#settings-names > summary');
  await page.fill('#setting-aliases', 'my <b>model</b>\nother');
  await page.click('[aria-label="Save: Names"]');
  await page.waitForSelector('#settings-names >> text=Saved.');
  await page.keyboard.press('Escape');
  await page.waitForSelector(`${ROW} >> text=my <b>model</b>, other`);
  expect(await page.locator('main b').count()).toBe(0);
  await flow.json('/api/models/flow-demo/config', { aliases: [] }, 'PUT');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a preset is applied, changed, saved as one’s own, deleted and brought back', async () => {
  const { page, troubles } = await openSettings();
  await page.selectOption('#settings-preset', 'gemma4');
  await page.click('[aria-label="Apply the preset"]');
  await page.waitForSelector('#settings-presets >> text=Gemma 4 is applied.');
  expect(await page.inputValue('#setting-behaviour-top_k')).toBe('64');
  await page.fill('#settings-preset-name', 'gemma 4');
  await page.click('[aria-label="Save as a preset"]');
  await page.waitForSelector('#settings-preset-name-error');
  await page.fill('#settings-preset-name', 'Mine alone');
  await page.click('[aria-label="Save as a preset"]');
  await page.waitForSelector('#settings-presets >> text=Mine alone is kept');
  await page.fill('#settings-preset-rename', 'Mine at first');
  await page.click('[aria-label="Rename preset Mine alone"]');
  await page.waitForSelector('#settings-presets >> text=Mine alone is called Mine at first now.');
  await page.fill('#settings-preset-rename', 'Mine alone');
  await page.click('[aria-label="Rename preset Mine at first"]');
  await page.waitForSelector('[aria-label="Delete preset Mine alone"]');
  await page.click('[aria-label="Delete preset Mine alone"]');
  await page.waitForSelector('#settings-presets >> text=Mine alone is deleted');
  const names = async () => JSON.stringify((await flow.json('/api/presets')).body);
  expect(await names()).not.toContain('Mine alone');
  await page.click('[aria-label="Undo: bring the preset back"]');
  await page.waitForSelector('#settings-presets >> text=Mine alone is back.');
  expect(await names()).toContain('Mine alone');
  expect(await page.textContent('#settings-presets > summary')).toContain('Mine alone');
  await flow.json('/api/models/flow-demo/config', undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('an undone preset gives the settings back that stood before it', async () => {
  await flow.json('/api/models/flow-demo/config', undefined, 'DELETE');
  await flow.json('/api/models/flow-demo/config', { temperature: 0.11 }, 'PUT');
  const { page, troubles } = await openSettings();
  await page.selectOption('#settings-preset', 'glm');
  await page.click('[aria-label="Apply the preset"]');
  await page.waitForSelector('#settings-presets >> text=GLM is applied.');
  await page.click('#settings-presets >> text=Undo');
  await page.waitForSelector('#settings-presets >> text=Taken back.');
  expect(await config()).toMatchObject({ temperature: 0.11, preset: null });
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what a running model does not have yet is said, with the button that gives it', async () => {
  await flow.json('/api/models/flow-demo/load?wait=1', {});
  const { page, troubles } = await openSettings();
  await flow.json('/api/models/flow-demo/config', { launch: { n_parallel: 3 } }, 'PUT');
  await page.keyboard.press('Escape');
  await page.click(`${ROW} >> text=Restart to apply`);
  await page.waitForSelector(`${ROW} >> text=Restart to apply`, { state: 'detached' });
  await until('three slots', async () => {
    const { body } = await flow.json('/api/models/flow-demo/config');
    return JSON.stringify(body.load_params).includes('"n_parallel":3');
  });
  await flow.json('/api/models/flow-demo/unload', {});
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('the template is judged in words and shown; agents get the text with this model and address', async () => {
  const { page, troubles } = await openSettings();
  await page.click('#template-report-section > summary');
  await page.waitForSelector('#template-report >> text=can be talked to');
  expect(await page.textContent('#template-report pre')).toContain('{%');
  await page.click('#agent-setup-section > summary');
  await page.waitForSelector('#agent-setup >> text=flow connect claude --model flow-demo');
  await page.selectOption('#agent-choice', 'codex');
  await page.waitForSelector('#agent-setup >> text=flow connect codex --model flow-demo');
  expect(await page.textContent('#agent-setup')).toContain(`${flow.url}/v1`);
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('without scripts the settings are a page of their own', async () => {
  const { page } = await watchedPage(browser, { javaScriptEnabled: false });
  await page.goto(`${flow.url}/models/settings?model=flow-demo`);
  await page.click('#settings-sampling > summary');
  await page.fill('#setting-behaviour-min_p', '0.05');
  await page.click('[aria-label="Save: Sampling"]');
  await page.waitForURL(/models\/settings\?model=flow-demo/);
  expect(await page.inputValue('#setting-behaviour-min_p')).toBe('0.05');
  expect(await config()).toMatchObject({ min_p: 0.05 });
  await page.context().close();
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`axe finds nothing, nothing overflows: settings, ${colorScheme}, ${width} px`, async () => {
    const { page, troubles } = await openSettings({ colorScheme, width });
    await page.click('#template-report-section > summary');
    await page.waitForSelector('#template-report .report');
    await page.click('#agent-setup-section > summary');
    await page.waitForSelector('#agent-choice');
    await page.evaluate(() => {
      for (const section of document.querySelectorAll<HTMLDetailsElement>('#drawer details')) section.open = true;
    });
    expect(troubles).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await page.evaluate('document.querySelector("#drawer").scrollWidth <= window.innerWidth')).toBe(true);
    expect(await axeViolations(page, '#drawer')).toEqual([]);
    await page.context().close();
  });
}
