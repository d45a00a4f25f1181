/**
 * Configurations of other programs taken over in the browser, on a whole Flow: seen, ticked, taken, taken back. What is
 * read of which file: test/imports.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';

const LIVE = '#connection[data-state=live]';
const RESULT = '#import-configuration';

let browser: Browser;
let home: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  home = mkdtempSync(join(tmpdir(), 'flow-configurations-'));
  const swap = join(home, '.config', 'llama-swap');
  mkdirSync(swap, { recursive: true });
  for (const name of ['one', 'two']) {
    await writeScriptedModel(join(home, `${name}.gguf`), { scripts: { only: `I am ${name}.` } });
  }
  const models = ['one', 'two'].map(
    (name) => `  ${name}: { cmd: llama-server -m ${home}/${name}.gguf -c 512, ttl: 77 }`,
  );
  const text = `models:\n${models.join('\n')}\n  gone: { cmd: llama-server -m /nowhere/at/all.gguf }\n`;
  writeFileSync(join(swap, 'config.yaml'), text);
  const environment = { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), OLLAMA_MODELS: join(home, 'none') };
  flow = await startFlow({ engine: null, environment });
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

async function open(options: PageOptions = {}): Promise<{ page: Page; troubles: string[] }> {
  const { page, troubles } = await watchedPage(browser, options);
  await page.goto(`${flow.url}/models/import`);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(LIVE);
  return { page, troubles };
}

const registered = async () => JSON.stringify((await flow.json('/api/models')).body);

test('what lies in its usual place is shown first, taken as ticked, and taken back', async () => {
  const { page, troubles } = await open();
  await page.click('#import-configurations >> text=Show what would be taken');
  await page.waitForSelector(`${RESULT} tr[data-outcome=new] >> nth=1`);
  expect(await page.textContent(`${RESULT} tr[data-outcome=left]`)).toContain('gone');
  expect(await page.textContent(RESULT)).toContain('ctx_size 512');
  expect(await registered()).not.toContain('one.gguf');
  await page.uncheck(`${RESULT} input[value$="two.gguf"]`);
  await page.click('text=Take what is ticked');
  await page.waitForSelector(`${RESULT} >> text="added"`);
  expect(await registered()).toContain('one.gguf');
  expect(await registered()).not.toContain('two.gguf');
  expect(await page.getAttribute(`${RESULT} tbody a`, 'href')).toBe('/models?q=one');
  await page.click(`${RESULT} >> text=Undo`);
  await page.waitForSelector('text=The import is taken back.');
  expect(await registered()).not.toContain('one.gguf');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what an import changed of a model that is there is restored by its undo', async () => {
  const path = join(home, 'two.gguf');
  const { page, troubles } = await open();
  await page.click('#import-configurations >> text=Show what would be taken');
  await page.click('text=Take what is ticked');
  await page.waitForSelector(`${RESULT} >> text="added"`);
  await flow.json('/api/models/two/config', { cooldown_s: 5, launch: { ctx_size: 1024 } }, 'PUT');
  await page.reload();
  await page.waitForSelector(LIVE);
  await page.click('#import-configurations >> text=Show what would be taken');
  await page.waitForSelector(`${RESULT} tr[data-outcome=unchanged]`);
  await page.waitForSelector(`${RESULT} tr[data-outcome=changed] >> text=two`);
  await page.click('text=Take what is ticked');
  await page.waitForSelector(`${RESULT} >> text="changed"`);
  const config = async () => (await flow.json('/api/models/two/config')).body.config;
  expect(await config()).toMatchObject({ cooldown_s: 77, launch: { ctx_size: 512 } });
  await page.click(`${RESULT} >> text=Undo`);
  await page.waitForSelector('text=The import is taken back.');
  expect(await config()).toMatchObject({ cooldown_s: 5, launch: { ctx_size: 1024 } });
  expect(await registered()).toContain(path);
  for (const id of ['one', 'two']) await flow.json(`/api/models/${id}?files=keep`, undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('a pasted text names neither files elsewhere nor variables; a chosen file fills the field', async () => {
  const inside = join(flow.dataDir, 'models', 'inside.gguf');
  await writeScriptedModel(inside, { scripts: { only: 'Inside.' } });
  const secret = join(home, 'secret.txt');
  writeFileSync(secret, 'a secret');
  const file = join(home, 'pasted.yaml');
  const lines = [
    `  outside: { cmd: llama-server -m ${home}/one.gguf }`,
    `  variable: { cmd: "llama-server -m /x/\${env.HOME}.gguf" }`,
    `  inside: { cmd: llama-server -m ${inside} --chat-template-file ${secret} }`,
    '  "<img src=x onerror=alert(1)>": { cmd: llama-server -m /nowhere.gguf }',
  ];
  writeFileSync(file, `models:\n${lines.join('\n')}\n`);
  const { page, troubles } = await open();
  await page.click('summary >> text=Paste one, or choose a file');
  await page.setInputFiles('#import-file', file);
  await page.waitForFunction(() =>
    document.querySelector<HTMLTextAreaElement>('#import-text')?.value.includes('inside'),
  );
  await page.click('.import__paste >> text=Show what would be taken');
  await page.waitForSelector(`${RESULT} tr[data-outcome=new]`);
  const said = (await page.textContent(RESULT)) ?? '';
  expect(said).toContain('outside the folders');
  expect(said).toContain('inside: chat template');
  expect(said).not.toContain(`/x${home}`);
  expect(await page.locator(`${RESULT} tr[data-outcome=new]`).count()).toBe(1);
  expect(await page.locator('main img').count()).toBe(0);
  await page.click('text=Take what is ticked');
  await page.waitForSelector(`${RESULT} >> text="added"`);
  expect((await flow.json('/api/models/inside/config')).body).not.toMatchObject({
    config: { launch: { chat_template_file: expect.any(String) } },
  });
  await flow.json('/api/models/inside?files=keep', undefined, 'DELETE');
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('what is no configuration is told in its place', async () => {
  const { page } = await open();
  await page.click('summary >> text=Paste one, or choose a file');
  await page.fill('#import-text', 'Dear Sir or Madam');
  await page.click('.import__paste >> text=Show what would be taken');
  await page.waitForSelector(`${RESULT} >> text=no llama-swap configuration`);
  await page.context().close();
});

test('without scripts, and by keys alone', async () => {
  const { page } = await open({ javaScriptEnabled: false });
  await page.focus('#import-configurations button');
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${RESULT} tr[data-outcome=new]`);
  await page.focus('text=Take what is ticked');
  await page.keyboard.press('Enter');
  await page.waitForSelector(`${RESULT} >> text=Undo`);
  await page.focus(`${RESULT} >> text=Undo`);
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=The import is taken back.');
  expect(await registered()).not.toContain('one.gguf');
  await page.context().close();
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
for (const { colorScheme, width } of VIEWS) {
  test(`axe finds nothing, nothing overflows: ${colorScheme}, ${width} px`, async () => {
    const { page, troubles } = await open({ colorScheme, width });
    await page.click('summary >> text=Paste one, or choose a file');
    await page.click('#import-configurations >> text=Show what would be taken');
    await page.waitForSelector(`${RESULT} tr[data-outcome=new]`);
    expect(troubles).toEqual([]);
    expect(await scrollsSideways(page)).toBe(false);
    expect(await axeViolations(page)).toEqual([]);
    await page.context().close();
  });
}
