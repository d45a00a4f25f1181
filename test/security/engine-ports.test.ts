/**
 * S-18, S-47: what an engine has of Flow's environment, and that another user of this machine gets nothing out of its
 * port. Engines for MLX that know no keys are the documented exception.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { realEngine } from '#test/support/real-engine.ts';
import { type RunningFlow, startFlow } from '#test/support/running-flow.ts';

const HOSTILE = {
  LLAMA_ARG_HOST: '0.0.0.0',
  LLAMA_ARG_TOOLS: 'all',
  LLAMA_ARG_SLOT_SAVE_PATH: '/tmp',
  HF_TOKEN: 'hf_of_somebody',
  FLOW_LOG: 'info',
};
/** The user `nobody`, as far as one may become somebody else here. */
const STRANGER = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : null;

let flow: RunningFlow;
let engine: { pid: number; port: number; environment: Map<string, string> };
beforeAll(async () => {
  flow = await startFlow({ engine: realEngine().executable, environment: HOSTILE });
  const { body } = await flow.json('/api/models/flow-demo/load?wait=1', {});
  const { pid } = ((await flow.json('/api/models/running')).body.models as { pid: number }[])[0] ?? { pid: 0 };
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  const environment = new Map(entries.map((entry) => [entry.split('=', 1)[0] ?? '', entry.replace(/^[^=]*=/, '')]));
  engine = { pid, port: Number(body.port), environment };
});
afterAll(() => flow?.[Symbol.asyncDispose]());

test('S-18: an engine has none of the flags and secrets of Flow’s own environment', async () => {
  const names = [...engine.environment.keys()];
  expect(names.filter((name) => name in HOSTILE || name.startsWith('LLAMA_ARG_'))).toEqual([]);
  expect(names).toContain('LLAMA_API_KEY');
  // It would have listened on all addresses.
  const listening = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const port = engine.port.toString(16).toUpperCase().padStart(4, '0');
  const own = listening.filter((line) => new RegExp(`^ *\\d+: [0-9A-F]{8}:${port} 0{8}:0000 0A `).test(line));
  expect(own.map((line) => line.trim().split(' ')[1])).toEqual([`0100007F:${port}`]);
});

describe('S-47: another user of this machine', () => {
  const output = (command: readonly string[]) => {
    const ran = Bun.spawnSync([...(STRANGER ?? []), ...command], { stderr: 'pipe', timeout: 20_000 });
    return `${ran.stdout}${ran.stderr}`;
  };
  const status = (path: string, ...more: string[]) =>
    output(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...more, `http://127.0.0.1:${engine.port}${path}`]);

  test('S-47: is answered by an engine with 401, whatever is asked', () => {
    const key = engine.environment.get('LLAMA_API_KEY') ?? '';
    expect(key.length).toBeGreaterThanOrEqual(32);
    for (const path of ['/props', '/slots', '/metrics', '/v1/chat/completions', '/completion', '/tokenize'])
      expect([path, status(path, '-d', '{}')]).toEqual([path, '401']);
    expect(status('/props', '-H', `authorization: Bearer ${key.slice(0, -1)}`)).toBe('401');
    // The door that is closed is this one.
    expect(status('/props', '-H', `authorization: Bearer ${key}`)).toBe('200');
  });

  test('S-47: reads the key neither from the process list nor from Flow’s files', () => {
    const key = engine.environment.get('LLAMA_API_KEY') ?? '';
    const { dataDir } = flow;
    const files = ['engines.pids.json', 'flow.db', 'local-key'].map((name) => join(dataDir, name));
    const closed = [`/proc/${engine.pid}/environ`, `/proc/${flow.pid}/environ`, dataDir, ...files];
    for (const path of closed) expect([path, statSync(path).mode & 0o077]).toEqual([path, 0]);
    expect(readFileSync(`/proc/${engine.pid}/cmdline`, 'utf8')).not.toContain(key);
    if (STRANGER === null) return;
    for (const path of closed) expect(output(['cat', path])).toContain('Permission denied');
    expect(output(['sh', '-c', 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null'])).not.toContain(key);
    expect(output(['grep', '-rs', key, dataDir])).not.toContain(key);
  });
});
