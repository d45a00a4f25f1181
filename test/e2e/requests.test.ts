/**
 * One request over a whole Flow and the real engine, in a real browser: what it was asked with, where its time went,
 * what its engine wrote; while it runs, after, and in Flow's next run. Each state: test/browser/requests.test.ts.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { FLOW_AWAY, openBrowser, watchedPage } from '../support/browser.ts';
import { realEngine } from '../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../support/running-flow.ts';

const LIVE = '#connection[data-state=live]';
const SECRET = 'never-to-be-recorded';
const ASKED = {
  model: 'flow-demo',
  stream: true,
  temperature: 0.3,
  top_p: 0.9,
  seed: 7,
  max_tokens: 24,
  stop: [`${SECRET}-1`, `${SECRET}-2`],
  response_format: { type: 'json_object' },
  messages: [{ role: 'user', content: `Hello ${SECRET}` }],
};

let browser: Browser;
let dataDir: string;
let flow: RunningFlow;

beforeAll(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'flow-requests-'));
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  const behaviour = { top_k: 20, forced: { min_p: 0.05 } };
  const { status } = await flow.json('/api/models/flow-demo/config', { behaviour }, 'PUT');
  expect(status).toBe(200);
});
afterAll(async () => {
  await browser.close();
  await flow[Symbol.asyncDispose]();
  rmSync(dataDir, { recursive: true, force: true });
});

/** Begins a request; `ended` resolves when its answer is over. */
async function ask(body: object): Promise<{ id: string; ended: Promise<string> }> {
  const answer = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'e2e-agent' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return { id: answer.headers.get('x-request-id') ?? '', ended: answer.text() };
}

type Told = {
  readonly duration_ms: number;
  readonly timeline: readonly { readonly stage: string; readonly ms: number }[];
  readonly parameters: Record<string, { readonly value: unknown; readonly source: string }>;
  readonly logs: { readonly lines: readonly { readonly source: string; readonly text: string }[] };
};
const toldOf = async (id: string): Promise<Told> => (await fetch(`${flow.url}/api/requests/${id}?logs=1`)).json();

const LINES_COMPARED = 30;
const engineLines = ({ logs }: Told): readonly string[] =>
  logs.lines.filter(({ source }) => source === 'flow-demo').map(({ text }) => text);

test('a request with parameters tells them, where its time went, and what its engine wrote; also after a restart', async () => {
  const { id, ended } = await ask(ASKED);
  await ended;
  const told = await toldOf(id);
  expect(told.parameters).toMatchObject({
    temperature: { value: 0.3, source: 'caller' },
    top_p: { value: 0.9, source: 'caller' },
    top_k: { value: 20, source: 'model' },
    min_p: { value: 0.05, source: 'forced' },
    seed: { value: 7, source: 'caller' },
    stop: { value: 2, source: 'caller' },
    response_format: { value: 'JSON', source: 'caller' },
  });
  expect(told.timeline.map(({ stage }) => stage)).toEqual(['queued', 'load', 'prefill', 'generate']);
  const sumMs = told.timeline.reduce((sum, { ms }) => sum + ms, 0);
  expect(Math.abs(sumMs - told.duration_ms)).toBeLessThan(0.1);
  expect(told.timeline.find(({ stage }) => stage === 'load')?.ms).toBeGreaterThan(1);
  expect(told.logs.lines.some(({ source, text }) => source === 'flow-demo' && /load_model|slot/.test(text))).toBe(true);
  expect(JSON.stringify(told)).not.toContain(SECRET);
  // Addresses of before every request had a page of its own.
  expect((await fetch(`${flow.url}/telemetry/requests/1`)).url).toEndWith(`/requests/${id}`);

  const { page, troubles } = await watchedPage(browser, { expects: FLOW_AWAY });
  await page.goto(`${flow.url}/telemetry?range=15m`);
  await page.waitForSelector(LIVE);
  await page.focus('.records tbody a');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#drawer[open] .story');
  const rows = await page.locator('.story__parameters tbody tr').allTextContents();
  expect(rows).toEqual(expect.arrayContaining(['temperature0.3the caller', 'top_k20the model’s settings']));
  expect(await page.locator('#drawer .excerpt').textContent()).toContain('flow-demo');
  expect(await page.locator('#drawer .copyable').first().textContent()).toContain('"temperature":0.3');
  await page.click('#drawer >> text=The logs of that moment');
  await page.waitForSelector('[data-marked]');
  // A page whose scripts are cut off on their way is another matter.
  await page.waitForSelector(LIVE);
  expect(page.url()).toContain('source=flow-demo');

  flow.kill('SIGTERM');
  await flow.exited;
  flow = await startFlow({ dataDir, engine: realEngine().executable });
  const later = await toldOf(id);
  expect(later.parameters).toEqual(told.parameters);
  // Of very many lines the middle is left out, and the engine's going may have added some: the first ones are the same.
  expect(engineLines(later).slice(0, LINES_COMPARED)).toEqual(engineLines(told).slice(0, LINES_COMPARED));
  await page.goto(`${flow.url}/requests/${id}`);
  await page.waitForSelector('.story__parameters');
  expect(await page.locator('.excerpt__line').count()).toBeGreaterThan(3);
  expect(troubles).toEqual([]);
  await page.context().close();
}, 180_000);

