/** The pure parts: ranges, the choice of files, safe names, waits. */
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { systemClock } from '#src/clock.ts';
import { systemDisk } from '#src/downloads/disk.ts';
import { bytesOfPart, Part } from '#src/downloads/part.ts';
import { pause, USUAL_PACE, waitMs } from '#src/downloads/patience.ts';
import { bytesIn, gaps, nextRange, prefixEnd, type Range, withRange } from '#src/downloads/ranges.ts';
import { checkedRepository, safeNames } from '#src/downloads/safe-path.ts';
import { Speed } from '#src/downloads/speed.ts';
import { unitOf, type Wish } from '#src/downloads/unit.ts';
import { Fault } from '#src/faults.ts';

describe('ranges', () => {
  const SIZE = 60;
  const someRanges = fc.array(
    fc.tuple(fc.nat(SIZE), fc.nat(SIZE)).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) })),
  );
  const bytesOf = (ranges: readonly Range[]) =>
    Array.from({ length: SIZE }, (_, at) => ranges.some(({ from, to }) => from <= at && at < to));

  test('hold exactly the bytes that were added, sorted and apart', () => {
    fc.assert(
      fc.property(someRanges, (added) => {
        const ranges = added.reduce<readonly Range[]>(withRange, []);
        expect(bytesOf(ranges)).toEqual(bytesOf(added));
        expect(ranges.every(({ from }, at) => at === 0 || from > (ranges[at - 1]?.to ?? 0))).toBe(true);
        expect(bytesIn(ranges) + bytesIn(gaps(ranges, SIZE))).toBe(SIZE);
        const end = bytesOf(added).indexOf(false);
        expect(prefixEnd(ranges)).toBe(end < 0 ? SIZE : end);
      }),
    );
  });

  test('are asked for until nothing is left, never twice, never across a boundary', () => {
    fc.assert(
      fc.property(someRanges, fc.integer({ min: 1, max: 20 }), (added, length) => {
        let ranges = added.reduce<readonly Range[]>(withRange, []);
        for (let count = 0; ; count += 1) {
          const next = nextRange(ranges, [], SIZE, length);
          if (next === null) break;
          expect(count).toBeLessThan(SIZE);
          expect(Math.floor(next.from / length)).toBe(Math.floor((next.to - 1) / length));
          expect(bytesIn(withRange(ranges, next))).toBe(bytesIn(ranges) + next.to - next.from);
          ranges = withRange(ranges, next);
        }
        expect(bytesIn(ranges)).toBe(SIZE);
      }),
    );
  });
});

describe('the choice of files', () => {
  const files = (...paths: string[]) =>
    paths.map((path, at) => ({ path, sizeBytes: 1000 * (at + 1), sha256: 'a'.repeat(64), gitId: null }));
  const wish: Wish = { filename: null, quantization: null, withProjector: true };
  const chosen = (paths: string[], wished: Partial<Wish>) =>
    unitOf(files(...paths), { ...wish, ...wished }).files.map(({ path }) => path);

  const cases: readonly (readonly [string, string[], Partial<Wish>, string[]])[] = [
    ['the usual quantisation', ['m-Q8_0.gguf', 'm-Q4_K_M.gguf', 'm-F16.gguf'], {}, ['m-Q4_K_M.gguf']],
    ['the smallest when none is usual', ['m-F32.gguf', 'm-F16.gguf'], {}, ['m-F32.gguf']],
    ['by name of the quantisation', ['m-Q8_0.gguf', 'm-Q4_K_M.gguf'], { quantization: 'q8_0' }, ['m-Q8_0.gguf']],
    ['UD by its short name', ['m-UD-Q4_K_XL.gguf', 'm-Q8_0.gguf'], { quantization: 'Q4_K_XL' }, ['m-UD-Q4_K_XL.gguf']],
    ['the exact one before UD', ['m-UD-Q2_K.gguf', 'm-Q2_K.gguf'], { quantization: 'Q2_K' }, ['m-Q2_K.gguf']],
    ['a folder that names it', ['BF16/m.gguf', 'Q8_0/m.gguf'], { quantization: 'Q8_0' }, ['Q8_0/m.gguf']],
    ['by file name', ['m-Q8_0.gguf', 'm-Q4_0.gguf'], { filename: 'm-Q4_0.gguf' }, ['m-Q4_0.gguf']],
    [
      'the best-known projector',
      ['m-Q4_0.gguf', 'mmproj-F32.gguf', 'mmproj-BF16.gguf', 'mmproj-F16.gguf'],
      {},
      ['m-Q4_0.gguf', 'mmproj-F16.gguf'],
    ],
    [
      'no projector when it is not wanted',
      ['m-Q4_0.gguf', 'mmproj-F16.gguf'],
      { withProjector: false },
      ['m-Q4_0.gguf'],
    ],
  ];
  test.each(cases)('%s', (_, paths, wished, expected) => {
    expect(chosen(paths, wished)).toEqual(expected);
  });

  test('a shard that is missing is said, and so is what there is instead', () => {
    expect(() => chosen(['m-00001-of-00002.gguf'], {})).toThrow(/lacks part 2/);
    expect(() => chosen(['m-Q8_0.gguf'], { quantization: 'Q3_K_M' })).toThrow(Fault);
    expect(() => chosen(['README.md'], {})).toThrow(/neither/);
  });
});

