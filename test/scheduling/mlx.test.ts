/**
 * One MLX server at a time, and a fresh start of what has grown: the tables of the decisions, and both in the whole
 * fleet on a fake clock. Random lives are in `fuzz.test.ts`.
 */
import { describe, expect, test } from 'bun:test';
import { type AdmissionTerms, admit, admitAll } from '#src/scheduling/admission.ts';
import { type Grown, growthOf, renewalAtMs } from '#src/scheduling/growth.ts';
import type { Occupant, Want } from '#src/scheduling/occupant.ts';
import { GB, GOOD, World } from './world.ts';

const NOW_MS = 1_000_000;

function mlx(modelId: string, differences: Partial<Occupant> = {}): Occupant {
  return {
    modelId,
    bytes: 2 * GB,
    mlxProcesses: 1,
    phase: 'ready',
    isPinned: false,
    inFlight: 0,
    waiting: 0,
    isWished: false,
    readySinceMs: NOW_MS - 600_000,
    idleSinceMs: NOW_MS - 60_000,
    reloadMs: 5_000,
    ...differences,
  };
}

const gguf = (modelId: string, differences: Partial<Occupant> = {}) =>
  mlx(modelId, { mlxProcesses: 0, ...differences });

function want(modelId: string, differences: Partial<Want> = {}): Want {
  return { modelId, bytes: 2 * GB, mlxProcesses: 1, sinceMs: NOW_MS, ...differences };
}

function terms(mlxProcessesMax: number, budgetGb = 64): AdmissionTerms {
  const rules = { residencyMs: 10_000, starvationMs: 60_000 };
  return { budgetBytes: budgetGb * GB, mlxProcessesMax, nowMs: NOW_MS, rules };
}

describe('admission of MLX models with memory for all', () => {
  const cases: readonly [string, readonly Occupant[], number, object][] = [
    ['alone: now', [], 1, { decision: 'start', lacks: null }],
    ['beside GGUF models: now', [gguf('a'), gguf('b')], 1, { decision: 'start', leaving: [] }],
    ['beside an idle one: that one goes', [mlx('a'), gguf('b')], 1, { decision: 'start', evict: ['a'] }],
    ['without a limit: now', [mlx('a'), mlx('b')], 0, { decision: 'start', leaving: [] }],
    ['two may run: now', [mlx('a')], 2, { decision: 'start', leaving: [] }],
    [
      'two run: the cheaper one goes',
      [mlx('a', { reloadMs: 90_000 }), mlx('b')],
      2,
      { decision: 'start', lacks: 'mlx-process', evict: ['b'] },
    ],
    [
      'beside a busy one: it waits its turn',
      [mlx('a', { inFlight: 1 })],
      1,
      { decision: 'wait', lacks: 'mlx-process', why: 'busy', for: ['a'], close: [], wakeAtMs: NOW_MS + 60_000 },
    ],
    ['beside one that stops: it waits', [mlx('a', { phase: 'stopping' })], 1, { decision: 'wait', why: 'stopping' }],
    [
      'beside a pinned one: refused, and who is in the way',
      [mlx('a', { isPinned: true })],
      1,
      { decision: 'refuse', lacks: 'mlx-process', pinned: ['a'] },
    ],
    ['beside a pinned GGUF model: now', [gguf('a', { isPinned: true })], 1, { decision: 'start', leaving: [] }],
  ];
  for (const [name, occupants, max, expected] of cases) {
    test(name, () => expect(admit(want('x'), occupants, terms(max))).toMatchObject(expected));
  }

  test('the idle MLX model goes even where a cheaper GGUF model would free the memory', () => {
    const occupants = [mlx('a', { bytes: 6 * GB }), gguf('b', { bytes: 2 * GB, reloadMs: 1 })];
    expect(admit(want('x'), occupants, terms(1, 9))).toMatchObject({ evict: ['a'] });
  });

  test('what an MLX model gives up for a GGUF model is not free for the next MLX model until it is gone', () => {
    const wants = [want('g', { bytes: 62 * GB, mlxProcesses: 0, sinceMs: NOW_MS - 9 }), want('x', { bytes: 1 * GB })];
    const answers = admitAll(wants, [mlx('a', { bytes: 4 * GB, inFlight: 1 })], terms(1, 64));
    expect(answers.map(({ admission }) => admission.decision)).toEqual(['wait', 'wait']);
  });
});