test('one that runs is followed, cancelled from its page, and told as it ended', async () => {
  const { id, ended } = await ask({
    model: 'flow-demo',
    stream: true,
    max_tokens: 8_000,
    messages: [{ role: 'user', content: 'Tell me a long story' }],
  });
  void ended.catch(() => '');
  const { page, troubles } = await watchedPage(browser);
  await page.goto(`${flow.url}/requests/${id}`);
  await page.waitForSelector('.story__end .badge__word >> text=generating');
  const tokens = () => page.locator('.story__end').textContent();
  const before = await tokens();
  await until('it goes on by itself', async () => (await tokens()) !== before);
  await page.click('.story__end button');
  await page.waitForSelector('.story__end >> text=by a person, while it answered');
  expect(await page.locator('.story').textContent()).toContain('nothing is wrong');
  expect((await fetch(`${flow.url}/api/requests/${id}`).then((answer) => answer.json())).termination).toBe('UG');
  expect(troubles).toEqual([]);
  await page.context().close();
}, 180_000);

test('one that failed is found by the line that Flow’s log has of it', async () => {
  const long = { role: 'user', content: 'once upon a time '.repeat(40_000) };
  const answer = await fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'flow-demo', messages: [long] }),
  });
  expect(answer.status).toBe(400);
  const id = answer.headers.get('x-request-id') ?? '';
  const { page, troubles } = await watchedPage(browser);
  await page.goto(`${flow.url}/logs?source=flow`);
  await page.waitForSelector(LIVE);
  await page.click(`.log__request >> text=${id}`);
  await page.waitForSelector('#drawer[open] .story');
  expect(await page.locator('#drawer').textContent()).toContain("longer than the model's context");
  expect(troubles).toEqual([]);
  await page.context().close();
}, 180_000);

test('one of Flow’s own chat leads there, and to what was sent', async () => {
  const { page, troubles } = await watchedPage(browser);
  await page.goto(`${flow.url}/chat`);
  await page.waitForSelector(LIVE);
  await page.fill('#composer-text', 'Hello');
  await page.press('#composer-text', 'Enter');
  await page.waitForSelector('.turn[data-role=assistant][data-state=done]');
  await page.click('.turn__foot >> text="Request"');
  await page.waitForSelector('#drawer[open] .story');
  expect(await page.locator('#drawer .story__facts').first().textContent()).toContain('flow-chat');
  await page.click('#drawer >> text=request and response as they were sent');
  await page.waitForSelector('#drawer >> text=[DONE]');
  expect(troubles).toEqual([]);
  await page.context().close();
}, 180_000);
