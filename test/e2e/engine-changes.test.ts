/** Engines that come, or are being fetched, while a whole Flow runs. How one is fetched: `test/engines`. */
import { expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeFakeEngine } from '../support/fake-engine-launcher.ts';
import { processesWith } from '../support/processes.ts';
import { startFlow, until } from '../support/running-flow.ts';

const SYSTEM_PATH = [dirname(process.execPath), '/usr/bin', '/bin'].join(':');
const CHAT = { model: 'flow-demo', messages: [{ role: 'user', content: 'Hello' }] };

test('a model that failed for want of an engine answers once there is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-late-engine-'));
  await using flow = await startFlow({ engine: null, environment: { PATH: `${folder}:${SYSTEM_PATH}` } });
  await flow.json('/api/settings', { engine_auto_install: false }, 'PUT');
  const missing = await flow.json('/v1/chat/completions', CHAT);
  expect(missing.status).toBe(503);
  expect(JSON.stringify(missing.body)).toContain('no llama-server');
  makeFakeEngine(folder);
  await flow.json('/api/engines');
  expect((await flow.json('/v1/chat/completions', CHAT)).status).toBe(200);
  rmSync(folder, { recursive: true, force: true });
}, 180_000);

test('a Flow that is stopped while it fetches an engine leaves no installer behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-installing-'));
  const mark = `FLOW-TEST-${crypto.randomUUID()}`;
  for (const name of ['python3', 'pip3', 'uv', 'brew']) {
    writeFileSync(join(folder, name), '#!/bin/sh\nsleep 300\n');
    chmodSync(join(folder, name), 0o755);
  }
  const environment = { PATH: `${folder}:${SYSTEM_PATH}`, MARK: mark, FLOW_ENGINE_RELEASES_URL: 'http://127.0.0.1:9' };
  const flow = await startFlow({ engine: null, environment });
  await flow.json('/api/engines/install', {});
  await until('an installer', () => processesWith(mark).length > 1);
  flow.kill();
  expect(await flow.exited).toBe(0);
  await until('nothing to be left', () => processesWith(mark).length === 0);
  rmSync(flow.dataDir, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
}, 180_000);
