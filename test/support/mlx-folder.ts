/** Writes folders that look like MLX models: true headers over weights that are holes in their files. */
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Number format and shape by name. */
export type TensorShapes = Readonly<Record<string, readonly [format: string, shape: readonly number[]]>>;

export type MlxFolder = {
  readonly config: unknown;
  /** By file name; none = `model.safetensors` with two tensors. */
  readonly weights?: Readonly<Record<string, TensorShapes>>;
  /** Further files by their names; objects become JSON. */
  readonly files?: Readonly<Record<string, unknown>>;
};

/** The smallest configuration that is a model's. */
export const TINY_CONFIG = {
  architectures: ['Qwen3ForCausalLM'],
  model_type: 'qwen3',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 4096,
  vocab_size: 100,
};

export const TINY_WEIGHTS: TensorShapes = {
  'model.embed_tokens.weight': ['BF16', [100, 64]],
  'model.layers.0.self_attn.k_proj.weight': ['BF16', [32, 64]],
};

const BITS: Readonly<Record<string, number>> = { F32: 32, U32: 32, I32: 32, BF16: 16, F16: 16, U8: 8, F8_E4M3: 8 };

/** Writes the folder and gives its path. */
export function writeMlxFolder(path: string, { config, weights, files }: MlxFolder): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  for (const [name, shapes] of Object.entries(weights ?? { 'model.safetensors': TINY_WEIGHTS })) {
    writeSafetensors(join(path, name), shapes);
  }
  for (const [name, content] of Object.entries(files ?? {})) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return path;
}

/** A file of weights, all zero, without taking their room. */
export function writeSafetensors(path: string, shapes: TensorShapes): void {
  const header = safetensorsHeader(shapes);
  const descriptor = openSync(path, 'w');
  writeSync(descriptor, header.bytes);
  ftruncateSync(descriptor, header.bytes.length + header.dataBytes);
  closeSync(descriptor);
}

/** Length and header as they begin a file, and how much comes behind them. */
export function safetensorsHeader(shapes: TensorShapes): { readonly bytes: Buffer; readonly dataBytes: number } {
  let at = 0;
  const entries = Object.entries(shapes).map(([name, [dtype, shape]]) => {
    const bytes = (shape.reduce((product, length) => product * length, 1) * (BITS[dtype] ?? 16)) / 8;
    const entry = [name, { dtype, shape, data_offsets: [at, at + bytes] }] as const;
    at += bytes;
    return entry;
  });
  const json = Buffer.from(JSON.stringify({ __metadata__: { format: 'mlx' }, ...Object.fromEntries(entries) }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return { bytes: Buffer.concat([length, json]), dataBytes: at };
}
