/** What is the first of its kind is measured once, and kept in the store. */
import { expect, test } from 'bun:test';
import type { InstallProgress } from '#src/engines/install-source.ts';
import { Bus } from '#src/events.ts';
import { FirstRun } from '#src/pages/setup/first-run.ts';
import type { RequestView } from '#src/requests/request.ts';
import { RequestTracker } from '#src/requests/tracker.ts';
import { openStore, type Store } from '#src/store/open.ts';
import { requests } from '#src/store/schema.ts';
import { readyModel, sampleFleetModel, sampleRequest } from '../../support/dashboard.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function openRun(store: Store = openStore(':memory:')) {
  const clock = new FakeClock();
  const scene: { progress: InstallProgress | null; request: RequestView | null; isReady: boolean } = {
    ...{ progress: null, request: null, isReady: false },
  };
  const run = new FirstRun({
    ...{ store, clock },
    installer: {
      get progress() {
        return scene.progress;
      },
      get isRunning() {
        return scene.progress !== null && scene.progress.phase !== 'failed';
      },
    },
    downloads: { find: () => null },
    tracker: { find: () => scene.request },
    lender: { model: (id) => (scene.isReady ? readyModel(id) : sampleFleetModel(id)) },
  });
  const install = (phase: InstallProgress['phase'], bytes = 0) => {
    scene.progress = { phase, source: 'release', bytes, totalBytes: 40e6, message: phase };
    run.note({ type: 'engine-install-changed', engine: 'llama.cpp' });
  };
  const request = (parts: Partial<RequestView>) => {
    scene.request = sampleRequest('aaaaaaaaaaa1', { modelId: 'qwen', startedAtMs: 1_000, ...parts });
    run.note({ type: 'request-changed', requestId: 'aaaaaaaaaaa1', modelId: 'qwen' });
  };
  return { run, clock, scene, store, install, request };
}

test('an installation is measured from its first step to its last, and so is the line', () => {
  const { run, clock, install } = openRun();
  install('looking');
  clock.advance(2_000);
  install('downloading', 0);
  clock.advance(8_000);
  install('downloading', 40e6);
  clock.advance(2_000);
  install('done');
  expect(run.milestones.engineMs).toBe(12_000);
  expect(run.lineBytesPerS).toBe(5e6);
  // A second engine is no first one.
  install('looking');
  clock.advance(99_000);
  install('done');
  expect(run.milestones.engineMs).toBe(12_000);
});

test('one that failed is not measured, and the next is measured from its own beginning', () => {
  const { run, clock, install } = openRun();
  install('looking');
  clock.advance(60_000);
  install('failed');
  install('looking');
  clock.advance(3_000);
  install('done');
  expect(run.milestones.engineMs).toBe(3_000);
});

test('the first complete answer counts, not a failure and not an empty one', () => {
  const { run, request } = openRun();
  request({ stage: 'failed', endedAtMs: 2_000 });
  request({ stage: 'completed', outputTokens: 0, endedAtMs: 2_000 });
  expect(run.milestones.answer).toBeNull();
  expect(run.isFresh).toBe(true);
  request({ stage: 'generating', outputTokens: 5 });
  expect(run.latest?.stage).toBe('generating');
  request({ stage: 'completed', outputTokens: 9, tokensPerS: 43, client: 'codex', endedAtMs: 4_100 });
  expect(run.milestones.answer).toEqual({ modelId: 'qwen', client: 'codex', tokensPerS: 43, tookMs: 3_100 });
  expect(run.isFresh).toBe(false);
  expect(run.latest).toBeNull();
});

test('what was measured, chosen and skipped is known to the next run of Flow', () => {
  const { run, store, scene, request } = openRun();
  scene.isReady = true;
  run.note({ type: 'model-changed', modelId: 'qwen' });
  run.chooseDemo();
  run.skip(true);
  request({ stage: 'completed', outputTokens: 9, tokensPerS: 43, endedAtMs: 4_100 });
  const next = openRun(store).run;
  expect(next.milestones).toEqual(run.milestones);
  expect(next.milestones.model).toEqual({ name: 'qwen', tookMs: 13_000, by: 'load' });
  expect(next.isFresh).toBe(false);
});

test('who has had answers before any of this was measured is no newcomer', () => {
  const store = openStore(':memory:');
  const record = (row: typeof requests.$inferInsert) => void store.insert(requests).values(row).run();
  const tracker = new RequestTracker({ clock: new FakeClock(), bus: new Bus(), record });
  const head = {
    route: '/v1/messages',
    dialect: 'anthropic',
    wantedModel: null,
    isStream: true,
    client: 'claude-code',
  };
  const ticket = tracker.open(Object(head));
  ticket.resolved('qwen');
  const usage = { inputTokens: 3, cachedTokens: 0, outputTokens: 9, thinkingTokens: null };
  const timings = { prefillTokensPerS: null, decodeTokensPerS: 43, prefillMs: null, decodeMs: null };
  ticket.settle({ kind: 'completed', usage, timings, finishReason: 'stop' });
  const { run } = openRun(store);
  expect(run.milestones.answer).toMatchObject({ modelId: 'qwen', client: 'claude-code', tokensPerS: 43 });
  expect(run.isFresh).toBe(false);
});
