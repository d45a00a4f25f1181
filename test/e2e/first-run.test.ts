/**
 * A bare machine: nothing but Bun. Flow fetches an engine itself, answers from `flow-demo`, and says so when it cannot.
 */
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startFlow } from '../support/running-flow.ts';

/** A PATH with the system's tools but without any llama-server. */
const BARE_PATH = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':');
const NOWHERE = 'http://127.0.0.1:9';

describe('a bare machine', () => {
  test('answers in both protocols through an engine that Flow fetched', async () => {
    await using flow = await startFlow({ engine: null, environment: { PATH: `${process.env.PATH}` } });
    const chat = await flow.json('/v1/chat/completions', { messages: [{ role: 'user', content: 'Hello' }] });
    expect(chat.status).toBe(200);
    expect(JSON.stringify(chat.body)).toContain('demo');
    const message = await flow.json('/v1/messages', {
      model: 'flow-demo',
      max_tokens: 200,
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(message.status).toBe(200);
    const { body } = await flow.json('/api/engines');
    expect(JSON.stringify(body)).toContain('"origin":"installed"');
  }, 180_000);

  test('without a network says plainly what was tried and what helps', async () => {
    const home = mkdtempSync(join(tmpdir(), 'flow-offline-'));
    await using flow = await startFlow({
      engine: null,
      environment: {
        PATH: BARE_PATH,
        FLOW_ENGINE_RELEASES_URL: NOWHERE,
        PIP_INDEX_URL: NOWHERE,
        PIP_NO_INDEX: '1',
        PIP_RETRIES: '0',
        PIP_CONFIG_FILE: '/dev/null',
        XDG_CACHE_HOME: join(home, 'cache'),
      },
    });
    const { status, body } = await flow.json('/v1/chat/completions', {
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(status).toBe(503);
    const text = JSON.stringify(body);
    expect(text).toMatch(/network|offline|reach/i);
    expect(text).toContain('FLOW_LLAMA_SERVER');
    rmSync(home, { recursive: true, force: true });
  }, 180_000);
});
