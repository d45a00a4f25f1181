/** A GGUF of 1.9 MB that a real llama-server loads in a moment; it says "ababab…" until stopped. */

const WIDTH = 320;
const HEAD_LENGTH = 64;
const SPECIAL_TOKENS = ['<unk>', '<s>', '</s>'];
const TEXT_TYPE = 8;
const ALIGNMENT = 32;

type Tensor = { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array };

/** The bytes of the file. */
export function tinyGguf(trainedContextTokens = 4096): Uint8Array {
  const tensors = makeTensors();
  const head = new Writer();
  head.raw(new TextEncoder().encode('GGUF'));
  head.u32(3);
  head.u64(tensors.length);
  const metadata = makeMetadata(trainedContextTokens);
  head.u64(metadata.length);
  for (const write of metadata) write(head);
  let offset = 0;
  for (const tensor of tensors) {
    head.text(tensor.name);
    head.u32(tensor.shape.length);
    for (const length of tensor.shape) head.u64(length);
    head.u32(0);
    head.u64(offset);
    offset += padded(tensor.values.byteLength);
  }
  head.pad();
  for (const tensor of tensors) {
    head.raw(new Uint8Array(tensor.values.buffer));
    head.pad();
  }
  return head.bytes();
}

function makeMetadata(trainedContextTokens: number): ((head: Writer) => void)[] {
  const tokens = [...SPECIAL_TOKENS, ...Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`)];
  const types = tokens.map((_, index) => (index === 0 ? 2 : index < SPECIAL_TOKENS.length ? 3 : 6));
  return [
    (head) => head.textField('general.architecture', 'llama'),
    (head) => head.textField('general.name', 'tiny'),
    (head) => head.u32Field('llama.context_length', trainedContextTokens),
    (head) => head.u32Field('llama.embedding_length', WIDTH),
    (head) => head.u32Field('llama.block_count', 1),
    (head) => head.u32Field('llama.feed_forward_length', HEAD_LENGTH),
    (head) => head.u32Field('llama.attention.head_count', WIDTH / HEAD_LENGTH),
    (head) => head.u32Field('llama.attention.head_count_kv', 1),
    (head) => head.u32Field('llama.rope.dimension_count', HEAD_LENGTH),
    (head) => head.f32Field('llama.attention.layer_norm_rms_epsilon', 1e-5),
    (head) => head.textField('tokenizer.ggml.model', 'llama'),
    (head) => head.textsField('tokenizer.ggml.tokens', tokens),
    (head) =>
      head.f32sField(
        'tokenizer.ggml.scores',
        tokens.map(() => 0),
      ),
    (head) => head.i32sField('tokenizer.ggml.token_type', types),
    (head) => head.u32Field('tokenizer.ggml.unknown_token_id', 0),
    (head) => head.u32Field('tokenizer.ggml.bos_token_id', 1),
    (head) => head.u32Field('tokenizer.ggml.eos_token_id', 2),
    (head) => head.boolField('tokenizer.ggml.add_bos_token', false),
    (head) => head.boolField('tokenizer.ggml.add_space_prefix', false),
    (head) =>
      head.textField('tokenizer.chat_template', '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}'),
  ];
}

function makeTensors(): Tensor[] {
  const tokenCount = SPECIAL_TOKENS.length + 256;
  const letterA = SPECIAL_TOKENS.length + 97;
  const embedding = new Float32Array(WIDTH * tokenCount);
  const output = new Float32Array(WIDTH * tokenCount);
  for (let token = 0; token < tokenCount; token += 1) {
    embedding[token * WIDTH + token] = 1;
    const follower = token === letterA ? letterA + 1 : letterA;
    output[follower * WIDTH + token] = 20;
  }
  const zeros = (name: string, ...shape: number[]): Tensor => ({
    name,
    shape,
    values: new Float32Array(shape.reduce((product, length) => product * length, 1)),
  });
  const ones = (name: string): Tensor => ({ name, shape: [WIDTH], values: new Float32Array(WIDTH).fill(1) });
  return [
    { name: 'token_embd.weight', shape: [WIDTH, tokenCount], values: embedding },
    { name: 'output.weight', shape: [WIDTH, tokenCount], values: output },
    ones('output_norm.weight'),
    ones('blk.0.attn_norm.weight'),
    ones('blk.0.ffn_norm.weight'),
    zeros('blk.0.attn_q.weight', WIDTH, WIDTH),
    zeros('blk.0.attn_k.weight', WIDTH, HEAD_LENGTH),
    zeros('blk.0.attn_v.weight', WIDTH, HEAD_LENGTH),
    zeros('blk.0.attn_output.weight', WIDTH, WIDTH),
    zeros('blk.0.ffn_gate.weight', WIDTH, HEAD_LENGTH),
    zeros('blk.0.ffn_up.weight', WIDTH, HEAD_LENGTH),
    zeros('blk.0.ffn_down.weight', HEAD_LENGTH, WIDTH),
  ];
}

const hex = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0');
const padded = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

class Writer {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
  u32(value: number): void {
    this.raw(new Uint8Array(new Uint32Array([value]).buffer));
  }
  u64(value: number): void {
    this.raw(new Uint8Array(new BigUint64Array([BigInt(value)]).buffer));
  }
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    this.raw(bytes);
  }
  pad(): void {
    this.raw(new Uint8Array(padded(this.#length) - this.#length));
  }
  textField(key: string, value: string): void {
    this.text(key);
    this.u32(TEXT_TYPE);
    this.text(value);
  }
  u32Field(key: string, value: number): void {
    this.text(key);
    this.u32(4);
    this.u32(value);
  }
  f32Field(key: string, value: number): void {
    this.text(key);
    this.u32(6);
    this.raw(new Uint8Array(new Float32Array([value]).buffer));
  }
  boolField(key: string, value: boolean): void {
    this.text(key);
    this.u32(7);
    this.raw(new Uint8Array([value ? 1 : 0]));
  }
  textsField(key: string, values: readonly string[]): void {
    this.#arrayHead(key, TEXT_TYPE, values.length);
    for (const value of values) this.text(value);
  }
  f32sField(key: string, values: readonly number[]): void {
    this.#arrayHead(key, 6, values.length);
    this.raw(new Uint8Array(new Float32Array(values).buffer));
  }
  i32sField(key: string, values: readonly number[]): void {
    this.#arrayHead(key, 5, values.length);
    this.raw(new Uint8Array(new Int32Array(values).buffer));
  }
  #arrayHead(key: string, type: number, length: number): void {
    this.text(key);
    this.u32(9);
    this.u32(type);
    this.u64(length);
  }
  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
