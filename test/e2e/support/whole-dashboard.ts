/** A whole Flow with something on every page: a model, a conversation, a finished request; and the pages by name. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type FakeHub, startFakeHub } from '../../support/fake-hub.ts';
import { realEngine } from '../../support/real-engine.ts';
import { type RunningFlow, startFlow, until } from '../../support/running-flow.ts';
import { writeScriptedModel } from '../../support/scripted-model.ts';

export const LIVE = '#connection[data-state=live]';
export const REPOSITORY = 'acme/scripted-GGUF';
export const FILE = 'scripted-Q8_0.gguf';

export type DashboardPage = {
  readonly name: string;
  readonly path: string;
  /** Whether it has the live connection: pages outside the navigation have not. */
  readonly isLive: boolean;
};

export type WholeDashboard = AsyncDisposable & {
  readonly hub: FakeHub;
  readonly folder: string;
  readonly dataDir: string;
  readonly conversationId: string;
  readonly requestId: string;
  /** The Flow that runs now. */
  readonly flow: RunningFlow;
  /** Every page there is. */
  readonly pages: readonly DashboardPage[];
  stop(): Promise<void>;
  /** Starts Flow again over the same data, on the given port. */
  start(port: number): Promise<void>;
};

/** Starts it, and waits until everything is there. */
export async function startWholeDashboard(): Promise<WholeDashboard> {
  const folder = mkdtempSync(join(tmpdir(), 'flow-dashboard-'));
  const dataDir = join(folder, 'data');
  const model = join(dataDir, 'models', 'talker.gguf');
  mkdirSync(join(dataDir, 'models'), { recursive: true });
  await writeScriptedModel(model, {
    name: 'talker',
    scripts: { plain: 'A plain answer.', endless: { text: 'Round and round it goes; ', end: 'repeat' } },
  });
  const bytes = await Bun.file(model).bytes();
  const hub = await startFakeHub([{ id: REPOSITORY, files: [{ path: FILE, bytes }], downloads: 1204, likes: 31 }]);
  const start = (port: number): Promise<RunningFlow> =>
    startFlow({
      dataDir,
      engine: realEngine().executable,
      environment: { HF_ENDPOINT: hub.url, HOME: folder },
      flags: ['--port', String(port)],
    });
  let flow = await start(0);
  await flow.json('/api/register-local', { path: model });
  // What a program of the system says of sleep comes when it likes, and stands in the log of a request's moment.
  await flow.json('/api/settings', { default_model: 'talker', keep_awake: false }, 'PUT');
  const conversationId = await converse(flow.url, 'A plain question');
  const requestId = await until('a finished request', () => newestRequest(flow));
  return {
    hub,
    folder,
    dataDir,
    conversationId,
    requestId,
    get flow() {
      return flow;
    },
    pages: pagesOf(conversationId, requestId),
    stop: () => stopped(flow),
    async start(port) {
      flow = await start(port);
    },
    async [Symbol.asyncDispose]() {
      await flow[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function pagesOf(conversationId: string, requestId: string): readonly DashboardPage[] {
  const live = (name: string, path: string): DashboardPage => ({ name, path, isLive: true });
  return [
    live('Monitor', '/'),
    live('Set-up', '/setup'),
    live('Models', '/models'),
    live('Get models', '/models/get'),
    live('Downloads', '/models/downloads'),
    live('Import', '/models/import'),
    live('New chat', '/chat'),
    live('Conversation', `/chat/${conversationId}`),
    live('Telemetry', '/telemetry'),
    live('Request', `/requests/${requestId}`),
    live('Logs', '/logs'),
    live('Settings', '/settings'),
    live('API', '/settings/api'),
    { name: 'Login', path: '/login', isLive: false },
    { name: 'Not found', path: '/nowhere', isLive: false },
  ];
}

/** Begins a conversation as the page does, and waits for its answer. */
export async function converse(url: string, text: string): Promise<string> {
  const response = await fetch(`${url}/chat/questions`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ text }),
    redirect: 'manual',
  });
  const id = response.headers.get('location')?.split('/').at(-1) ?? '';
  await until(
    'an answer',
    async () => {
      const answer = await fetch(`${url}/api/conversations/${id}`);
      return (await answer.text()).includes('A plain answer.');
    },
    30_000,
  );
  return id;
}

async function newestRequest(flow: RunningFlow): Promise<string | null> {
  const { body } = await flow.json('/api/telemetry');
  return /"request_id":"([^"]+)"/.exec(JSON.stringify(body))?.[1] ?? null;
}

async function stopped(flow: RunningFlow): Promise<void> {
  flow.kill();
  await flow.exited;
}

/** Goes there and waits until the page is alive and has fetched what it fetches by itself. */
export async function visit(page: Page, url: string, { path, isLive }: DashboardPage): Promise<void> {
  await page.goto(url + path);
  if (isLive) await page.waitForSelector(LIVE);
  await page.waitForFunction(() => document.querySelector('main .htmx-request') === null);
}
