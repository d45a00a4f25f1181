// What is written down of a life: ends, changes, starts. How they are drawn: test/pages/telemetry. Which ends the
// scheduler tells: test/scheduling/ends.test.ts.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Chronicle, changedNames, type Watched } from '#src/chronicle/chronicle.ts';
import { Bus } from '#src/events.ts';
import type { Model } from '#src/models/model.ts';
import { closeStore, openStore, type Store } from '#src/store/open.ts';
import { RecordWriter } from '#src/store/writer.ts';
import { modelOf } from '#test/scheduling/world.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const EVER = { fromMs: 0, untilMs: Number.MAX_SAFE_INTEGER };

let store: Store;
let writer: RecordWriter;
let clock: FakeClock;
let bus: Bus;
let models: Map<string, Model>;
let versions: Map<string, string>;
let watched: Watched;

beforeEach(() => {
  store = openStore(':memory:');
  clock = new FakeClock();
  bus = new Bus((cause) => {
    throw cause;
  });
  writer = new RecordWriter({ store, clock, bus, retention: () => ({ days: 90, bytesMax: 1e9 }) });
  models = new Map([['gemma', modelOf('gemma')]]);
  versions = new Map();
  watched = {
    version: '1.2.3',
    models: () => [...models.values()],
    findModel: (modelId) => models.get(modelId) ?? null,
    engineVersion: (engine) => versions.get(engine) ?? null,
  };
});
afterEach(() => {
  writer.close();
  closeStore(store);
});

function opened() {
  return new Chronicle({ store, writer, bus, clock });
}

const told = (chronicle: Chronicle, modelId: string | null = null) =>
  chronicle
    .list(EVER, modelId, 100)
    .marks.map(({ kind, subject, cause, detail }) => [kind, subject, cause, detail].join(' ').replaceAll(/ +/g, ' '));

test('a start without an end before it says that Flow had not ended in good order', () => {
  const first = opened();
  first.begin(watched);
  first.close();
  opened().begin(watched);
  const third = opened();
  third.begin(watched);
  expect(told(third).map((words) => words.trim())).toEqual([
    'start 1.2.3',
    'stop',
    'start 1.2.3',
    'start after-crash 1.2.3',
  ]);
});

test('unloads say for whom, crashes say what', () => {
  const chronicle = opened();
  const end = { modelId: 'gemma', endedAtMs: 0 } as const;
  chronicle.recordEnd({ ...end, kind: 'unload', reason: 'eviction', madeRoomFor: 'qwen' });
  chronicle.recordEnd({ ...end, kind: 'unload', reason: 'cooldown', madeRoomFor: null });
  chronicle.recordEnd({ ...end, kind: 'crash', crashKind: 'out-of-memory', message: 'No memory was left.' });
  expect(told(chronicle)).toEqual([
    'unload gemma eviction qwen',
    'unload gemma cooldown ',
    'crash gemma out-of-memory No memory was left.',
  ]);
  expect(chronicle.counts(EVER, null)).toEqual({ swaps: 1, crashes: 1 });
  expect(chronicle.counts(EVER, 'qwen')).toEqual({ swaps: 0, crashes: 0 });
  expect(chronicle.counts({ fromMs: 0, untilMs: clock.wallMs() }, null)).toEqual({ swaps: 0, crashes: 0 });
});

test('a model that only does something is no change; its configuration is, by names and never by values', () => {
  const chronicle = opened();
  chronicle.begin(watched);
  bus.publish({ type: 'model-changed', modelId: 'gemma' });
  const model = modelOf('gemma');
  const config = { ...model.config, is_pinned: true, launch: { ctx_size: 4711 } };
  models.set('gemma', { ...model, config });
  bus.publish({ type: 'model-changed', modelId: 'gemma' });
  bus.publish({ type: 'model-changed', modelId: 'gemma' });
  models.set('qwen', modelOf('qwen'));
  bus.publish({ type: 'model-added', modelId: 'qwen' });
  models.delete('gemma');
  bus.publish({ type: 'model-removed', modelId: 'gemma' });
  bus.publish({ type: 'settings-changed', keys: ['jit_enabled', 'queue_limit'] });
  expect(told(chronicle).slice(1)).toEqual([
    'model gemma configured ctx_size, is_pinned',
    'model qwen added ',
    'model gemma removed ',
    'settings jit_enabled, queue_limit',
  ]);
  expect(told(chronicle).join()).not.toContain('4711');
});

test('an engine is told of when its version is another one, also across runs', () => {
  const first = opened();
  first.begin(watched);
  versions.set('llama.cpp', 'b100');
  bus.publish({ type: 'engine-install-changed', engine: 'llama.cpp' });
  bus.publish({ type: 'engine-install-changed', engine: 'llama.cpp' });
  first.close();
  const second = opened();
  second.begin(watched);
  versions.set('llama.cpp', 'b200');
  bus.publish({ type: 'model-changed', modelId: 'gemma' });
  expect(told(second).filter((words) => words.startsWith('engine'))).toEqual([
    'engine llama.cpp found b100',
    'engine llama.cpp changed b200',
  ]);
});

test('of one model is told what is its own, and what concerns all', () => {
  const chronicle = opened();
  chronicle.begin(watched);
  for (const modelId of ['gemma', 'qwen']) {
    chronicle.recordEnd({ modelId, endedAtMs: 0, kind: 'unload', reason: 'user', madeRoomFor: null });
  }
  expect(told(chronicle, 'gemma')).toEqual(['start 1.2.3', 'unload gemma user ']);
  expect(chronicle.list(EVER, null, 2)).toMatchObject({ total: 3, marks: [{ subject: 'gemma' }, { subject: 'qwen' }] });
});

test('nothing is written before the beginning nor after the end, and long words are cut', () => {
  const chronicle = opened();
  bus.publish({ type: 'settings-changed', keys: ['a'] });
  expect(chronicle.count).toBe(0);
  chronicle.begin(watched);
  bus.publish({ type: 'settings-changed', keys: ['x'.repeat(5_000)] });
  chronicle.close();
  bus.publish({ type: 'settings-changed', keys: ['b'] });
  const { marks } = chronicle.list(EVER, null, 10);
  expect(marks.map(({ kind }) => kind)).toEqual(['start', 'settings', 'stop']);
  expect(marks[1]?.detail).toHaveLength(300);
});

test('names of what changed', () => {
  const before = modelOf('gemma');
  expect(changedNames(before, before)).toEqual([]);
  expect(changedNames(before, { ...before, aliases: ['g'], sizeBytes: 1 })).toEqual(['aliases']);
});
