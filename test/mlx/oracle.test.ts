/**
 * What each layer keeps, and what headers add up to, against what mlx-lm 0.32.2 itself kept after nine tokens of small
 * models with these configurations (float32, on a CPU), and what MLX counted of the weights that it wrote.
 */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LanguageConfig } from '#src/mlx/config.ts';
import { mlxFacts } from '#src/mlx/facts.ts';
import { layersOf } from '#src/mlx/layers.ts';
import { readSafetensors } from '#src/mlx/safetensors.ts';

type Kept =
  | { readonly kind: 'ArraysCache'; readonly bytes: number }
  | { readonly kind: 'CacheList'; readonly parts: readonly Kept[] }
  | { readonly kind: 'KVCache' | 'RotatingKVCache' | 'ChunkedKVCache'; readonly row: number; readonly maxSize: number };
type Case = { readonly config: { readonly model_type: string }; readonly layers: readonly Kept[] };

const cases = readFileSync(join(import.meta.dir, 'oracle.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);
const flat = (kept: Kept): readonly Kept[] => (kept.kind === 'CacheList' ? kept.parts.flatMap(flat) : [kept]);

test.each(cases.map((one) => [one.config.model_type, one] as const))('%s', (_name, { config, layers }) => {
  const found = layersOf(new LanguageConfig(config), 4);
  const kept = layers.map(flat);
  const rows = kept.map((parts) => parts.reduce((sum, part) => sum + ('row' in part ? part.row : 0), 0));
  const states = kept.flat().reduce((sum, part) => sum + ('bytes' in part ? part.bytes : 0), 0);
  const own = found.layers.map(({ kvHeads, keyLength, valueLength }) => kvHeads * (keyLength + valueLength));
  const sliding = found.layers.filter(({ isSliding }) => isSliding).length;
  expect(own.filter((row) => row > 0)).toEqual(rows.filter((row) => row > 0));
  expect(sliding).toBe(kept.flat().filter(({ kind }) => kind === 'RotatingKVCache').length);
  expect(found.recurrentBytes).toBe(states);
  const [window] = kept.flat().flatMap((part) => (part.kind === 'RotatingKVCache' ? [part.maxSize] : []));
  expect(found.slidingWindow).toBe(window ?? null);
});

type Written = {
  readonly config: { readonly quantization?: { readonly bits: number; readonly mode: string } };
  readonly bytes: number;
  readonly parameters: number;
  readonly header: unknown;
};
const written = readFileSync(join(import.meta.dir, 'written-by-mlx.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Written);

test.each(written.map((one, at) => [['4-bit', '8-bit', 'mxfp4', 'bf16'][at] ?? '', one] as const))(
  'a file of %s weights that MLX wrote has as many bytes and parameters as MLX counts',
  (quantization, { config, bytes, parameters, header }) => {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const step = readSafetensors(Buffer.concat([length, json]), 8 + json.length + bytes);
    if (step.kind !== 'header') throw new Error('the header is whole');
    const templates = { templates: [], beginText: '', endText: '' };
    const facts = mlxFacts({ config, tally: step.tally, templates, names: [] });
    expect(facts.tensors).toMatchObject({ bytes, parameters });
    expect(facts).toMatchObject({ quantization, cacheElementBytes: 2, vocabularySize: 128 });
  },
);
