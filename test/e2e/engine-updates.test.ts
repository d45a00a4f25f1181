/**
 * Updates of engines by a whole Flow: a real llama-server comes from a release host on loopback, is tried, and becomes
 * the default or does not. How things are fetched: `test/engines`; what follows from a trial: `test/upgrades`.
 */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TAG } from '../engines/support/fake-releases.ts';
import { processesWith } from '../support/processes.ts';
import { until } from '../support/running-flow.ts';
import {
  fakeProgram,
  realProgram,
  spoiltProgram,
  toollessProgram,
  type UpdateHouse,
  updateHouse,
} from '../upgrades/support/update-house.ts';

const CHAT = { model: 'flow-demo', messages: [{ role: 'user', content: 'Hello' }] };

type Step = { name: string; outcome: string; message: string };
const stepsOf = (report: Record<string, unknown>, name = 'steps'): Step[] => Object(report)[name] ?? [];
const outcomes = (steps: readonly Step[]) => Object.fromEntries(steps.map(({ name, outcome }) => [name, outcome]));

function untilBytes({ flow }: UpdateHouse): Promise<unknown> {
  const ratio = async () => Object((await flow.json('/api/engines/update')).body.progress).ratio;
  return until('bytes', async () => typeof (await ratio()) === 'number');
}

describe('a new engine that works', () => {
  test('is tried, becomes the default from the next load on, and can be gone back from after a restart', async () => {
    await using house = await updateHouse(realProgram);
    expect((await house.flow.json('/v1/chat/completions', CHAT)).status).toBe(200);
    const running = async () => Object((await house.flow.json('/api/models/running')).body).models;
    const before = await running();
    const report = await house.update();
    expect(report).toMatchObject({ outcome: 'updated', from: { id: 'b1' }, to: { id: TAG }, model: 'flow-demo' });
    expect(outcomes(stepsOf(report))).toEqual({
      start: 'passed',
      chat: 'passed',
      stream: 'passed',
      tools: 'passed',
      thinking: 'passed',
      count: 'passed',
      stop: 'passed',
    });
    expect(stepsOf(report).find(({ name }) => name === 'tools')?.message).toContain('get_weather was called');
    expect(await house.chosen()).toBe(TAG);
    // What runs goes on.
    expect(await running()).toEqual(before);
    await house.restart();
    expect(await house.chosen()).toBe(TAG);
    expect((await house.flow.json('/api/engines/rollback', {})).body).toMatchObject({ status: 'ok', chosen: 'b1' });
    expect(await house.chosen()).toBe('b1');
    expect((await house.flow.json('/v1/chat/completions', CHAT)).status).toBe(200);
    // Forward again by the same way.
    expect((await house.flow.json('/api/engines/rollback', {})).body).toMatchObject({ chosen: TAG });
    expect(await house.update()).toMatchObject({ outcome: 'up-to-date' });
  }, 180_000);
});

describe('a new engine that is bad leaves the old one in force:', () => {
  const endless = Array.from({ length: 40 }, () => '@');
  const cases: readonly [string, (folder: string) => string, string, RegExp][] = [
    [
      'it crashes',
      () => spoiltProgram('echo "GGML_ASSERT(false) failed" >&2; kill -ABRT $$'),
      'start',
      /assert|crash/i,
    ],
    ['it hangs', () => spoiltProgram('exec sleep 600'), 'start', /no sign of life|5 s|gave/i],
    [
      'it refuses a flag',
      () => spoiltProgram('echo "error: invalid argument: --metrics" >&2; exit 1'),
      'start',
      /--metrics/,
    ],
    ['it writes gibberish', (folder) => fakeProgram(folder, { request: { pieces: endless } }), 'chat', /no sense/],
    ['it answers 500', (folder) => fakeProgram(folder, { request: { status: 500, body: {} } }), 'chat', /500/],
    ['it breaks on tools', toollessProgram, 'tools', /tools are broken here/],
    ['it dies at work', (folder) => fakeProgram(folder, { request: { crash_after_tokens: 2 } }), 'chat', /./],
  ];

  test.each(cases)(
    '%s',
    async (_, program, step, words) => {
      await using house = await updateHouse(program);
      await house.flow.json('/api/settings', { load_stall_seconds: 5 }, 'PUT');
      const report = await house.update();
      expect(report).toMatchObject({ outcome: 'failed', from: { id: 'b1' }, to: { id: TAG } });
      const failed = stepsOf(report).find(({ outcome }) => outcome === 'failed');
      expect(failed?.name).toBe(step);
      expect(failed?.message).toMatch(words);
      expect(report.message).toContain('stays in use');
      expect(stepsOf(report, 'baseline_steps').every(({ outcome }) => outcome === 'passed')).toBe(true);
      expect(await house.chosen()).toBe('b1');
      expect((await house.flow.json('/v1/chat/completions', CHAT)).status).toBe(200);
      // It is kept to be looked at, and can be removed.
      expect((await house.flow.json(`/api/engines/${TAG}`, undefined, 'DELETE')).status).toBe(200);
      expect((await house.flow.json('/api/engines/rollback', {})).status).toBe(409);
    },
    180_000,
  );
});

