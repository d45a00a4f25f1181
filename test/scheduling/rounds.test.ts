/** The order of service among callers, by itself. With models, slots and limits: `fairness.test.ts`. */
import { describe, expect, test } from 'bun:test';
import { Line } from '#src/scheduling/line.ts';
import { Rounds } from '#src/scheduling/rounds.ts';

type Ask = { readonly caller: string; readonly number: number };

/** Requests by one letter a caller, in the order of arrival. */
function roundsOf(callers: string): Rounds<Ask> {
  const rounds = new Rounds<Ask>();
  for (const [number, caller] of [...callers].entries()) rounds.join({ caller, number });
  return rounds;
}

function taken(rounds: Rounds<Ask>, times: number): string {
  return Array.from({ length: times }, () => rounds.take()?.caller ?? '-').join('');
}

const orderOf = (rounds: Rounds<Ask>): string =>
  rounds
    .inOrder()
    .map(({ caller, number }) => `${caller}${number}`)
    .join(' ');

describe('a line', () => {
  test('is left from any place', () => {
    const line = new Line<number>();
    const places = [1, 2, 3, 4].map((item) => line.join(item));
    for (const index of [1, 3, 0]) {
      const place = places[index];
      if (place) line.leave(place);
    }
    expect([...line]).toEqual([3]);
    line.join(5);
    expect([line.first, line.length, ...line]).toEqual([3, 2, 3, 5]);
  });
});

describe('rounds', () => {
  const cases: readonly [string, string, string][] = [
    ['one caller is served first come, first served', 'aaaa', 'a0 a1 a2 a3'],
    ['a flood delays a single request by one', 'aaaaab', 'a0 b5 a1 a2 a3 a4'],
    ['three callers take turns', 'aaabbc', 'a0 b3 c5 a1 b4 a2'],
  ];
  for (const [name, callers, order] of cases) {
    test(name, () => {
      const rounds = roundsOf(callers);
      expect(orderOf(rounds)).toBe(order);
      const served = callers.length;
      const serving = Array.from({ length: served }, () => rounds.take());
      expect(serving.map((one) => `${one?.caller}${one?.number}`).join(' ')).toBe(order);
      expect(rounds.take()).toBeNull();
    });
  }

  test('a newcomer goes before whoever was served in this round, and a returning caller does not', () => {
    const rounds = roundsOf('aaaa');
    expect(taken(rounds, 1)).toBe('a');
    rounds.join({ caller: 'b', number: 9 });
    expect(taken(rounds, 1)).toBe('b');
    rounds.join({ caller: 'b', number: 10 });
    expect(orderOf(rounds)).toBe('a1 b10 a2 a3');
  });

  test('who leaves is gone, whether it was next or not, and its caller keeps no second place', () => {
    const rounds = new Rounds<Ask>();
    const all = [...'aab'].map((caller, number) => ({ caller, number }));
    for (const one of all) rounds.join(one);
    const [first, , last] = all;
    if (!first || !last) throw new Error('three requests');
    expect([rounds.leave(last), rounds.leave(last), rounds.leave(first)]).toEqual([true, false, true]);
    rounds.join({ caller: 'b', number: 3 });
    expect([rounds.length, rounds.countOf('a'), rounds.countOf('b'), orderOf(rounds)]).toEqual([2, 1, 1, 'a1 b3']);
  });

  test('callers who call themselves something else each time do not keep others waiting for ever', () => {
    const rounds = roundsOf('aa');
    rounds.take();
    let served = 0;
    for (; rounds.countOf('a') > 0 && served < 1_000; served += 1) {
      rounds.join({ caller: `new ${served}`, number: 0 });
      rounds.take();
    }
    expect(served).toBeLessThan(200);
  });

  test('random comings and goings: first come first served of each caller, nobody overtaken twice by the same', () => {
    for (let seed = 1; seed <= 200; seed += 1) playRandomly(seed);
  });
});

/** Joins, leaves and takes at random, and follows who overtook whom. */
function playRandomly(seed: number): void {
  let state = seed;
  const below = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % limit;
  };
  const rounds = new Rounds<Ask>();
  const waiting = new Map<string, { line: Ask[]; overtakers: string[] }>();
  for (let number = 0; number < 400; number += 1) {
    const caller = 'abcdef'[below(6)] ?? 'a';
    const own = waiting.get(caller) ?? { line: [], overtakers: [] };
    waiting.set(caller, own);
    const dice = below(10);
    if (dice < 5) {
      const one = { caller, number };
      if (own.line.length === 0) own.overtakers = [];
      own.line.push(one);
      rounds.join(one);
    } else if (dice < 6 && own.line.length > 0) {
      const [gone] = own.line.splice(below(own.line.length), 1);
      expect(gone && rounds.leave(gone)).toBe(true);
    } else {
      const foreseen = rounds.inOrder()[0] ?? null;
      const next = rounds.take();
      expect(next).toBe(foreseen);
      if (!next) continue;
      const served = waiting.get(next.caller);
      expect(served?.line.shift()).toBe(next);
      if (served) served.overtakers = [];
      for (const [other, { line, overtakers }] of waiting) {
        if (other === next.caller || line.length === 0) continue;
        if (overtakers.includes(next.caller)) throw new Error(`seed ${seed}: ${next.caller} overtook ${other} twice`);
        overtakers.push(next.caller);
      }
    }
  }
  expect(rounds.length).toBe([...waiting.values()].reduce((sum, { line }) => sum + line.length, 0));
}
