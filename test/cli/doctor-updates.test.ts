/** What `flow doctor` says of updates of engines, from what `/api/engines` answers. */
import { expect, test } from 'bun:test';
import { checkUpdates } from '#src/cli/doctor/update-checks.ts';

test('says whether newer engines are looked for, and what is kept to go back to', () => {
  const kinds = { 'llama.cpp': { rollback_to: 'b1', last_update: { outcome: 'updated', message: 'Well.' } } };
  expect(checkUpdates({ auto_update: 'check', kinds })).toEqual([
    {
      check: 'updates',
      level: 'good',
      says: 'Newer engines are looked for once a day, and told of. b1 is kept to go back to (flow engines rollback llama.cpp).',
      fix: null,
    },
  ]);
});

test('tells of an update that changed nothing, with its own advice', () => {
  const last_update = { outcome: 'untested', message: 'No model is here.', hint: 'flow engines choose b2' };
  const found = { auto_update: 'off', kinds: { 'mlx-lm': { rollback_to: null, last_update } } };
  expect(checkUpdates(found)[1]).toEqual({
    check: 'updates',
    level: 'warning',
    says: 'The last update of mlx-lm changed nothing: No model is here.',
    fix: 'flow engines choose b2',
  });
});

test('says nothing where the gateway says nothing', () => {
  expect(checkUpdates({})).toEqual([]);
});
