/** When models are said not to fit together. That it is shown: `routes.test.ts`, `memory-story.test.ts`. */
import { expect, test } from 'bun:test';
import { contentionAdvice, SwapBook } from '#src/scheduling/contention.ts';

const MINUTE_MS = 60_000;

/** A book of swaps, each a load of 10 s, one each half minute; `aob` = a went for b. */
function bookOf(swaps: readonly string[]): { book: SwapBook; nowMs: number } {
  const book = new SwapBook(0);
  let nowMs = 20 * MINUTE_MS;
  for (const [from, , to] of swaps) {
    nowMs += MINUTE_MS / 2;
    book.swapped(from ?? '', to ?? '', nowMs);
    book.loaded(to ?? '', 10_000, nowMs);
  }
  return { book, nowMs };
}

const PAIR = ['a>b', 'b>a', 'a>b', 'b>a'];

test('F-39: two models that go for each other four times do not fit together', () => {
  const { book, nowMs } = bookOf(PAIR);
  expect(book.contention(nowMs)).toMatchObject({ modelIds: ['a', 'b'], swaps: 4, windowMs: 10 * MINUTE_MS });
  expect(book.contention(nowMs)?.loadingRatio).toBeCloseTo(40 / 600, 5);
});

test('F-39: what is counted is of the last ten minutes', () => {
  const { book, nowMs } = bookOf(PAIR);
  expect(book.contention(nowMs + 8 * MINUTE_MS)?.swaps).toBe(4);
  expect(book.contention(nowMs + 10 * MINUTE_MS)).toBeNull();
});

const calm: readonly [string, readonly string[]][] = [
  ['three swaps', PAIR.slice(1)],
  ['many models that each go once', ['a>b', 'b>c', 'c>d', 'd>e', 'e>f']],
  ['one that always gives way and is not asked for', ['a>b', 'a>c', 'a>d', 'a>b', 'a>c']],
];
for (const [name, swaps] of calm) {
  test(`F-39: ${name} are no quarrel`, () => {
    const { book, nowMs } = bookOf(swaps);
    expect(book.contention(nowMs)).toBeNull();
  });
}

test('F-39: three that go round are named together, and a fourth that only passed through is not', () => {
  const { book, nowMs } = bookOf(['a>b', 'b>c', 'c>a', 'a>b', 'b>d']);
  expect(book.contention(nowMs)).toMatchObject({ modelIds: ['a', 'b', 'c'], swaps: 4 });
});

test('F-39: soon after the start the share is of the time there was', () => {
  const book = new SwapBook(0);
  for (const [from, to] of [...PAIR].map((swap) => [swap.at(0) ?? '', swap.at(-1) ?? ''] as const)) {
    book.swapped(from, to, 100_000);
    book.loaded(to, 10_000, 100_000);
  }
  const contention = book.contention(100_000);
  expect(contention).toMatchObject({ windowMs: 100_000, loadingRatio: 0.4 });
  expect(contention && contentionAdvice(contention, (id) => id.toUpperCase())).toStartWith(
    'A and B do not fit together: 4 swaps in 2 min, 40 % of the time spent loading.',
  );
});
