/** What the pages take of a person's words. */
import { expect, test } from 'bun:test';
import { readReference } from '#src/pages/library/present.ts';

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
