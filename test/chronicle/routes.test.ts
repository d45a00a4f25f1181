// The two routes by which scripts get what the charts are drawn from. What is written down: chronicle.test.ts.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { Chronicle } from '#src/chronicle/chronicle.ts';
import { MemoryHistory } from '#src/chronicle/memory-history.ts';
import { chronicleRoutes } from '#src/chronicle/routes.ts';
import { Bus } from '#src/events.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const MACHINE = { totalBytes: 48e9, freeBytes: 4e9, availableBytes: 9e9 };

let store: Store;
let app: ReturnType<typeof chronicleRoutes>;

beforeAll(() => {
  store = openStore(':memory:');
  const clock = new FakeClock();
  const bus = new Bus();
  const writer = new RecordWriter({ store, clock, bus, retention: () => ({ days: 90, bytesMax: 1e9 }) });
  const chronicle = new Chronicle({ store, writer, bus, clock });
  const memoryHistory = new MemoryHistory({
    store,
    writer,
    clock,
    fleet: () => ({ models: [] }),
    memory: () => MACHINE,
  });
  memoryHistory.begin();
  const end = { kind: 'unload', reason: 'eviction', endedAtMs: 0 } as const;
  chronicle.recordEnd({ ...end, modelId: 'gemma', madeRoomFor: 'qwen' });
  chronicle.recordEnd({ ...end, modelId: 'qwen', madeRoomFor: 'gemma' });
  app = chronicleRoutes({ chronicle, memoryHistory, clock });
});
afterAll(() => closeStore(store));

async function asked(path: string): Promise<unknown> {
  return (await app.handle(new Request(`http://flow${path}`))).json();
}

test('marks come with their reasons, of one model or of all, and of the time asked for', async () => {
  expect(await asked('/api/telemetry/marks')).toMatchObject({ total: 2, marks: [{ subject: 'gemma' }, {}] });
  expect(await asked('/api/telemetry/marks?model_id=qwen')).toMatchObject({
    total: 1,
    marks: [{ kind: 'unload', subject: 'qwen', cause: 'eviction', detail: 'gemma', at: 1_750_000_000 }],
  });
  expect(await asked('/api/telemetry/marks?limit=1')).toMatchObject({ total: 2, marks: [{ subject: 'qwen' }] });
  expect(await asked('/api/telemetry/marks?since=5&until=3')).toEqual({ total: 0, marks: [] });
});

test('memory comes in as many parts as are asked for', async () => {
  const body = await asked('/api/telemetry/memory?points=3');
  expect(body).toEqual({
    points: [null, null, expect.objectContaining({ total_bytes: 48e9, apps_bytes: 39e9, cache_bytes: 5e9 })],
  });
});
