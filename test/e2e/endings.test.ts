/**
 * Every way in which a request can end, through the front door and on the real engine: each settles once, and leaves no
 * lease, no ghost row and no process. The relay's own faults (framing, silence, back-pressure) are in test/gateway.
 */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realEngine } from '../support/real-engine.ts';
import { loadsOf, type RunningFlow, startFlow, until } from '../support/running-flow.ts';

type Row = {
  request_id: string;
  termination: string;
  outcome: string;
  error: string | null;
  output_tokens: number | null;
  repairs: unknown;
};

let folder: string;
let flow: RunningFlow;

/** The real engine behind a script, so that a start can be made slow: it waits as long as the file `delay` says. */
function engineScript(): string {
  const { executable, libraryPath } = realEngine();
  const path = join(folder, 'llama-server');
  writeFileSync(
    path,
    `#!/bin/sh
${libraryPath ? `export LD_LIBRARY_PATH='${libraryPath}'` : ''}
[ "$1" = --version ] || [ ! -f '${folder}/delay' ] || sleep "$(cat '${folder}/delay')"
exec '${executable}' "$@"
`,
  );
  chmodSync(path, 0o755);
  return path;
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-endings-'));
  flow = await startFlow({ engine: engineScript() });
});

afterEach(async () => {
  await flow[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const endless = { model: 'flow-demo', stream: true, messages: [{ role: 'user', content: 'Tell me a long story' }] };
/** Some 25,000 tokens: long enough to be caught while it is read. */
const longPrompt = { ...endless, messages: [{ role: 'user', content: 'once upon a time '.repeat(1_500) }] };

function ask(body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${flow.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? null,
  });
}

async function rows(): Promise<Row[]> {
  const { body } = await flow.json('/api/telemetry?limit=100');
  return body.records as Row[];
}

async function stages(): Promise<string[]> {
  const { body } = await flow.json('/api/requests');
  return Object.values(body.requests as Record<string, { stage: string; completed_at: number | null }[]>)
    .flat()
    .filter((request) => request.completed_at === null)
    .map((request) => request.stage);
}

type FleetModel = { modelId: string; inFlight: number; waiting: number; state: { phase: string; pid?: number } };

async function demo(): Promise<FleetModel> {
  const { body } = await flow.json('/api/fleet');
  const found = (body.models as FleetModel[]).find((model) => model.modelId === 'flow-demo');
  // A model that nobody has asked for yet is not in the fleet.
  return found ?? { modelId: 'flow-demo', inFlight: 0, waiting: 0, state: { phase: 'idle' } };
}

/** The one row there is, once nothing is open any more. */
async function theOnlyRow(): Promise<Row> {
  await until('no open request', async () => (await stages()).length === 0);
  const [row, ...others] = await until('the row', async () => {
    const found = await rows();
    return found.length > 0 ? found : null;
  });
  expect(others).toEqual([]);
  const { inFlight, waiting } = await demo();
  expect({ inFlight, waiting }).toEqual({ inFlight: 0, waiting: 0 });
  if (!row) throw new Error('no row');
  return row;
}

/** Idle slots of the engine, asked through Flow: a slot that still works would show. */
async function busySlots(): Promise<number> {
  const { body } = await flow.json('/upstream/flow-demo/slots');
  return (JSON.parse(String(body.value)) as { is_processing: boolean }[]).filter((slot) => slot.is_processing).length;
}

describe('a request ends once and leaves nothing', () => {
  test('when it is complete', async () => {
    const response = await ask({ ...endless, messages: [{ role: 'user', content: 'Hello' }] });
    const text = await response.text();
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
    expect(await theOnlyRow()).toMatchObject({ outcome: 'completed', termination: '--' });
  });

  test('when the model is unknown', async () => {
    expect((await ask({ ...endless, model: 'nothing-like-it' })).status).toBe(404);
    expect(await theOnlyRow()).toMatchObject({ outcome: 'failed', termination: 'FQ' });
  });

  test('when the engine refuses', async () => {
    const response = await ask({
      ...endless,
      stream: false,
      messages: [{ role: 'user', content: 'word '.repeat(60_000) }],
    });
    expect(response.status).toBe(400);
    expect(await theOnlyRow()).toMatchObject({ outcome: 'failed' });
  });

  for (const stream of [true, false]) {
    test(`F-25: when the client leaves a load, which goes on for others (stream: ${stream})`, async () => {
      writeFileSync(join(folder, 'delay'), '2');
      const client = new AbortController();
      const answer = ask({ ...endless, stream }, client.signal).catch(() => null);
      await until('loading', async () => (await stages()).includes('loading'));
      const hello = { ...endless, stream: false, messages: [{ role: 'user', content: 'Hello' }] };
      const other = ask(hello);
      await until('two who wait', async () => (await demo()).waiting === 2);
      client.abort();
      await answer;
      const row = await until('its row', async () => (await rows())[0]);
      expect(row).toMatchObject({ outcome: 'cancelled', termination: 'CL' });
      expect((await demo()).state.phase).toBe('starting');
      expect((await other).status).toBe(200);
      expect(await loadsOf(flow, 'flow-demo')).toBe(1);
      await until('both rows', async () => (await rows()).length === 2);
    });
  }

  test('F-25: when the only client leaves while the model loads; the load is finished and kept', async () => {
    writeFileSync(join(folder, 'delay'), '2');
    const client = new AbortController();
    const answer = ask(endless, client.signal).catch(() => null);
    await until('loading', async () => (await stages()).includes('loading'));
    client.abort();
    await answer;
    expect(await theOnlyRow()).toMatchObject({ outcome: 'cancelled', termination: 'CL' });
    await until('ready', async () => (await demo()).state.phase === 'ready');
    expect(await loadsOf(flow, 'flow-demo')).toBe(1);
  });

  test('F-24: when the client leaves while it waits in the queue', async () => {
    await flow.json('/api/models/flow-demo/load', { n_parallel: 1 });
    await until('ready', async () => (await demo()).state.phase === 'ready');
    const first = new AbortController();
    const holder = await ask(endless, first.signal);
    await until('generating', async () => (await stages()).includes('generating'));
    const client = new AbortController();
    const second = ask(endless, client.signal).catch(() => null);
    await until('queued', async () => (await stages()).includes('queued'));
    client.abort();
    await second;
    const row = await until('its row', async () => (await rows()).find((one) => one.termination === 'CQ'));
    expect(row.outcome).toBe('cancelled');
    expect((await demo()).inFlight).toBe(1);
    first.abort();
    await holder.text().catch(() => '');
    await until('both rows', async () => (await rows()).length === 2);
  });

  test('F-26: when the client leaves while the prompt is read', async () => {
    await flow.json('/api/models/flow-demo/load', { batch_size: 64, ubatch_size: 64, threads: 1 });
    await until('ready', async () => (await demo()).state.phase === 'ready');
    const client = new AbortController();
    const answer = ask(longPrompt, client.signal)
      .then((response) => response.text())
      .catch(() => '');
    await until('prefilling', async () => (await stages()).includes('prefilling'));
    client.abort();
    await answer;
    expect(await theOnlyRow()).toMatchObject({ outcome: 'cancelled', termination: 'CP' });
    await until('a free slot', async () => (await busySlots()) === 0);
  });

  test('F-27: when the client leaves while it is answered', async () => {
    const client = new AbortController();
    const response = await ask(endless, client.signal);
    await response.body?.getReader().read();
    await until('generating', async () => (await stages()).includes('generating'));
    client.abort();
    const row = await theOnlyRow();
    expect(row).toMatchObject({ outcome: 'cancelled', termination: 'CG' });
    expect(row.output_tokens).toBeGreaterThan(0);
    await until('a free slot', async () => (await busySlots()) === 0);
  });

  test('F-02: when the engine dies before the first byte: asked again on a new one', async () => {
    await flow.json('/api/models/flow-demo/load', { batch_size: 64, ubatch_size: 64, threads: 1 });
    const { state } = await until('ready', async () => {
      const model = await demo();
      return model.state.phase === 'ready' ? model : null;
    });
    const answer = ask({ ...longPrompt, max_tokens: 5, stream: false });
    await until('prefilling', async () => (await stages()).includes('prefilling'));
    process.kill(state.pid ?? 0, 'SIGKILL');
    expect((await answer).status).toBe(200);
    const row = await theOnlyRow();
    expect(row).toMatchObject({ outcome: 'completed' });
    expect(JSON.stringify(row.repairs)).toContain('the engine died before it answered; asked again');
  });

  test('F-01: when the engine dies after the first byte: an error event in each stream, no invented end', async () => {
    const texts = ['', ''];
    const ends = [0, 1].map(async (which) => {
      const decoder = new TextDecoder();
      for await (const bytes of (await ask(endless)).body ?? []) {
        texts[which] += decoder.decode(bytes, { stream: true });
      }
    });
    await until('fifty tokens in each', () => texts.every((text) => text.split('"content":"').length > 50));
    process.kill((await demo()).state.pid ?? 0, 'SIGKILL');
    await Promise.all(ends);
    for (const text of texts) {
      expect(text.match(/"error"/g)).toHaveLength(1);
      expect(text).toContain('backend_died');
      expect(text).not.toContain('[DONE]');
      expect(text).not.toContain('"finish_reason":"stop"');
    }
    const found = await until('both rows', async () => {
      const both = await rows();
      return both.length === 2 ? both : null;
    });
    for (const row of found) {
      expect(row).toMatchObject({ outcome: 'failed', termination: 'EG' });
      expect(row.output_tokens).toBeGreaterThanOrEqual(49);
    }
    expect((await demo()).state.phase).toBe('failed');
    const again = await ask({ ...endless, messages: [{ role: 'user', content: 'Hello' }] });
    expect(again.status).toBe(200);
    await again.text();
  });

  test('when a user cancels it', async () => {
    const response = await ask(endless);
    const text = response.text();
    await until('generating', async () => (await stages()).includes('generating'));
    const { body } = await flow.json('/api/requests');
    const [request] = Object.values(body.requests as Record<string, { request_id: string }[]>).flat();
    const cancelled = await flow.json(`/api/requests/${request?.request_id}/cancel`, {});
    expect(cancelled.status).toBe(202);
    expect(await text).toContain('"error"');
    expect(await theOnlyRow()).toMatchObject({ outcome: 'cancelled', termination: 'UG' });
  });

  test('F-52: when the gateway stops', async () => {
    const response = await ask(endless);
    const text = response.text().catch(() => '');
    await until('generating', async () => (await stages()).includes('generating'));
    const { pid } = (await demo()).state;
    flow.kill('SIGTERM');
    await until('it takes nothing new', async () => flow.output().includes('stopping'));
    // The first signal lets the answer go on; the second does not wait for it.
    expect((await demo().catch(() => null))?.inFlight ?? 1).toBe(1);
    const secondMs = performance.now();
    flow.kill('SIGTERM');
    expect(await flow.exited).toBe(143);
    // The answer itself would go on for half a minute.
    expect(performance.now() - secondMs).toBeLessThan(15_000);
    expect(await text).toContain('"error"');
    expect(() => process.kill(pid ?? 0, 0)).toThrow();
    const again = await startFlow({ dataDir: flow.dataDir, engine: join(folder, 'llama-server') });
    const { body } = await again.json('/api/telemetry?limit=10');
    await again[Symbol.asyncDispose]();
    expect((body.records as Row[]).map((row) => row.termination)).toEqual(['FG']);
  });
});
