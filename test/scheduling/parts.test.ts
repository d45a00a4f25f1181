/**
 * The smaller parts: the ledger, reasons of waiting, sentences of the forecast and of refusals, and what a load
 * request may say.
 */
import { describe, expect, test } from 'bun:test';
import type { Admission } from '#src/scheduling/admission.ts';
import { forecast } from '#src/scheduling/forecast.ts';
import type { FleetModel, FleetSnapshot, Wait } from '#src/scheduling/lease.ts';
import { Ledger } from '#src/scheduling/ledger.ts';
import { actionOf, readUnload } from '#src/scheduling/load-request.ts';
import { isNews } from '#src/scheduling/waits.ts';
import { idleModel } from '../support/fleet-snapshots.ts';

const GB = 1e9;
const footprint = (gigabytes: number) => ({
  totalBytes: gigabytes * GB,
  source: 'formula' as const,
  parts: { weightsBytes: gigabytes * GB, kvCacheBytes: 0, computeBytes: 0, engineCacheBytes: 0 },
});

describe('ledger', () => {
  test('a reservation beyond the budget is a mistake of the caller, and changes nothing', () => {
    const ledger = new Ledger();
    ledger.reserve('a', footprint(10), 16 * GB);
    expect(() => ledger.reserve('b', footprint(7), 16 * GB)).toThrow('within the budget');
    expect(ledger.reservedBytes).toBe(10 * GB);
    expect(ledger.of('b')).toBeNull();
  });

  test('a model holds at most one reservation, and gives it back once', () => {
    const ledger = new Ledger();
    ledger.reserve('a', footprint(4), 16 * GB);
    expect(() => ledger.reserve('a', footprint(4), 16 * GB)).toThrow('no reservation');
    ledger.release('a');
    ledger.release('a');
    expect(ledger.reservedBytes).toBe(0);
  });
});

describe('news', () => {
  const loading = (ratio: number | null, stage = 'text_model'): Wait => ({
    reason: 'loading',
    stage,
    ratio,
    sinceMs: 0,
    usualMs: null,
  });
  const cases: readonly [string, Wait | null, Wait, boolean][] = [
    ['the first reason', null, { reason: 'slots', place: 1, busy: 2 }, true],
    ['another place', { reason: 'slots', place: 2, busy: 2 }, { reason: 'slots', place: 1, busy: 2 }, true],
    ['only another count', { reason: 'slots', place: 1, busy: 2 }, { reason: 'slots', place: 1, busy: 1 }, false],
    ['another reason', { reason: 'slots', place: 1, busy: 2 }, loading(0), true],
    ['one percent more', loading(0.5), loading(0.51), true],
    ['half a percent more', loading(0.5), loading(0.505), false],
    ['another stage', loading(0.5), loading(0.5, 'warmup'), true],
    [
      'another one waited for',
      { reason: 'memory', place: 1, waitingFor: ['a'], lacks: 'memory' },
      { reason: 'memory', place: 1, waitingFor: ['a', 'b'], lacks: 'memory' },
      true,
    ],
    ['another holder', { reason: 'turn', place: 1, holder: 'a' }, { reason: 'turn', place: 1, holder: 'b' }, true],
  ];
  for (const [name, told, wait, expected] of cases) {
    test(`${name} is ${expected ? 'told' : 'kept'}`, () => expect(isNews(told, wait)).toBe(expected));
  }
});

describe('forecast', () => {
  const WALL_MS = 1_000_000;
  const model = (modelId: string, differences: Partial<FleetModel>): FleetModel =>
    idleModel(modelId, { lastUsedAtMs: WALL_MS - 192_000, ...differences });
  const wait = {
    decision: 'wait',
    lacks: 'memory',
    why: 'busy',
    for: ['y'],
    close: [],
    leaving: ['y'],
    wakeAtMs: null,
  } as const;
  const cases: readonly [string, Partial<FleetModel>, Admission, string][] = [
    ['idle', {}, wait, 'x needs 18.2 GB: would unload y (idle 3:12)'],
    ['busy', { inFlight: 2 }, wait, 'x needs 18.2 GB: would unload y (2 requests)'],
    [
      'due',
      { inFlight: 1 },
      { ...wait, close: ['y'] },
      'x needs 18.2 GB: will unload y (1 request), which gets no new requests',
    ],
    [
      'leaving',
      {},
      { decision: 'start', lacks: 'memory', evict: ['y'], leaving: ['y'] },
      'x needs 18.2 GB: unloads y (idle 3:12)',
    ],
    [
      'one MLX model at a time',
      {},
      { ...wait, lacks: 'mlx-process' },
      'x needs 18.2 GB: would unload y (idle 3:12), since no more MLX models are kept loaded at a time',
    ],
    ['behind', {}, { ...wait, leaving: [] }, 'x needs 18.2 GB: waits behind y (idle 3:12)'],
  ];
  for (const [name, differences, admission, expected] of cases) {
    test(name, () => {
      const memory = { budgetBytes: 0, reservedBytes: 0, byModel: [] };
      const snapshot: FleetSnapshot = {
        models: [model('y', differences)],
        memory,
        queue: [],
        swaps: 0,
        contention: null,
      };
      expect(forecast(snapshot, [{ modelId: 'x', needBytes: 18.2 * GB, admission }], WALL_MS)).toEqual([expected]);
    });
  }
});

describe('load request', () => {
  const paths: readonly [string, ReturnType<typeof actionOf>][] = [
    ['/api/models/a/load', { modelId: 'a', verb: 'load' }],
    ['/api/models/org%2Fname/unload', { modelId: 'org/name', verb: 'unload' }],
    ['/api/models/org/name/load', { modelId: 'org/name', verb: 'load' }],
    ['/api/models/load/load', { modelId: 'load', verb: 'load' }],
    ['/api/models/a/config', null],
    ['/api/models/load', null],
    ['/api/models/%zz/load', null],
  ];
  for (const [path, expected] of paths) test(path, () => expect(actionOf(path)).toEqual(expected));

  test('an unload says whether to force, and nothing else', () => {
    expect(readUnload('')).toEqual({ force: false });
    expect(readUnload({ force: true })).toEqual({ force: true });
    expect(() => readUnload({ now: true })).toThrow('there is no field "now"');
    expect(() => readUnload([])).toThrow('must be a JSON object');
  });
});
