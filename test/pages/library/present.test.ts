/** What the pages take of a person's words. */
import { expect, test } from 'bun:test';
import { readReference, recommended, roughBytes } from '#src/pages/library/present.ts';

const READ: readonly (readonly [string, string | null, string | null])[] = [
  ['acme/model-GGUF', 'acme/model-GGUF', null],
  [' acme/model-GGUF:Q4_K_M ', 'acme/model-GGUF', 'Q4_K_M'],
  ['https://hub.example/acme/model-GGUF', 'acme/model-GGUF', null],
  ['https://hub.example/acme/model/blob/main/model-Q8_0.gguf?download=true', 'acme/model', null],
  ['hf.co/acme/model:Q8_0', 'acme/model', 'Q8_0'],
  ['a small model', null, null],
  ['../etc', null, null],
  ['models/acme/one', null, null],
  ['https://hub.example/', null, null],
  ['', null, null],
];
for (const [text, repository, quantization] of READ) {
  test(`"${text}" names ${repository ?? 'no repository'}`, () => {
    expect(readReference(text)).toEqual(repository === null ? null : { repository, quantization });
  });
}

test('a size in a name says roughly what the model takes', () => {
  const sizes = ['acme/some-7B-GGUF', 'acme/mixed-8x7B', 'acme/tiny-135M-it', 'acme/no-size', 'acme/v2B3'];
  expect(sizes.map((id) => roughBytes(id)?.toPrecision(2) ?? null)).toEqual([
    '4.6e+9',
    '3.7e+10',
    '8.9e+7',
    null,
    null,
  ]);
});

test('recommended is what was named, else the best that fits and is quantised', () => {
  const offer = (quantization: string, verdict: 'fits' | 'tight' | 'too-big') => ({
    ...{ file: quantization, format: 'gguf', quantization, parts: 1, bytes: 1, isComplete: true },
    fit: { verdict, needBytes: 1, largestContextTokens: 1, trainedContextTokens: null, tokensPerS: null },
  });
  const offers = [offer('BF16', 'fits'), offer('Q8_0', 'tight'), offer('Q5_K_M', 'fits'), offer('Q4_K_M', 'fits')];
  expect(recommended(offers, '')?.file).toBe('Q5_K_M');
  expect(recommended(offers, 'q4_k_m')?.file).toBe('Q4_K_M');
  expect(recommended([offer('BF16', 'fits')], '')?.file).toBe('BF16');
  expect(recommended([offer('Q8_0', 'tight')], '')?.file).toBe('Q8_0');
  expect(recommended([offer('Q8_0', 'too-big')], '')).toBeNull();
});
