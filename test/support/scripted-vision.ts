/** A projector for scripted models, so that a real engine takes pictures: `writeScriptedProjector(path, modelPath)`. */
import { readGguf } from '#src/gguf/read.ts';
import { type GgufTensor, type GgufValue, writeGguf } from '#src/gguf/write.ts';

const IMAGE_PIXELS = 28;
const PATCH_PIXELS = 14;
const WIDTH = 32;
const FEED_FORWARD = 32;
const LAYERS = 2;
const PATCHES = (IMAGE_PIXELS / PATCH_PIXELS) ** 2;

/** Tokens that a picture takes, whatever its size: one for each patch. */
export const PICTURE_TOKENS = PATCHES;

const text = (value: string): GgufValue => ({ type: 'string', value });
const count = (value: number): GgufValue => ({ type: 'uint32', value });

const METADATA: ReadonlyMap<string, GgufValue> = new Map([
  ['general.architecture', text('clip')],
  ['general.name', text('Scripted projector')],
  ['general.file_type', count(0)],
  ['clip.has_vision_encoder', { type: 'bool', value: true }],
  ['clip.projector_type', text('mlp')],
  ['clip.use_gelu', { type: 'bool', value: true }],
  ['clip.vision.image_size', count(IMAGE_PIXELS)],
  ['clip.vision.patch_size', count(PATCH_PIXELS)],
  ['clip.vision.embedding_length', count(WIDTH)],
  ['clip.vision.feed_forward_length', count(FEED_FORWARD)],
  ['clip.vision.block_count', count(LAYERS)],
  ['clip.vision.projection_dim', count(WIDTH)],
  ['clip.vision.attention.head_count', count(2)],
  ['clip.vision.attention.layer_norm_epsilon', { type: 'float32', value: 1e-5 }],
  ['clip.vision.image_mean', { type: 'float32s', value: [0.5, 0.5, 0.5] }],
  ['clip.vision.image_std', { type: 'float32s', value: [0.5, 0.5, 0.5] }],
]);

/**
 * Writes a projector for this model, in the manner of LLaVA. What it makes of a picture is nothing at all, so the
 * script that a model plays is the same with it; but the picture is read, counted and takes its places in the prompt.
 */
export async function writeScriptedProjector(path: string, modelPath: string): Promise<void> {
  const textWidth = readGguf(modelPath).embeddingLength;
  await writeGguf(path, { metadata: METADATA, tensors: [...encoder(), ...projector(textWidth)] });
}

function* encoder(): Iterable<GgufTensor> {
  yield zeros('v.class_embd', [WIDTH]);
  yield zeros('v.patch_embd.weight', [PATCH_PIXELS, PATCH_PIXELS, 3, WIDTH]);
  yield zeros('v.position_embd.weight', [WIDTH, PATCHES + 1]);
  yield* norm('v.pre_ln');
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const block = `v.blk.${layer}`;
    yield* norm(`${block}.ln1`);
    yield* norm(`${block}.ln2`);
    for (const part of ['attn_q', 'attn_k', 'attn_v', 'attn_out']) yield* linear(`${block}.${part}`, WIDTH, WIDTH);
    yield* linear(`${block}.ffn_up`, WIDTH, FEED_FORWARD);
    yield* linear(`${block}.ffn_down`, FEED_FORWARD, WIDTH);
  }
}

function* projector(textWidth: number): Iterable<GgufTensor> {
  yield* linear('mm.0', WIDTH, textWidth);
  yield* linear('mm.2', textWidth, textWidth);
}

function* norm(name: string): Iterable<GgufTensor> {
  yield { name: `${name}.weight`, shape: [WIDTH], type: 'f32', fill: (_row, values) => values.fill(1) };
  yield zeros(`${name}.bias`, [WIDTH]);
}

function* linear(name: string, from: number, to: number): Iterable<GgufTensor> {
  yield zeros(`${name}.weight`, [from, to]);
  yield zeros(`${name}.bias`, [to]);
}

function zeros(name: string, shape: GgufTensor['shape']): GgufTensor {
  return { name, shape, type: 'f32', fill: () => {} };
}
