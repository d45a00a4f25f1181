/** Whom the guide asks about, and what it offers of the answer. */
import { describe, expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import type { FitReport } from '#src/hub/fit-desk.ts';
import { candidatesFor, PICK_KINDS, rowFor } from '#src/pages/setup/candidates.ts';
import { findPicks } from '#src/pages/setup/picks.ts';

const GB = 1e9;
const row = (quantization: string, verdict: 'fits' | 'tight' | 'too-big') => ({ quantization, fit: { verdict } });

describe('whom to ask about', () => {
  test.each([4, 8, 16, 24, 48, 96, 500])(
    'what is asked about on a machine with %p GB may fit, the most able first',
    (gb) => {
      for (const kind of PICK_KINDS) {
        const candidates = candidatesFor(kind, gb * GB);
        expect(candidates.length).toBeWithin(1, 4);
        expect(candidates.every(({ sizeBytes }) => sizeBytes < gb * GB)).toBe(true);
        const sizes = candidates.map(({ sizeBytes }) => sizeBytes);
        expect(sizes).toEqual(sizes.toSorted((one, other) => other - one));
      }
    },
  );

  test('on the smallest machine the least one is asked about all the same', () => {
    expect(candidatesFor('best', 0)).toHaveLength(1);
  });
});

describe('which quantisation is offered', () => {
  test.each([
    ['the one that is meant', [row('Q8_0', 'fits'), row('Q4_K_M', 'fits')], 'Q4_K_M', 'Q4_K_M'],
    ['another usual one', [row('Q8_0', 'fits'), row('Q4_0', 'fits')], 'Q4_K_M', 'Q4_0'],
    ['one with room before a tight one', [row('Q4_K_M', 'tight'), row('Q4_0', 'fits')], 'Q4_K_M', 'Q4_0'],
    ['a tight one when there is no other', [row('Q4_K_M', 'tight'), row('Q8_0', 'too-big')], 'Q4_K_M', 'Q4_K_M'],
    ['none that is too big', [row('Q4_K_M', 'too-big')], 'Q4_K_M', null],
    ['none that nobody knows', [row('IQ1_S', 'fits')], 'Q4_K_M', null],
  ] as const)('%s', (_, rows, wanted, found) => {
    expect(rowFor([...rows], wanted)?.quantization ?? null).toBe(found);
  });
});

/** A report on one file of a repository, as far as the guide reads it. */
const reportOf = (path: string): FitReport =>
  Object({
    projector: null,
    rows: [
      {
        ...{ format: 'gguf', quantization: 'Q4_K_M', speed: null },
        group: { files: [{ path, sizeBytes: 5, sha256: null, gitId: null }], sizeBytes: 5 },
        fit: { verdict: 'fits', need: { totalBytes: 9 } },
      },
    ],
  });

describe('what the hub says', () => {
  const signal = AbortSignal.timeout(5_000);

  test('a repository that is gone is passed over for the next', async () => {
    const asked: string[] = [];
    const report = async (id: string) => {
      asked.push(id);
      if (id.includes('4B')) throw new Fault('not-found', 'It is gone.');
      return reportOf(`${id}.gguf`);
    };
    const picks = await findPicks({ report }, 8 * GB, signal);
    expect(picks.map(({ repository }) => repository)).toEqual([
      'unsloth/Qwen3.5-2B-GGUF',
      'unsloth/Qwen3.5-9B-GGUF',
      'bartowski/Qwen2.5-Coder-7B-Instruct-GGUF',
    ]);
    expect(asked).toContain('unsloth/Qwen3.5-4B-GGUF');
  });

  test('what is the best and the small one at once is shown once', async () => {
    const report = async (id: string) => reportOf(`${id}.gguf`);
    const picks = await findPicks({ report }, 4 * GB, signal);
    expect(picks.map(({ kind }) => kind)).toEqual(['small', 'coder']);
  });

  test('a hub that is away is told as that', async () => {
    const report = () => Promise.reject(new Fault('offline', 'The hub is away.'));
    await expect(findPicks({ report }, 8 * GB, signal)).rejects.toThrow('The hub is away.');
  });
});
