/** What published configurations mean. Their layers' caches are held against mlx-lm itself in `oracle.test.ts`. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlxFacts } from '#src/mlx/facts.ts';
import { readMlx } from '#src/mlx/read.ts';
import { EMPTY_TALLY } from '#src/mlx/safetensors.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { quickestMs } from '#test/support/quickest.ts';
import { TINY_CONFIG, TINY_WEIGHTS, writeMlxFolder } from '../support/mlx-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'flow-mlx-facts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const NO_TEMPLATES = { templates: [], beginText: '', endText: '' };
const factsOf = (config: object, names: readonly string[] = []): ModelFacts =>
  mlxFacts({ config: { ...config }, tally: EMPTY_TALLY, templates: NO_TEMPLATES, names });
/** Bytes that one more token takes at half precision, of layers that see everything. */
const tokenBytes = ({ layers }: ModelFacts): number =>
  layers.reduce(
    (sum, layer) => sum + (layer.isSliding ? 0 : layer.kvHeads * (layer.keyLength + layer.valueLength) * 2),
    0,
  );

const QWEN3_4B = {
  ...{ architectures: ['Qwen3ForCausalLM'], model_type: 'qwen3', hidden_size: 2560, intermediate_size: 9728 },
  ...{ num_hidden_layers: 36, num_attention_heads: 32, num_key_value_heads: 8, head_dim: 128, vocab_size: 151_936 },
  ...{ max_position_embeddings: 40_960, sliding_window: null, use_sliding_window: false, rope_scaling: null },
  quantization: { group_size: 64, bits: 4 },
};
const QWEN3_30B = {
  ...{ ...QWEN3_4B, model_type: 'qwen3_moe', hidden_size: 2048, num_hidden_layers: 48, num_key_value_heads: 4 },
  ...{ num_experts: 128, num_experts_per_tok: 8, moe_intermediate_size: 768 },
};
const QWEN35_35B = {
  model_type: 'qwen3_5_moe',
  vision_config: { depth: 27, hidden_size: 1152 },
  text_config: {
    ...{ model_type: 'qwen3_5_moe_text', hidden_size: 2048, num_hidden_layers: 40, head_dim: 256 },
    ...{ num_attention_heads: 16, num_key_value_heads: 2, max_position_embeddings: 262_144, vocab_size: 248_320 },
    ...{ num_experts: 256, num_experts_per_tok: 8, moe_intermediate_size: 512, full_attention_interval: 4 },
    ...{ linear_num_value_heads: 32, linear_num_key_heads: 16, linear_key_head_dim: 128 },
    ...{ linear_value_head_dim: 128, linear_conv_kernel_dim: 4 },
  },
  quantization: {
    group_size: 64,
    bits: 4,
    mode: 'affine',
    'language_model.model.layers.0.mlp.gate': { bits: 8, group_size: 64 },
  },
};
const LLAMA_3B = {
  ...{ model_type: 'llama', hidden_size: 3072, intermediate_size: 8192, num_hidden_layers: 28, head_dim: 128 },
  ...{ num_attention_heads: 24, num_key_value_heads: 8, max_position_embeddings: 131_072, vocab_size: 128_256 },
  rope_scaling: { factor: 32, original_max_position_embeddings: 8192, rope_type: 'llama3' },
  ...{ eos_token_id: [128_001, 128_008, 128_009], torch_dtype: 'bfloat16' },
};
const GEMMA3_4B = {
  model_type: 'gemma3',
  // As published: what is the family's usual value is left out.
  text_config: {
    ...{ hidden_size: 2560, intermediate_size: 10_240, model_type: 'gemma3_text', num_hidden_layers: 34 },
    ...{ rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 1024 },
  },
  vision_config: { hidden_size: 1152, model_type: 'siglip_vision_model' },
  quantization: { group_size: 64, bits: 8 },
};
const GPT_OSS_20B = {
  ...{ model_type: 'gpt_oss', hidden_size: 2880, intermediate_size: 2880, num_hidden_layers: 24, head_dim: 64 },
  ...{ num_attention_heads: 64, num_key_value_heads: 8, num_local_experts: 32, num_experts_per_tok: 4 },
  ...{ sliding_window: 128, max_position_embeddings: 131_072, vocab_size: 201_088 },
  rope_scaling: { factor: 32, original_max_position_embeddings: 4096, rope_type: 'yarn' },
  quantization: { group_size: 32, bits: 4, mode: 'mxfp4' },
};
const DEEPSEEK_V3 = {
  ...{ model_type: 'deepseek_v3', hidden_size: 7168, intermediate_size: 18_432, num_hidden_layers: 61 },
  ...{ num_attention_heads: 128, num_key_value_heads: 128, kv_lora_rank: 512, qk_rope_head_dim: 64 },
  ...{ qk_nope_head_dim: 128, v_head_dim: 128, n_routed_experts: 256, num_experts_per_tok: 8 },
  ...{ moe_intermediate_size: 2048, max_position_embeddings: 163_840, vocab_size: 129_280 },
  quantization_config: { quant_method: 'fp8', weight_block_size: [128, 128] },
};
const GLM45_AIR = {
  ...{ model_type: 'glm4_moe', hidden_size: 4096, intermediate_size: 10_944, num_hidden_layers: 46, head_dim: 128 },
  ...{ num_attention_heads: 96, num_key_value_heads: 8, n_routed_experts: 128, num_experts_per_tok: 8 },
  ...{ moe_intermediate_size: 1408, max_position_embeddings: 131_072, vocab_size: 151_552 },
  quantization: { group_size: 64, bits: 4 },
};
const MISTRAL_7B = {
  ...{ model_type: 'mistral', hidden_size: 4096, intermediate_size: 14_336, num_hidden_layers: 32 },
  ...{ num_attention_heads: 32, num_key_value_heads: 8, sliding_window: 4096, max_position_embeddings: 32_768 },
  ...{ vocab_size: 32_000, dtype: 'float16' },
};