describe('growth', () => {
  const rules = { restart_grown: 'mlx', restart_growth_percent: 50 } as const;
  const GIB = 1024 ** 3;
  const idle: Grown = {
    format: 'mlx',
    baselineBytes: 4 * GIB,
    measuredBytes: 9 * GIB,
    needBytes: 8 * GIB,
    idleSinceMs: NOW_MS,
    renewedAtMs: null,
  };
  const cases: readonly [string, Partial<Grown>, Partial<typeof rules> | { restart_grown: 'off' | 'all' }, number][] = [
    ['more than half of the need', {}, {}, 5 * GIB],
    ['half of the need', { measuredBytes: 8 * GIB }, {}, 0],
    ['less than a GiB of a small model', { baselineBytes: 0, measuredBytes: GIB, needBytes: GIB / 10 }, {}, 0],
    ['more than a GiB of a small model', { baselineBytes: 0, measuredBytes: GIB + 1, needBytes: 1 }, {}, GIB + 1],
    ['nothing measured', { measuredBytes: null }, {}, 0],
    ['no baseline', { baselineBytes: null }, {}, 0],
    ['a GGUF model', { format: 'gguf' }, {}, 0],
    ['a GGUF model, all watched', { format: 'gguf' }, { restart_grown: 'all' }, 5 * GIB],
    ['switched off', {}, { restart_grown: 'off' }, 0],
  ];
  for (const [name, grown, other, expected] of cases) {
    test(name, () => expect(growthOf({ ...idle, ...grown }, { ...rules, ...other })).toBe(expected));
  }

  test('it is started anew after half a minute of idleness, and once in ten minutes', () => {
    expect(renewalAtMs(idle, rules)).toBe(NOW_MS + 30_000);
    expect(renewalAtMs({ ...idle, renewedAtMs: NOW_MS - 60_000 }, rules)).toBe(NOW_MS + 540_000);
    expect(renewalAtMs({ ...idle, measuredBytes: 5 * GIB }, rules)).toBeNull();
  });
});

describe('the fleet', () => {
  function world(): World {
    const made = new World();
    made.budgetBytes = 64 * GB;
    for (const id of ['a', 'b']) made.add(id, 2, GOOD, 'mlx');
    made.add('g', 2);
    return made;
  }

  test('a second MLX model unloads the first although both fit, and leaves a GGUF model alone', async () => {
    const one = world();
    for (const id of ['g', 'a']) one.ask(id);
    await one.pass(12_000);
    for (const asked of ['g', 'a']) expect(one.phase(asked)).toBe('ready');
    const first = one.ask('a');
    await one.pass(100);
    const second = one.ask('b');
    await one.pass(1_000);
    expect(second.waits.at(-1)).toEqual({ reason: 'memory', place: 1, waitingFor: ['a'], lacks: 'mlx-process' });
    first.end();
    expect(one.phase('b')).toBe('idle');
  });

  test('a grown model is started anew while idle, stays loaded, and not twice in ten minutes', async () => {
    const one = world();
    one.set({ jit_cooldown_seconds: 0 });
    const asked = one.ask('a');
    await one.pass(2_000);
    one.held.set('a', 20 * GB);
    await one.pass(60_000);
    expect(one.stops).toEqual([]);
    asked.end();
    await one.pass(29_000);
    expect(one.stops).toEqual([]);
    await one.pass(10_000);
    expect(one.stops).toMatchObject([{ modelId: 'a', reason: 'growth' }]);
    expect(one.phase('a')).toBe('ready');
    expect(one.events).toContainEqual({
      type: 'notice',
      tone: 'info',
      text: 'a held 18.0 GB more than after its load; it is started anew while idle.',
    });
    one.held.set('a', 40 * GB);
    await one.pass(540_000, 1_000);
    expect(one.stops).toHaveLength(1);
    await one.pass(60_000, 1_000);
    expect(one.stops).toHaveLength(2);
  });

  test('a grown model whose place is taken meanwhile stays unloaded and disturbs nobody', async () => {
    const one = world();
    const asked = one.ask('a');
    await one.pass(2_000);
    one.held.set('a', 20 * GB);
    asked.end();
    one.fates.set('a', { ...GOOD, stopMs: 3_000 });
    for (let step = 0; step < 600 && one.phase('a') === 'ready'; step += 1) await one.pass(100);
    expect(one.phase('a')).toBe('stopping');
    const other = one.ask('b');
    await one.pass(10_000);
    expect(other.lease).not.toBeNull();
    expect(one.phase('a')).toBe('idle');
    other.end();
  });
});
