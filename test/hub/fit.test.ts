// The verdict, the largest context, the speed to expect. What the formula is worth: models/footprint.test.ts.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readGgufSource } from '#src/gguf/read.ts';
import { activeRatio, expectedSpeed } from '#src/hub/expected-speed.ts';
import { fitOf } from '#src/hub/fit.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { footprint } from '#src/models/footprint.ts';
import { defaultsOf } from '#src/models/launch.ts';
import { tinyGguf } from '#test/engines/support/tiny-gguf.ts';
import { sampleSettings } from '#test/support/sample-settings.ts';

const tiny = tinyGguf(8_192);
const facts = readGgufSource({ size: tiny.length, prefix: (length) => tiny.subarray(0, length) }, 'tiny.gguf');
const big: ModelFacts = { ...facts, layers: Array.from({ length: 40 }, () => ({ ...layer(), kvHeads: 8 })) };
const launch = { ...defaultsOf(sampleSettings()), ctx_size: 4_096, n_parallel: 1 };
const GB = 1e9;

function layer() {
  const [first] = facts.layers;
  if (!first) throw new Error('The tiny model has no layer.');
  return first;
}

describe('the verdict', () => {
  const need = fitOf({ facts: big, weightsBytes: GB, projectorBytes: 0, launch, budgetBytes: 1 }).need.totalBytes;
  test.each([
    [2, 'fits'],
    [1.1, 'tight'],
    [0.99, 'too-big'],
  ] as const)('with %p times the need as budget is %s', (times, verdict) => {
    const budgetBytes = Math.ceil(need * times);
    expect(fitOf({ facts: big, weightsBytes: GB, projectorBytes: 0, launch, budgetBytes }).verdict).toBe(verdict);
  });

  test('more slots, a projector and wider numbers need more', () => {
    const plain = { facts: big, weightsBytes: GB, projectorBytes: 0, launch, budgetBytes: GB };
    for (const more of [
      { ...plain, projectorBytes: 1e8 },
      { ...plain, launch: { ...launch, n_parallel: 4 } },
      { ...plain, launch: { ...launch, cache_type_k: 'f16' } },
      { ...plain, launch: { ...launch, ctx_size: 8_192 } },
    ]) {
      expect(fitOf(more).need.totalBytes).toBeGreaterThan(need);
    }
  });

  test('is for no more context than the model was trained for', () => {
    const wide = { ...launch, ctx_size: 1_000_000 };
    const fit = fitOf({ facts, weightsBytes: GB, projectorBytes: 0, launch: wide, budgetBytes: 10 * GB });
    expect(fit).toMatchObject({ contextTokens: 8_192, largestContextTokens: 8_192 });
  });
});

test('the largest context fits, and one step more does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 8 }), (budgetMb, slots) => {
      const budgetBytes = budgetMb * 1e6;
      const settings = { ...launch, n_parallel: slots };
      const trained = { ...big, contextTokens: 100_000 };
      const question = { facts: trained, weightsBytes: 5e8, projectorBytes: 0, launch: settings, budgetBytes };
      const { largestContextTokens: largest } = fitOf(question);
      const at = (ctx_size: number) =>
        footprint(trained, { ...settings, ctx_size }, { weightsBytes: 5e8, projectorBytes: 0, draft: null }).totalBytes;
      if (largest > 0) expect(at(largest)).toBeLessThanOrEqual(budgetBytes);
      if (largest < 100_000) expect(at(Math.min(largest + 256, 100_000))).toBeGreaterThan(budgetBytes);
    }),
  );
});

describe('the speed to expect', () => {
  const dense = (modelId: string, tokensPerS: number, weightsBytes: number) => ({
    modelId,
    tokensPerS,
    weightsBytes,
    facts,
  });
  test('is unknown without a measurement that says something', () => {
    expect(expectedSpeed(facts, GB, [])).toBeNull();
    expect(expectedSpeed(facts, GB, [dense('tiny', 4_000, 2e6)])).toBeNull();
  });

  test('halves with twice the weights, by the median of what was measured', () => {
    const measured = [dense('a', 20, 4 * GB), dense('b', 10, 8 * GB), dense('odd', 900, 8 * GB)];
    expect(expectedSpeed(facts, 8 * GB, measured)).toEqual({ tokensPerS: 10, from: ['a', 'b', 'odd'] });
  });

  test('counts of the experts only those that are asked', () => {
    const experts = { ...big, expertCount: 128, expertUsedCount: 8, expertFeedForwardLength: 768 };
    expect(activeRatio(facts)).toBe(1);
    expect(activeRatio(experts)).toBeGreaterThan(8 / 128);
    expect(activeRatio(experts)).toBeLessThan(0.3);
  });
});