test.each<[name: string, config: object, said: Partial<ModelFacts>, tokenBytes: number, layers: number]>([
  ['Qwen3 4B', QWEN3_4B, { quantization: '4-bit', contextTokens: 40_960, hasVision: false }, 36 * 8 * 256 * 2, 36],
  [
    'Qwen3 30B-A3B',
    QWEN3_30B,
    { expertCount: 128, expertUsedCount: 8, expertFeedForwardLength: 768 },
    48 * 4 * 256 * 2,
    48,
  ],
  [
    'Qwen3.5 35B-A3B, of which every fourth layer attends',
    QWEN35_35B,
    {
      ...{ architecture: 'qwen3_5_moe', quantization: '4-bit (mixed)', contextTokens: 262_144, hasVision: true },
      recurrentBytes: 30 * (3 * (2 * 2048 + 4096) * 2 + 32 * 128 * 128 * 4),
    },
    10 * 2 * 512 * 2,
    40,
  ],
  ['Llama 3.2 3B', LLAMA_3B, { quantization: 'bf16', contextTokens: 131_072, endToken: 128_001 }, 28 * 8 * 256 * 2, 28],
  [
    'Gemma 3 4B, five of six layers with a window',
    GEMMA3_4B,
    { quantization: '8-bit', contextTokens: 131_072, slidingWindow: 1024, hasVision: true, heads: 8 },
    5 * 4 * 512 * 2,
    34,
  ],
  [
    'gpt-oss 20B, every other layer with a window',
    GPT_OSS_20B,
    { quantization: 'mxfp4', contextTokens: 131_072, slidingWindow: 128, expertFeedForwardLength: 2880 },
    12 * 8 * 128 * 2,
    24,
  ],
  ['DeepSeek V3, which keeps latents', DEEPSEEK_V3, { quantization: 'fp8', contextTokens: 163_840 }, 61 * 576 * 2, 61],
  ['GLM 4.5 Air', GLM45_AIR, { architecture: 'glm4_moe', expertCount: 128 }, 46 * 8 * 256 * 2, 46],
  [
    'Mistral 7B, whose window is only a mask',
    MISTRAL_7B,
    { quantization: 'fp16', contextTokens: 32_768, slidingWindow: null },
    32 * 8 * 256 * 2,
    32,
  ],
])('%s', (_name, config, said, bytes, layers) => {
  const facts = factsOf(config);
  expect(facts).toMatchObject({ role: 'model', ...said });
  expect(tokenBytes(facts)).toBe(bytes);
  expect(facts.layers.length).toBe(layers);
});

