/** A load that fits by all that is known and still runs out of memory, over a whole Flow and its next start. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFakeEngine } from '#test/support/fake-engine-launcher.ts';
import { type RunningFlow, startFlow, until } from '#test/support/running-flow.ts';

const OUT_OF_MEMORY =
  'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900.00 MiB failed: cudaMalloc failed: out of memory';

test('F-45: the need of a model that ran out of memory is corrected, and known at the next start', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'flow-shortage-'));
  const fake = makeFakeEngine(dataDir, { exit: { code: 1, stderr: OUT_OF_MEMORY } });
  const needOf = async (flow: RunningFlow): Promise<number> => {
    const { body } = await flow.json('/api/models/flow-demo/fit', {});
    return Number(body.total_bytes);
  };
  try {
    let corrected = 0;
    {
      await using flow = await startFlow({ dataDir, engine: fake.executable });
      const before = await needOf(flow);
      const messages = [{ role: 'user', content: 'Hello' }];
      const refused = await flow.json('/v1/chat/completions', { model: 'flow-demo', messages });
      expect(refused).toMatchObject({ status: 503 });
      expect(JSON.stringify(refused.body)).toContain('Memory ran out');
      corrected = await needOf(flow);
      expect(corrected / before).toBeCloseTo(1.25, 5);
    }
    fake.behave({});
    await using flow = await startFlow({ dataDir, engine: fake.executable });
    // Which engine there is, it knows a moment after its start.
    await until('the corrected need', async () => (await needOf(flow)) === corrected);
    const served = await flow.json('/v1/chat/completions', {
      model: 'flow-demo',
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(served.status).toBe(200);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 180_000);
