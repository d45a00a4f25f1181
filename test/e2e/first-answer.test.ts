/**
 * The first run, from an empty home to the first answer, in a real browser over a whole Flow: the engine comes from a
 * release host on loopback, the model from a hub on loopback, and a client asks. It prints how long each step took.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type FakeReleases, fakeReleases, goodArchive, type Misbehaviour } from '../engines/support/fake-releases.ts';
import { openBrowser, type PageOptions, watchedPage } from '../support/browser.ts';
import { type FakeHub, startFakeHub } from '../support/fake-hub.ts';
import { axeViolations, scrollsSideways } from '../support/page-checks.ts';
import { type RunningFlow, startFlow } from '../support/running-flow.ts';
import { writeScriptedModel } from '../support/scripted-model.ts';
import { realProgram } from '../upgrades/support/update-house.ts';

const LIVE = '#connection[data-state=live]';
const [ENGINE, MODEL, CONNECT] = ['#setup-engine', '#setup-model', '#setup-connect'] as const;
const SMALL = 'unsloth/Qwen3.5-4B-GGUF';
const FILE = 'Qwen3.5-4B-Q4_K_M.gguf';
/** What the guide offers to a machine with 8 GB for models. */
const OFFERED = [
  [SMALL, FILE],
  ['unsloth/Qwen3.5-9B-GGUF', 'Qwen3.5-9B-Q4_K_M.gguf'],
  ['bartowski/Qwen2.5-Coder-7B-Instruct-GGUF', 'Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf'],
] as const;
/** The system's tools and Bun only, so that no llama-server of the machine is found by chance. */
const SYSTEM_PATH = [dirname(process.execPath), '/usr/bin', '/bin'].join(':');
const NOWHERE = 'http://127.0.0.1:9';

let browser: Browser;
let archive: Uint8Array;
let model: Uint8Array;
let hub: FakeHub;

beforeAll(async () => {
  browser = await openBrowser();
  archive = await goodArchive(realProgram());
  const folder = mkdtempSync(join(tmpdir(), 'flow-first-'));
  await writeScriptedModel(join(folder, FILE), { scripts: { plain: 'The first answer of this machine.' } });
  model = await Bun.file(join(folder, FILE)).bytes();
  rmSync(folder, { recursive: true });
  hub = await startFakeHub(OFFERED.map(([id, path]) => ({ id, files: [{ path, bytes: model }] })));
});
afterAll(async () => {
  await browser.close();
  await hub[Symbol.asyncDispose]();
});

type House = AsyncDisposable & { readonly flow: RunningFlow; readonly home: string };

/** A Flow on an empty home: no engine, no models but the demo. */
async function newHouse(misbehaviour: Misbehaviour = {}, environment: Record<string, string> = {}): Promise<House> {
  const home = mkdtempSync(join(tmpdir(), 'flow-new-home-'));
  const releases: FakeReleases = fakeReleases(archive, misbehaviour);
  const dataDir = join(home, '.flow');
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ memory_limit_gb: 8 }), { mode: 0o600 });
  const offline = { PIP_INDEX_URL: NOWHERE, PIP_NO_INDEX: '1', PIP_RETRIES: '0', PIP_CONFIG_FILE: '/dev/null' };
  const flow = await startFlow({
    dataDir,
    engine: null,
    environment: {
      ...{ PATH: SYSTEM_PATH, HOME: home, HF_ENDPOINT: hub.url, FLOW_ENGINE_RELEASES_URL: releases.url },
      ...offline,
      ...environment,
    },
  });
  return {
    flow,
    home,
    async [Symbol.asyncDispose]() {
      // A page that is open when its Flow goes has troubles of its own.
      for (const context of browser.contexts()) await context.close();
      await flow[Symbol.asyncDispose]();
      releases[Symbol.dispose]();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function open({ flow }: House, path: string, options: PageOptions = {}) {
  const { page, troubles } = await watchedPage(browser, options);
  await page.goto(flow.url + path);
  if (options.javaScriptEnabled !== false) await page.waitForSelector(LIVE);
  return { page, troubles };
}

const reached = (page: Page, step: string, state: string) => page.waitForSelector(`${step}[data-state=${state}]`);

async function ask({ flow }: House, client: string): Promise<number> {
  const response = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': `${client}/1.0` },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 60, model: modelOf(flow) }),
  });
  await response.text();
  return response.status;
}

