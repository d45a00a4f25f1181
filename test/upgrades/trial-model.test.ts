/** Which model an engine is tried on, from plain values. */
import { expect, test } from 'bun:test';
import type { Model } from '#src/models/model.ts';
import { type Candidate, trialModels } from '#src/upgrades/trial-model.ts';
import { someModel } from '../engines/support/plan.ts';

const GB = 1e9;
const sample: Model = someModel('/models/m.gguf');

function candidate(id: string, needGb: number | null, usedAtMs: number | null = null, isDemo = false): Candidate {
  return { model: { ...sample, id, isDemo }, needBytes: needGb === null ? null : needGb * GB, usedAtMs };
}

const demo = candidate('demo', 0.1, 9, true);

const cases: readonly [string, readonly Candidate[], string | null, readonly string[], string][] = [
  ['the one used last', [candidate('a', 1, 1), candidate('b', 1, 2)], null, ['b', 'a'], 'b was used last.'],
  ['never the demo before a model of the user', [demo, candidate('a', 1)], null, ['a', 'demo'], 'a is the smallest.'],
  [
    'one that fits, and it says which does not',
    [candidate('big', 20, 5), candidate('small', 2, 1)],
    null,
    ['small'],
    'big needs 20.0 GB and 10.0 GB are free now. small was used last.',
  ],
  ['the smallest of those never used', [candidate('m', 3), candidate('s', 2)], null, ['s', 'm'], 's is the smallest.'],
  ['the wanted one', [candidate('a', 1, 9), candidate('w', 2)], 'w', ['w', 'a'], 'w was asked for.'],
  [
    'another when the wanted one does not fit',
    [candidate('w', 11), candidate('a', 1, 9)],
    'w',
    ['a'],
    'w needs 11.0 GB and 10.0 GB are free now. a was used last.',
  ],
  [
    'another when the wanted one is damaged',
    [candidate('w', null), demo],
    'w',
    ['demo'],
    'w cannot be read. demo, because no other model can be tried.',
  ],
];

test.each(cases)('chosen is %s', (_, candidates, wanted, ids, why) => {
  const model = candidates.find((each) => each.model.id === wanted)?.model ?? null;
  const choices = trialModels(candidates, { wanted: model, freeBytes: 10 * GB });
  expect(choices.map((choice) => choice.model.id)).toEqual([...ids]);
  expect(choices[0]?.why).toBe(why);
});

test('none is chosen when none fits', () => {
  expect(trialModels([candidate('a', 11), demo], { wanted: null, freeBytes: 0 })).toEqual([]);
  expect(trialModels([], { wanted: null, freeBytes: GB })).toEqual([]);
});