test('YaRN stretches what is published before it was stretched', () => {
  const scaling = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 };
  expect(factsOf({ ...QWEN3_4B, max_position_embeddings: 32_768, rope_scaling: scaling }).contextTokens).toBe(131_072);
});

describe('what a configuration claims is kept within reason', () => {
  test.each<[what: string, config: object]>([
    ['a billion layers', { model_type: 'llama', num_hidden_layers: 1e9, num_attention_heads: 4, hidden_size: 64 }],
    ['lengths that are none', { ...QWEN3_4B, head_dim: -1, num_key_value_heads: 1e300, hidden_size: '2560' }],
    ['lists instead of numbers', { ...QWEN3_4B, num_hidden_layers: [36], num_attention_heads: { a: 1 } }],
    [
      'a name that is a page',
      { ...QWEN3_4B, model_type: '<script>'.repeat(99), quantization: { bits: 1e9, mode: '<b>' } },
    ],
    ['parts in parts', { model_type: 'x', text_config: { text_config: { text_config: {} } } }],
  ])('%s', (_what, config) => {
    const facts = factsOf(config);
    expect(facts.layers.length).toBeLessThanOrEqual(2048);
    expect(JSON.stringify(facts)).not.toContain('script');
    for (const layer of facts.layers) {
      expect(Object.values(layer).every((value) => typeof value !== 'number' || (value >= 0 && value <= 1 << 24))).toBe(
        true,
      );
    }
  });
});

test('a configuration of thousands of layers, each with a quantisation of its own, holds nobody up', () => {
  const perLayer = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`layers.${at}`, { bits: 4 }]));
  const even = () => factsOf({ ...QWEN3_4B, quantization: { bits: 4, group_size: 64, ...perLayer } });
  const linear = Array.from({ length: 200_000 }, () => 9_999);
  const layered = () =>
    factsOf({ ...QWEN3_4B, num_hidden_layers: 2_048, linear_attn_config: { full_attn_layers: linear } });
  for (const read of [even, layered]) expect(quickestMs(300, read)).toBeLessThan(300);
  expect(even().quantization).toBe('4-bit');
});

test.each(['constructor', '__proto__', 'toString'])(
  'a number format called %s is no name of a quantisation',
  (name) => {
    expect(factsOf({ ...TINY_CONFIG, torch_dtype: name }).quantization).toBeNull();
    const path = writeMlxFolder(join(root, `named-${name}`), { config: TINY_CONFIG, weights: {} });
    const header = `{"t":{"dtype":"${name}","shape":[1],"data_offsets":[0,2]}}`;
    const length = Buffer.alloc(8);
    length.writeUInt32LE(header.length);
    writeFileSync(join(path, 'model.safetensors'), Buffer.concat([length, Buffer.from(header), Buffer.alloc(2)]));
    expect(readMlx(path).quantization).toBeNull();
  },
);

