/**
 * The pure policies as tables: whom to unload (`eviction`), whose turn (`turns`), what may start (`admission`). The
 * whole: `fleet.test.ts`.
 */
import { describe, expect, test } from 'bun:test';
import { admit, admitAll } from '#src/scheduling/admission.ts';
import { bytesOf, cheapestToLose, costOfLosing } from '#src/scheduling/eviction.ts';
import type { Occupant, Want } from '#src/scheduling/occupant.ts';
import { changesAtMs, inTurn, type Standing, standing } from '#src/scheduling/turns.ts';

const RULES = { residencyMs: 10_000, starvationMs: 60_000 };
const NOW_MS = 1_000_000;

function occupant(modelId: string, gigabytes: number, differences: Partial<Occupant> = {}): Occupant {
  return {
    modelId,
    bytes: gigabytes * 1e9,
    mlxProcesses: 0,
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

function want(modelId: string, gigabytes: number, waitedMs = 0): Want {
  return { modelId, bytes: gigabytes * 1e9, mlxProcesses: 0, sinceMs: NOW_MS - waitedMs };
}

const terms = (budgetGb: number) => ({
  budgetBytes: budgetGb * 1e9,
  mlxProcessesMax: 1,
  nowMs: NOW_MS,
  rules: RULES,
});
const ids = (occupants: readonly Occupant[] | null): readonly string[] | null =>
  occupants?.map((one) => one.modelId).toSorted() ?? null;

describe('eviction', () => {
  const cases: readonly [string, readonly Occupant[], number, readonly string[] | null][] = [
    ['nothing to free: nobody', [occupant('a', 4)], 0, []],
    ['not enough in all: nobody, nothing in vain', [occupant('a', 4), occupant('b', 4)], 9, null],
    [
      'the longest idle of two alike',
      [occupant('a', 4), occupant('b', 4, { idleSinceMs: NOW_MS - 900_000 })],
      4,
      ['b'],
    ],
    ['the one that loads faster of two alike', [occupant('a', 4, { reloadMs: 30_000 }), occupant('b', 4)], 4, ['b']],
    ['one large rather than two that cost more', [occupant('a', 4), occupant('b', 4), occupant('c', 8)], 8, ['c']],
    [
      'two cheap ones rather than a dear one',
      [occupant('a', 4), occupant('b', 4), occupant('c', 8, { reloadMs: 60_000 })],
      8,
      ['a', 'b'],
    ],
    [
      'never one more than needed',
      [occupant('a', 2, { reloadMs: 1 }), occupant('b', 8, { reloadMs: 9_000 })],
      8,
      ['b'],
    ],
    ['of equal cost the one that frees less', [occupant('a', 9), occupant('b', 5)], 4, ['b']],
    [
      'a load nobody waits for, first of all',
      [occupant('a', 4, { phase: 'starting' }), occupant('b', 4, { reloadMs: 100 })],
      4,
      ['a'],
    ],
  ];
  for (const [name, candidates, gigabytes, expected] of cases) {
    test(name, () => {
      expect(ids(cheapestToLose(candidates, { bytes: gigabytes * 1e9, mlxProcesses: 0 }, NOW_MS))).toEqual(expected);
    });
  }

  test('with many candidates the set is sufficient and each of it is needed', () => {
    let seed = 42;
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % limit;
    };
    for (let turn = 0; turn < 300; turn += 1) {
      const candidates = Array.from({ length: 13 + random(20) }, (_, index) =>
        occupant(`m${index}`, 1 + random(12), {
          reloadMs: 100 + random(60_000),
          idleSinceMs: NOW_MS - random(900_000),
        }),
      );
      const bytes = Math.ceil(bytesOf(candidates) / (1 + random(5)));
      const chosen = cheapestToLose(candidates, { bytes, mlxProcesses: 0 }, NOW_MS) ?? [];
      expect(bytesOf(chosen)).toBeGreaterThanOrEqual(bytes);
      for (const one of chosen) expect(bytesOf(chosen) - one.bytes).toBeLessThan(bytes);
    }
  });

  test('the cost halves with every five minutes of idleness', () => {
    const cost = (idleMs: number): number =>
      costOfLosing(occupant('a', 4, { idleSinceMs: NOW_MS - idleMs }), NOW_MS) - 1;
    expect(cost(300_000)).toBeCloseTo(cost(0) / 2);
    expect(cost(600_000)).toBeCloseTo(cost(0) / 4);
  });
});

describe('turns', () => {
  const cases: readonly [string, Occupant, number, Standing][] = [
    ['idle', occupant('a', 4), 0, 'free'],
    ['pinned', occupant('a', 4, { isPinned: true }), 900_000, 'pinned'],
    ['stopping, even if pinned', occupant('a', 4, { phase: 'stopping', isPinned: true }), 0, 'stopping'],
    ['answering', occupant('a', 4, { inFlight: 1 }), 59_999, 'busy'],
    ['answering, its turn over', occupant('a', 4, { inFlight: 1 }), 60_000, 'due'],
    ['wanted, its turn over and nothing in flight', occupant('a', 4, { waiting: 3 }), 60_000, 'free'],
    [
      'answering, starved by, but ready only a while',
      occupant('a', 4, { inFlight: 1, readySinceMs: NOW_MS - 59_999 }),
      900_000,
      'busy',
    ],
    ['just loaded', occupant('a', 4, { readySinceMs: NOW_MS - 9_999 }), 0, 'resident'],
    [
      'loaded for less than its load took',
      occupant('a', 4, { readySinceMs: NOW_MS - 30_000, reloadMs: 40_000 }),
      0,
      'resident',
    ],
    ['loading for somebody', occupant('a', 4, { phase: 'starting', waiting: 1 }), 900_000, 'busy'],
    ['loading for a person', occupant('a', 4, { phase: 'starting', isWished: true }), 900_000, 'busy'],
    ['loading for nobody', occupant('a', 4, { phase: 'starting' }), 0, 'free'],
  ];
  for (const [name, one, waitedMs, expected] of cases) {
    test(`${name}: ${expected}`, () => {
      expect(standing(one, want('b', 4, waitedMs), NOW_MS, RULES)).toBe(expected);
    });
  }

  test('whoever has waited longest goes first', () => {
    const order = inTurn([want('c', 1, 5), want('a', 1, 90), want('b', 1, 40)]);
    expect(order.map((one) => one.modelId)).toEqual(['a', 'b', 'c']);
  });

  test('the next change by time is the end of residency, then the end of the turn', () => {
    const one = occupant('a', 4, { readySinceMs: NOW_MS - 4_000 });
    expect(changesAtMs(one, want('b', 4), NOW_MS, RULES)).toBe(NOW_MS + 6_000);
    expect(changesAtMs(one, want('b', 4), NOW_MS + 7_000, RULES)).toBe(NOW_MS + 60_000);
    expect(changesAtMs(one, want('b', 4), NOW_MS + 60_000, RULES)).toBeNull();
  });
});

describe('admission', () => {
  test('what fits starts, and nobody is asked to go', () => {
    expect(admit(want('b', 6), [occupant('a', 10)], terms(16))).toEqual({
      decision: 'start',
      lacks: null,
      evict: [],
      leaving: [],
    });
  });

  test('what does not fit starts once the cheapest idle ones are gone', () => {
    const occupants = [occupant('a', 10, { inFlight: 1 }), occupant('c', 3), occupant('d', 3, { reloadMs: 50_000 })];
    expect(admit(want('b', 3), occupants, terms(16))).toMatchObject({ decision: 'start', evict: ['c'] });
  });

  test('more than the whole budget is refused whatever is loaded', () => {
    expect(admit(want('b', 17), [occupant('a', 10)], terms(16))).toEqual({
      decision: 'refuse',
      lacks: 'memory',
      pinned: [],
      availableBytes: 16e9,
    });
  });

  test('what only pinned models prevent is refused and names them', () => {
    const occupants = [occupant('a', 10, { isPinned: true }), occupant('c', 3)];
    expect(admit(want('b', 7), occupants, terms(16))).toEqual({
      decision: 'refuse',
      lacks: 'memory',
      pinned: ['a'],
      availableBytes: 6e9,
    });
  });

  test('memory that is becoming free is waited for before anybody else is unloaded', () => {
    const occupants = [occupant('a', 10, { phase: 'stopping' }), occupant('c', 6)];
    expect(admit(want('b', 8), occupants, terms(16))).toMatchObject({ decision: 'wait', why: 'stopping', for: ['a'] });
  });

  test('nobody is unloaded in vain while a busy one holds the rest', () => {
    const occupants = [occupant('a', 10, { inFlight: 2 }), occupant('c', 6)];
    expect(admit(want('b', 14), occupants, terms(16))).toMatchObject({
      decision: 'wait',
      why: 'busy',
      for: ['a'],
      close: [],
      leaving: ['a', 'c'],
      wakeAtMs: NOW_MS + 60_000,
    });
  });

  test('one who starves closes the busy one', () => {
    const answer = admit(want('b', 14, 60_000), [occupant('a', 10, { inFlight: 2 })], terms(16));
    expect(answer).toMatchObject({ decision: 'wait', why: 'busy', for: ['a'], close: ['a'] });
  });

  test('what an earlier one was promised no later one gets', () => {
    const occupants = [occupant('a', 10, { inFlight: 1 })];
    const answers = admitAll([want('c', 6, 1), want('b', 14, 2)], occupants, terms(16));
    expect(answers.map(({ want: { modelId }, admission }) => [modelId, admission.decision])).toEqual([
      ['b', 'wait'],
      ['c', 'wait'],
    ]);
  });

  test('what an earlier one does not need a later one gets', () => {
    const occupants = [occupant('a', 10, { inFlight: 1 })];
    const answers = admitAll([want('b', 10, 2), want('c', 6, 1)], occupants, terms(16));
    expect(answers[1]?.admission).toMatchObject({ decision: 'start', evict: [] });
  });
});