const modelOf = (flow: RunningFlow): string => asked.get(flow) ?? 'flow-demo';
const asked = new Map<RunningFlow, string>();

describe('from an empty home to the first answer', () => {
  test('by mouse: engine, model, agent, each one click, live, and measured', async () => {
    await using house = await newHouse();
    const { page, troubles } = await open(house, '/');
    await page.click('.first-steps >> text=Set up Flow');
    await page.waitForSelector(LIVE);
    expect(await page.textContent('h1')).toBe('Set-up');
    await reached(page, ENGINE, 'open');
    await page.click('text="Install llama.cpp"');
    await reached(page, ENGINE, 'done');
    expect(await page.textContent(ENGINE)).toContain('installed by Flow');
    await page.waitForSelector('.pick >> nth=2');
    expect(await page.locator('.pick__name').allTextContents()).toEqual(OFFERED.map(([id]) => id));
    expect(await page.textContent('.pick')).toMatch(/fits.*needs .* of memory/);
    await page.click(`[aria-label="Download ${SMALL}"]`);
    await reached(page, MODEL, 'done');
    const command = (await page.textContent('.step__agent[open] code')) ?? '';
    expect(command).toMatch(/^flow connect \S+ --model \S+$/);
    asked.set(house.flow, command.split(' ').at(-1) ?? '');
    expect(await page.textContent('#setup-answer')).toBe('Waiting for the first request…');
    expect(await ask(house, 'house-agent')).toBe(200);
    await reached(page, CONNECT, 'done');
    const says = (await page.textContent('#setup-answer')) ?? '';
    expect(says).toMatch(/^First answer: \S+ to house-agent.*, after [\d.]+ m?s, [\d.,]+ tok\/s\.$/);
    await page.waitForFunction(() => /first answer/.test(document.querySelector('#setup-times')?.textContent ?? ''));
    const times = (await page.textContent('#setup-times')) ?? '';
    expect(times).toMatch(/^Engine [\d.]+ m?s · model [\d.]+ m?s · first answer [\d.]+ m?s$/);
    process.stdout.write(`  first run by mouse: ${times}\n`);
    // What was measured is told after a reload too, and the Monitor leads nobody any more.
    await page.reload();
    expect(await page.textContent('#setup-times')).toBe(times);
    await page.goto(house.flow.url);
    expect(await page.isVisible('.first-steps')).toBe(false);
    expect(troubles).toEqual([]);
  }, 180_000);

  test('by keyboard alone, with the demo', async () => {
    await using house = await newHouse();
    const { page, troubles } = await open(house, '/');
    await page.keyboard.press('Control+k');
    await page.waitForSelector('[data-entry]');
    await page.keyboard.type('set-up');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.setup');
    await page.waitForSelector(LIVE);
    await reached(page, ENGINE, 'open');
    await tabTo(page, 'Install llama.cpp');
    await page.keyboard.press('Enter');
    await reached(page, ENGINE, 'done');
    await page.waitForSelector('.pick >> nth=2');
    await tabTo(page, 'Try the demo model for now');
    await page.keyboard.press('Enter');
    await reached(page, MODEL, 'done');
    await page.waitForSelector(`${MODEL} >> text=flow-demo is loaded and answers.`);
    // The set-up of another agent is a key away, and its command is there to be copied.
    await tabTo(page, 'Codex CLI');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.step__agent[open] >> text=flow connect codex --model flow-demo');
    await tabTo(page, 'Copy: command that sets up Codex CLI');
    await page.keyboard.press('Enter');
    expect(await ask(house, 'codex')).toBe(200);
    await reached(page, CONNECT, 'done');
    expect(await page.textContent('#setup-answer')).toMatch(/flow-demo to codex.*tok\/s/);
    // What the reader opened stays open through all that was pushed meanwhile.
    expect(await page.textContent('.step__agent[open] summary')).toContain('Codex CLI');
    process.stdout.write(`  first run by keyboard: ${await page.textContent('#setup-times')}\n`);
    expect(troubles).toEqual([]);
  }, 180_000);
});

