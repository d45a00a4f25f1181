// How far a load is by the memory taken. That real servers' loads are told by it is tested in mlx.test.ts.
import { expect, test } from 'bun:test';
import { MemoryProgress } from '#src/supervision/memory-progress.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** Tells what was told while memory went through these sizes, one a look. */
function told(weightsBytes: number, sizes: readonly (number | null)[]): number[] {
  const clock = new FakeClock();
  const ratios: number[] = [];
  let look = 0;
  using progress = new MemoryProgress(
    { clock, weightsBytes, read: () => sizes[Math.min(look++, sizes.length - 1)] ?? null },
    (ratio) => ratios.push(ratio),
  );
  progress.begin();
  progress.begin();
  for (const _ of sizes) clock.advance(250);
  return ratios;
}

test.each([
  ['grows with the memory beyond what was there before', 100, [50, 75, 100], [0.25, 0.5]],
  ['is never all: only the engine knows when it is done', 100, [50, 500], [0.99]],
  ['does not go back, nor in steps too small to see', 1000, [0, 500, 400, 505, 600], [0.5, 0.6]],
  ['is not invented where memory does not show', 100, [50, 50, null, 50], []],
  ['begins with the first size that can be told', 100, [null, 50, 80], [0.3]],
  ['is nothing for weights of unknown size', 0, [50, 500], []],
])('progress %s', (_, weightsBytes, sizes, expected) => {
  const ratios = told(weightsBytes, sizes);
  expect(ratios.map((ratio) => Number(ratio.toFixed(3)))).toEqual(expected);
});
