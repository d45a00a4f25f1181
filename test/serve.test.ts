/** How the gateway begins and ends, as a process: signals at bad moments, readers that leave, disks that refuse. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STOP_GRACE_MS } from '#src/supervision/lifecycle.ts';
import { makeFakeEngine } from './support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from './support/running-flow.ts';

const MAIN = join(import.meta.dir, '..', 'src', 'main.ts');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-serve-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function spawnFlow(dataDir: string, before: readonly string[] = [], stderr: 'pipe' | 'ignore' = 'ignore') {
  return Bun.spawn([...before, 'bun', MAIN, 'serve', '--port', '0', '--data-dir', dataDir], {
    env: { PATH: process.env.PATH ?? '', HOME: folder },
    stdio: ['ignore', 'pipe', stderr],
  });
}

/** The address in the ready line. */
async function urlOf(flow: { readonly stdout: ReadableStream<Uint8Array> }): Promise<string> {
  const { value } = await flow.stdout.getReader().read();
  return /http:\/\/\S+/.exec(new TextDecoder().decode(value))?.[0] ?? 'no address';
}

describe('a signal during the start', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} ends it with 0 and leaves no lock`, async () => {
      const flow = spawnFlow(folder);
      await until('the lock', () => existsSync(join(folder, 'flow.lock')) || flow.exitCode !== null);
      flow.kill(signal);
      expect(await flow.exited).toBe(0);
      expect(existsSync(join(folder, 'flow.lock'))).toBe(false);
    });
  }
});

describe('the end', () => {
  test('comes at once when nothing runs, whoever still holds a connection', async () => {
    await using flow = await startFlow();
    const leaving = new AbortController();
    const streams = ['/api/events', '/api/logs?follow=1', '/live'].map((path) =>
      fetch(flow.url + path, { signal: leaving.signal }).then((answer) => answer.body?.getReader().read()),
    );
    const socket = new WebSocket(`${flow.url.replace('http', 'ws')}/ws`);
    await new Promise((open) => socket.addEventListener('open', open));
    await Promise.all(streams);
    const startMs = performance.now();
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(0);
    // An answer would be waited for, for half a minute.
    expect(performance.now() - startMs).toBeLessThan(15_000);
    leaving.abort();
  });

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    test(`F-52: a second ${signal} ends it with ${code} before an engine that ignores SIGTERM has had its grace`, async () => {
      const fake = makeFakeEngine(folder, { ignore_term: true, ignore_eof: true, ignore_exit_command: true });
      const flow = await startFlow({ engine: fake.executable });
      await load(flow);
      flow.kill(signal);
      await until('it is stopping', () => flow.output().includes('stopping'));
      const secondMs = performance.now();
      flow.kill(signal);
      expect(await flow.exited).toBe(code);
      expect(performance.now() - secondMs).toBeLessThan(STOP_GRACE_MS - 1_000);
      const pids = fake.records('start').map(({ pid }) => pid);
      expect(pids).toHaveLength(1);
      await until('the engine is gone', () => pids.every((pid) => !isAlive(pid)));
      rmSync(flow.dataDir, { recursive: true, force: true });
    });
  }
});

test('a reader of stderr that leaves neither ends Flow nor counts as a mistake of it', async () => {
  const flow = spawnFlow(folder, ['bash', '-c', 'exec "$@" 2> >(head -c 1 >/dev/null)', 'bash']);
  try {
    const url = await urlOf(flow);
    for (let round = 1; round <= 5; round += 1) {
      // Each bad value in the file is told, once: a line on stderr.
      writeFileSync(join(folder, 'settings.json'), JSON.stringify({ queue_limit: -round }));
      await fetch(`${url}/api/settings`);
      await until('the line', async () => (await linesOf(url)).some((line) => line.includes(`it was -${round}`)));
    }
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics.match(/^flow_unexpected_errors_total\S* [1-9]/gm)).toBeNull();
  } finally {
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(0);
  }
});

/** As root, or as a user who may have a namespace of his own. Where CI can do neither, the tests fail and say so. */
const NAMESPACE = ['-m', '-Urm'].find((flags) => Bun.spawnSync(['unshare', flags, 'true']).success) ?? '-m';
const cannotMount = process.platform !== 'linux' || !Bun.spawnSync(['unshare', NAMESPACE, 'true']).success;
const isSkipped = cannotMount && !process.env.CI;
test.skipIf(isSkipped)('F-59: a read-only data directory costs records, not the start', async () => {
  const first = spawnFlow(folder);
  await urlOf(first);
  first.kill('SIGTERM');
  await first.exited;
  const readOnly = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"';
  const flow = spawnFlow(folder, ['unshare', NAMESPACE, 'sh', '-c', readOnly, folder]);
  try {
    const url = await urlOf(flow);
    const health = await (await fetch(`${url}/api/health`)).json();
    const texts = health.notices.map(({ text }: { text: string }) => text).join(' ');
    expect(texts).toContain(`cannot write to ${folder}`);
    const models = await (await fetch(`${url}/api/models`)).json();
    expect(models.map(({ id }: { id: string }) => id)).toEqual(['flow-demo']);
  } finally {
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(0);
  }
});

async function linesOf(url: string): Promise<string[]> {
  const { logs } = (await (await fetch(`${url}/api/logs?model_id=flow`)).json()) as { logs: string[] };
  return logs;
}

async function load(flow: RunningFlow): Promise<void> {
  await flow.json('/api/models/flow-demo/load', {});
  await until('the model is ready', async () => {
    const { body } = await flow.json('/api/health');
    return Number(body.running_models) === 1;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('F-76: what had to be mended at the start is told to every page that is opened later', async () => {
  writeFileSync(join(folder, 'settings.json'), '{"queue_limit": 12');
  await using flow = await startFlow({ dataDir: folder });
  expect(await firstOf(`${flow.url}/live`, 'is damaged')).toContain('event: notice');
  expect(flow.output()).toContain('is damaged');
});

test('auto_update_backends looks for a newer engine at the start, and installs nothing', async () => {
  const asked: string[] = [];
  const releases = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch(request) {
      asked.push(`${request.method} ${new URL(request.url).pathname}`);
      return Response.json({ tag_name: 'b99999', assets: [] });
    },
  });
  const environment = { FLOW_ENGINE_RELEASES_URL: `http://127.0.0.1:${releases.port}/releases` };
  for (const [isWanted, count] of [
    [false, 0],
    [true, 1],
  ] as const) {
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ auto_update_backends: isWanted }));
    await using flow = await startFlow({ dataDir: folder, environment });
    if (isWanted) await until('a look', () => asked.length > 0);
    // The answer to a second question is behind whatever the start has asked.
    expect((await flow.json('/api/backend-versions')).status).toBe(200);
    expect(asked).toHaveLength(count);
  }
  await releases.stop(true);
});

/** What a stream says until it has said `text`. */
async function firstOf(url: string, text: string): Promise<string> {
  const leaving = new AbortController();
  const response = await fetch(url, { signal: leaving.signal });
  const decoder = new TextDecoder();
  let heard = '';
  for await (const bytes of response.body ?? []) {
    heard += decoder.decode(bytes, { stream: true });
    if (heard.includes(text)) break;
  }
  leaving.abort();
  return heard;
}

test.skipIf(isSkipped)('F-80: a full disk costs records and the demo, not the start', async () => {
  const fill = 'mount -t tmpfs -o size=64k tmpfs "$0" && { head -c 1m /dev/zero > "$0/fill"; exec "$@"; }';
  const flow = spawnFlow(folder, ['unshare', NAMESPACE, 'sh', '-c', fill, folder]);
  try {
    const health = await (await fetch(`${await urlOf(flow)}/api/health`)).json();
    expect(JSON.stringify(health.notices)).toContain(`cannot write to ${folder}`);
  } finally {
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(0);
  }
});