async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate((wanted) => {
      const { activeElement } = document;
      const label = activeElement?.getAttribute('aria-label') ?? activeElement?.textContent ?? '';
      return label.trim().startsWith(wanted);
    }, name);
    if (found) return;
  }
  throw new Error(`${name} is not reached by Tab`);
}

describe('when something is not as it should be', () => {
  test('an installation can be cancelled, and a release host in trouble is told in words', async () => {
    await using house = await newHouse({ halfway: new Promise(() => {}) });
    const { page, troubles } = await open(house, '/setup');
    await page.click('text="Install llama.cpp"');
    await page.waitForSelector(`${ENGINE}[data-state=working] [role=progressbar]`);
    await page.click('[aria-label="Cancel the installation of llama.cpp"]');
    await page.waitForSelector(`${ENGINE} >> text=was cancelled`);
    await page.waitForSelector('text="Try again"');
    expect(troubles).toEqual([]);
  }, 180_000);

  test('a program that does not work says why, and a mended one is found by itself', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'flow-bin-'));
    const program = join(bin, 'llama-server');
    writeFileSync(program, '#!/bin/sh\necho "libcuda.so.1: cannot open shared object file" >&2\nexit 127\n');
    chmodSync(program, 0o755);
    await using house = await newHouse({}, { PATH: `${bin}:${SYSTEM_PATH}` });
    const { page, troubles } = await open(house, '/setup');
    await page.waitForSelector(`${ENGINE}[data-state=failed] >> text=is there and does not work`);
    writeFileSync(program, realProgram());
    await reached(page, ENGINE, 'done');
    expect(await page.textContent(ENGINE)).toContain('found on the PATH');
    expect(troubles).toEqual([]);
    rmSync(bin, { recursive: true });
  }, 180_000);

  test('without the hub, models that lie here and the demo are offered', async () => {
    await using house = await newHouse({}, { HF_ENDPOINT: NOWHERE });
    const place = join(house.home, '.cache', 'llama.cpp');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'lying-Q8_0.gguf'), model);
    const { page, troubles } = await open(house, '/setup');
    await page.waitForSelector(`${MODEL} >> text=cannot be reached`);
    await page.waitForSelector(`${MODEL} >> text=1 model`);
    expect(await page.textContent(MODEL)).toContain("1 in llama.cpp's cache");
    await page.click('text="Use it"');
    await reached(page, MODEL, 'done');
    expect(JSON.stringify((await house.flow.json('/api/models')).body)).toContain('lying');
    expect(troubles).toEqual([]);
    const plain = await open(house, '/setup', { javaScriptEnabled: false });
    expect(await plain.page.textContent(MODEL)).toContain('lying');
  }, 180_000);

  test('who wants no guide is led no more, and can take that back', async () => {
    await using house = await newHouse();
    const { page, troubles } = await open(house, '/');
    await page.click('.first-steps >> text=Not now');
    await page.waitForSelector('#notice >> text=The set-up is skipped.');
    await page.waitForSelector('.first-steps', { state: 'hidden' });
    await page.click('#notice >> text=Undo');
    await page.waitForSelector('.first-steps >> text=Set up Flow');
    await page.click('.first-steps >> text=Not now');
    await page.waitForSelector('.first-steps', { state: 'hidden' });
    await page.reload();
    await page.waitForSelector(LIVE);
    expect(await page.isVisible('.first-steps')).toBe(false);
    expect(troubles).toEqual([]);
  }, 180_000);
});

const VIEWS = (['light', 'dark'] as const).flatMap((colorScheme) =>
  [360, 1440].map((width) => ({ colorScheme, width })),
);
test('the guide is accessible and within the window, in both themes, narrow and wide', async () => {
  await using house = await newHouse();
  for (const { colorScheme, width } of VIEWS) {
    for (const path of ['/setup', '/']) {
      const { page, troubles } = await open(house, path, { colorScheme, width });
      await page.waitForSelector(path === '/' ? '.first-steps' : '.pick');
      expect(await scrollsSideways(page)).toBe(false);
      expect(await axeViolations(page)).toEqual([]);
      expect(troubles).toEqual([]);
    }
  }
}, 180_000);