test('names that are not safe everywhere are none', () => {
  const wrong = [
    '',
    '..',
    '../x',
    'a/../b',
    '/a',
    'a//b',
    'a\\..\\b',
    'C:x',
    '.a',
    'a/.b',
    'con',
    'NUL.gguf',
    'a ',
    'a.',
  ];
  for (const path of [...wrong, 'a\0b', 'a\nb', 'a\u202eb', 'x'.repeat(201), 'a/b/c/d/e/f/g/h/i', '~a?', 'a*b']) {
    expect({ path, isRefused: throwsFault(() => safeNames(path)) }).toEqual({ path, isRefused: true });
  }
  expect(safeNames('Q4_K_M/m-00001-of-00002.gguf')).toEqual(['Q4_K_M', 'm-00001-of-00002.gguf']);
  for (const name of ['x', 'a/b/c', '../b', 'a/..', '-a/b', 'a/ b', 'a/.b', 'con/b', '']) {
    expect({ name, isRefused: throwsFault(() => checkedRepository(name)) }).toEqual({ name, isRefused: true });
  }
  expect(checkedRepository('ggml-org/gemma-3-4b-it-GGUF')).toBe('ggml-org/gemma-3-4b-it-GGUF');
});

test('waits double up to a bound, and are never all the same', () => {
  const waits = [1, 2, 3, 20].map((tries) => waitMs(USUAL_PACE, tries, 1));
  expect(waits).toEqual([1000, 2000, 4000, 300_000]);
  expect(waitMs(USUAL_PACE, 3, 0)).toBe(2000);
});

test('a journal that is asked for at several moments at once is whole, and the last one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flow-part-'));
  const goal = { revision: 'a', sizeBytes: 8, sha256: null, gitId: null };
  const part = await Part.open(join(folder, '0'), goal, systemDisk);
  const saves = [];
  for (let at = 0; at < 8; at += 1) {
    await part.write(new Uint8Array(1), at);
    saves.push(part.save());
  }
  await Promise.all(saves);
  await part.close();
  expect(readdirSync(folder).toSorted()).toEqual(['0.json', '0.part']);
  expect(bytesOfPart(join(folder, '0'), goal)).toBe(8);
  rmSync(folder, { recursive: true });
});

test('waits leave nothing behind on the signal of a download that waits often', async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...call: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, call);
  };
  signal.removeEventListener = (...call: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, call);
  };
  for (let wait = 0; wait < 3; wait += 1) await pause(systemClock, 1, signal);
  expect(listeners).toBe(0);
});

test('speed is that of the last seconds, and unknown before there are two', () => {
  const speed = new Speed();
  speed.note(0, 0);
  speed.note(1000, 5_000);
  expect(speed.at(1000)).toBeNull();
  for (let second = 2; second <= 60; second += 1) speed.note(second * 1000, 5_000 + (second - 1) * 100);
  expect(speed.at(60_000)).toBeCloseTo(100, 5);
  expect(speed.at(65_000)).toBeLessThan(100);
  speed.note(61_000, 0);
  expect(speed.at(61_000)).toBeNull();
});

function throwsFault(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (cause) {
    return cause instanceof Fault;
  }
}
