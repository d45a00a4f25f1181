// Where the number for a load comes from. The formula itself is tested in footprint.test.ts.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { makeDemoModel } from '#src/models/demo.ts';
import { HeaderCache } from '#src/models/header-cache.ts';
import { launchFor } from '#src/models/launch.ts';
import { Measurements } from '#src/models/measurements.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import { Registry } from '#src/models/registry.ts';
import { Settings } from '#src/settings/settings.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const settings = Value.Default(Settings, { models_dir: '/models' }) as Settings;
const clock = new FakeClock();
const headers = new HeaderCache();

let folder: string;
let store: Store;
let model: Model;
let launch: LaunchSettings;
let version: string | null;
let measurements: Measurements;

const build = (): Measurements => new Measurements({ store, clock, headers, engineVersion: () => version });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flow-measurements-'));
  const path = join(folder, 'model.gguf');
  await makeDemoModel(path);
  store = openStore(':memory:');
  model = new Registry({ store, bus: new Bus(), clock, headers, modelsDir: () => folder }).registerLocal(path).model;
  launch = launchFor(model, settings, {});
  version = 'b1';
  measurements = build();
});
afterEach(async () => {
  store.$client.close();
  await rm(folder, { recursive: true });
});

test('the formula serves before the first load', () => {
  const need = measurements.needOf(model, launch);
  expect(need.source).toBe('formula');
  expect(need.parts.weightsBytes).toBeGreaterThan(1_000_000);
});

test("the engine's word goes before the formula, for these flags and after a restart", () => {
  const weightsBytes = measurements.needOf(model, launch).parts.weightsBytes;
  measurements.recordEngineWord(model, launch, { weightsBytes, kvCacheBytes: 77, computeBytes: 5 });
  for (const one of [measurements, build()]) {
    expect(one.needOf(model, launch)).toMatchObject({ source: 'engine', parts: { kvCacheBytes: 77, computeBytes: 5 } });
  }
  expect(measurements.needOf(model, { ...launch, ctx_size: 1024 }).source).toBe('formula');
  expect(measurements.needOf(model, { ...launch, threads: 1 }).source).toBe('engine');
});

test('what was measured goes before both; only more than known is news', () => {
  const { totalBytes } = measurements.needOf(model, launch);
  measurements.recordResident(model, launch, totalBytes + 1_000);
  measurements.recordResident(model, launch, totalBytes);
  expect(measurements.needOf(model, launch)).toMatchObject({ source: 'measured', totalBytes: totalBytes + 1_000 });
  expect(build().needOf(model, launch).source).toBe('measured');
});

test('resident memory that cannot be the whole truth is not believed', () => {
  measurements.recordResident(model, launch, 1_000);
  expect(measurements.needOf(model, launch).source).toBe('formula');
});

test('another file or another engine build is measured anew', async () => {
  measurements.recordResident(model, launch, 1e9);
  version = 'b2';
  expect(measurements.needOf(model, launch).source).toBe('formula');
  version = 'b1';
  expect(measurements.needOf(model, launch).source).toBe('measured');
  await utimes(model.path, 1_000_000, 1_000_000);
  expect(measurements.needOf(model, launch).source).toBe('formula');
});

test('F-45: what was too little is not offered again, for this context and engine, after a restart too', () => {
  const before = measurements.needOf(model, launch).totalBytes;
  measurements.recordShortage(model, launch, before);
  for (const one of [measurements, build()])
    expect(one.needOf(model, launch).totalBytes).toBe(Math.ceil(before * 1.25));
  measurements.recordShortage(model, launch, before * 1.25);
  expect(measurements.needOf(model, launch).totalBytes).toBe(Math.ceil(before * 1.5625));
  expect(measurements.needOf(model, { ...launch, ctx_size: 1024 }).source).toBe('formula');
  version = 'b2';
  expect(measurements.needOf(model, launch)).toMatchObject({ source: 'formula', totalBytes: before });
});

test('F-45: but a failure never teaches that a model needs more than there is for all models', () => {
  const before = measurements.needOf(model, launch).totalBytes;
  const budgetBytes = () => before * 1.1;
  const bounded = new Measurements({ store, clock, headers, engineVersion: () => version, budgetBytes });
  bounded.recordShortage(model, launch, before);
  expect(bounded.needOf(model, launch).totalBytes).toBe(before * 1.1);
});

test('a removed model is forgotten', () => {
  measurements.recordResident(model, launch, 1e9);
  measurements.forget(model.id);
  expect(build().needOf(model, launch).source).toBe('formula');
});

test('a file that is gone is said', async () => {
  await rm(model.path);
  expect(() => measurements.needOf(model, launch)).toThrow(Fault);
  measurements.recordResident(model, launch, 1e9);
});