describe('a folder', () => {
  test('says its template, its abilities, its numbers and what its eyes are', () => {
    const template = '{% if tools %}<tool_call>{% endif %}<think>';
    const path = writeMlxFolder(join(root, 'eyes'), {
      config: { ...TINY_CONFIG, vision_config: {}, quantization: { bits: 4, group_size: 64 } },
      weights: {
        'model.safetensors': {
          'language_model.model.embed_tokens.weight': ['U32', [100, 8]],
          'language_model.model.embed_tokens.scales': ['BF16', [100, 1]],
          'vision_tower.x': ['BF16', [4]],
        },
      },
      files: {
        'tokenizer_config.json': { chat_template: template, eos_token: { content: '<|end|>' }, added: { a: 1 } },
      },
    });
    expect(readMlx(path)).toMatchObject({
      ...{ chatTemplate: template, hasVision: true, quantization: '4-bit', cacheElementBytes: 2, vocabularySize: 100 },
      ...{
        capabilities: { tools: true, thinking: true, embedding: false },
        tensors: { parameters: 6404, bytes: 3408 },
      },
    });
  });

  test('whose eyes were taken out sees nothing, and float32 is kept as it is', () => {
    const path = writeMlxFolder(join(root, 'blind'), {
      config: { ...TINY_CONFIG, vision_config: {} },
      weights: { 'model.safetensors': { 'model.embed_tokens.weight': ['F32', [100, 64]] } },
    });
    expect(readMlx(path)).toMatchObject({ hasVision: false, quantization: 'fp32', cacheElementBytes: 4 });
  });

  test('takes a template of its own file before the tokenizer’s, and further ones by their names', () => {
    const path = writeMlxFolder(join(root, 'templates'), {
      config: TINY_CONFIG,
      files: {
        'chat_template.jinja': 'first',
        'additional_chat_templates/tool_use.jinja': 'second',
        'tokenizer_config.json': { chat_template: [{ name: 'default', template: 'third' }] },
      },
    });
    expect(readMlx(path)).toMatchObject({
      chatTemplate: 'first',
      namedTemplates: [{ name: 'tool_use', text: 'second' }],
    });
  });

  test('of an embedder is one by the files that embedders have', () => {
    const path = writeMlxFolder(join(root, 'embedder'), { config: TINY_CONFIG, files: { 'modules.json': [] } });
    expect(readMlx(path).capabilities.embedding).toBe(true);
  });

  test('with a pipe or a folder for weights is refused at once', () => {
    const path = writeMlxFolder(join(root, 'pipe'), { config: TINY_CONFIG, weights: {} });
    Bun.spawnSync(['mkfifo', join(path, 'model.safetensors')]);
    expect(() => readMlx(path)).toThrow(/not a regular file/);
    const other = writeMlxFolder(join(root, 'folder'), { config: TINY_CONFIG, weights: {} });
    mkdirSync(join(other, 'model.safetensors'));
    expect(() => readMlx(other)).toThrow(/not a regular file/);
  });

  test('with files larger than any real one is refused without reading them', () => {
    const path = writeMlxFolder(join(root, 'large'), {
      config: TINY_CONFIG,
      weights: { 'model.safetensors': TINY_WEIGHTS },
    });
    writeFileSync(join(path, 'config.json'), `{"a": "${'x'.repeat(2 << 20)}"}`);
    expect(() => readMlx(path)).toThrow(/larger than any real one/);
  });

  test('of many links to one large header is refused before all of them are read (S-15)', () => {
    const path = writeMlxFolder(join(root, 'links'), { config: TINY_CONFIG, weights: {} });
    const header = `{"__metadata__":{"x":"${'y'.repeat(15 << 20)}"}}`;
    const length = Buffer.alloc(8);
    length.writeUInt32LE(header.length);
    writeFileSync(join(path, 'model-0.safetensors'), Buffer.concat([length, Buffer.from(header)]));
    for (let at = 1; at < 200; at += 1) {
      symlinkSync(join(path, 'model-0.safetensors'), join(path, `model-${at}.safetensors`));
    }
    expect(() => readMlx(path)).toThrow(/headers of the weights are larger/);
  });
});
