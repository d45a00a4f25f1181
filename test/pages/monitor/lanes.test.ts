/** Lanes: who has one keeps it. */
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { lanesOf } from '#src/pages/monitor/lanes.ts';

const open = (id: string) => ({ id, isOver: false });
const over = (id: string) => ({ id, isOver: true });

const CASES = [
  { name: 'empty lanes are kept', before: [], users: [], count: 2, after: [null, null] },
  { name: 'newcomers take them in order', before: [], users: [open('a'), open('b')], count: 2, after: ['a', 'b'] },
  {
    name: 'a gap is filled, nobody moves',
    before: ['a', 'b'],
    users: [open('b'), open('c')],
    count: 2,
    after: ['c', 'b'],
  },
  { name: 'a gap stays a gap', before: ['a', 'b'], users: [open('b')], count: 2, after: [null, 'b'] },
  {
    name: 'more than there are lanes stand below',
    before: ['a'],
    users: [open('a'), open('b')],
    count: 1,
    after: ['a', 'b'],
  },
  { name: 'one that is over makes room', before: ['a'], users: [over('a'), open('b')], count: 1, after: ['b'] },
  {
    name: 'one that is over stays while there is room',
    before: ['a'],
    users: [over('a'), open('b')],
    count: 2,
    after: ['a', 'b'],
  },
  {
    name: 'one that lost its lane does not come back',
    before: ['b'],
    users: [over('a'), open('b')],
    count: 1,
    after: ['b'],
  },
  {
    name: 'what stood below is taken away when it goes',
    before: ['a', 'b'],
    users: [open('a')],
    count: 1,
    after: ['a'],
  },
];
for (const { name, before, users, count, after } of CASES) {
  test(name, () => expect(lanesOf(before, users, count)).toEqual(after));
}

test('every open request has exactly one lane, whatever happened before', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const step = fc.uniqueArray(fc.record({ id: ids, isOver: fc.boolean() }), { selector: ({ id }) => id });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.integer({ min: 0, max: 4 }), (steps, count) => {
      let lanes: readonly (string | null)[] = [];
      for (const users of steps) {
        const before = lanes;
        lanes = lanesOf(before, users, count);
        for (const { id, isOver } of users) {
          const found = lanes.filter((lane) => lane === id).length;
          expect(found).toBeLessThanOrEqual(1);
          if (!isOver) expect(found).toBe(1);
          if (!isOver && before.includes(id)) expect(lanes.indexOf(id)).toBe(before.indexOf(id));
        }
        expect(lanes.length).toBeGreaterThanOrEqual(count);
      }
    }),
  );
});