describe('what does not come to a trial changes nothing:', () => {
  test('a wrong checksum', async () => {
    await using house = await updateHouse(realProgram, { misbehaviour: { digest: `sha256:${'0'.repeat(64)}` } });
    const report = await house.update();
    expect(report.outcome).toBe('failed');
    expect(report.message).toContain('SHA-256');
    expect(await house.chosen()).toBe('b1');
  }, 180_000);

  test('a release host in trouble', async () => {
    await using house = await updateHouse(realProgram, { misbehaviour: { releaseStatus: 500 } });
    expect(await house.update()).toMatchObject({ outcome: 'failed', to: null });
    expect(await house.chosen()).toBe('b1');
  }, 180_000);

  test('an engine that FLOW_LLAMA_SERVER names, and unknown names', async () => {
    await using house = await updateHouse(realProgram, { engine: '/bin/true' });
    expect((await house.flow.json('/api/engines/update', {})).status).toBe(409);
    expect((await house.flow.json('/api/engines/update', { name: 'evil' })).status).toBe(400);
    expect((await house.flow.json('/api/engines/update', { version: '../x' })).status).toBe(400);
  }, 180_000);
});

describe('an update that is ended on the way', () => {
  test('by a person while it fetches leaves nothing', async () => {
    await using house = await updateHouse(realProgram, { misbehaviour: { halfway: new Promise(() => {}) } });
    await house.flow.json('/api/engines/update', {});
    await untilBytes(house);
    expect((await house.flow.json('/api/engines/update', {})).status).toBe(409);
    await house.flow.json('/api/engines/update', undefined, 'DELETE');
    await until('the end', async () => (await house.report())?.outcome === 'cancelled');
    expect(readdirSync(join(house.flow.dataDir, 'engines', 'llama.cpp'))).toEqual(['b1']);
  }, 180_000);

  test('by a person while it tries leaves no engine running', async () => {
    await using house = await updateHouse((folder) => fakeProgram(folder, { never_ready: true }));
    await house.flow.json('/api/engines/update', {});
    const mark = `${house.flow.dataDir}/fake`;
    await until('the engine on trial', () => processesWith(mark).length > 0);
    await house.flow.json('/api/engines/update', undefined, 'DELETE');
    await until('the end', async () => (await house.report())?.outcome === 'cancelled');
    expect(processesWith(mark)).toEqual([]);
    expect(await house.chosen()).toBe('b1');
  }, 180_000);

  test('by the death of Flow is told by the next one, which uses the old engine', async () => {
    await using house = await updateHouse(realProgram, { misbehaviour: { halfway: new Promise(() => {}) } });
    await house.flow.json('/api/engines/update', {});
    await untilBytes(house);
    await house.restart('SIGKILL');
    await until('the report', async () => (await house.report())?.outcome === 'interrupted');
    const folder = join(house.flow.dataDir, 'engines', 'llama.cpp');
    await until('it is swept', () => !readdirSync(folder).some((name) => name.startsWith('.staging')));
    expect(existsSync(join(folder, 'b1'))).toBe(true);
    expect(await house.chosen()).toBe('b1');
    expect((await house.flow.json('/v1/chat/completions', CHAT)).status).toBe(200);
  }, 180_000);
});
