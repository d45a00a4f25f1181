/** The tokenizer of scripted MLX models: bytes, some pieces that keep prompts short, tags, markers, scripts' pieces. */
import { promptPieces } from '#src/models/prompt-pieces.ts';

export const END_TOKEN = '<|im_end|>';
const SPECIAL = [END_TOKEN, '<|im_start|>'];
const TAGS = ['<think>', '</think>', '<tool_call>', '</tool_call>'];

/** Collects tokens; what it finishes is the content of `tokenizer.json`. */
export class MlxVocabulary {
  readonly #ids = new Map<string, number>();
  readonly #merges: [string, string][] = [];
  readonly #added: { id: number; content: string; special: boolean }[] = [];

  constructor() {
    for (let byte = 0; byte < 256; byte++) this.#add(letterOf(byte));
    for (const piece of promptPieces()) this.#addPiece(spelled(Buffer.from(piece)));
    for (const text of SPECIAL) this.addTag(text, true);
    for (const text of TAGS) this.addTag(text, false);
  }

  get size(): number {
    return this.#ids.size;
  }

  /** A text that is one token wherever it stands. Special ones are not shown in answers. */
  addTag(text: string, isSpecial: boolean): number {
    const id = this.#add(text);
    this.#added.push({ id, content: text, special: isSpecial });
    return id;
  }

  /** The token of these bytes, made if need be. Prompts are never cut into such tokens. */
  tokenOf(bytes: Uint8Array): number {
    const text = spelled(bytes);
    return this.#ids.get(text) ?? this.#add(text);
  }

  /** The token of a tag. */
  tagOf(text: string): number {
    const id = this.#ids.get(text);
    if (id === undefined) throw new Error(`${text} is no token`);
    return id;
  }

  toJson(): unknown {
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: this.#added.map((token) => ({ ...token, ...flags })),
      normalizer: null,
      pre_tokenizer: { ...bytes, use_regex: true },
      post_processor: null,
      decoder: { ...bytes, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        // With the tags too: one that were only in `added_tokens` would be given an id behind all others.
        vocab: Object.fromEntries(this.#ids),
        merges: this.#merges,
      },
    };
  }

  #addPiece(text: string): void {
    for (let cut = 1; cut < text.length; cut++) {
      const [left, right] = [text.slice(0, cut), text.slice(cut)];
      if (!this.#ids.has(left) || !this.#ids.has(right) || this.#ids.has(text)) continue;
      this.#merges.push([left, right]);
      this.#add(text);
    }
  }

  #add(text: string): number {
    const id = this.#ids.size;
    if (this.#ids.has(text)) throw new Error(`a second token ${text}`);
    this.#ids.set(text, id);
    return id;
  }
}

/** Whether a word of a script is one of the tags that every vocabulary has. */
export function isTag(text: string): boolean {
  return TAGS.includes(text);
}

/** Cuts a text at its tags, which stand alone. */
export function cutAtTags(text: string): string[] {
  return text.split(/(<\/?think>|<\/?tool_call>)/).filter((part) => part !== '');
}

/** Bytes as byte-level tokenizers write them: each is one printable character. */
function spelled(bytes: Uint8Array): string {
  return Array.from(bytes, letterOf).join('');
}

const PRINTABLE: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

function letterOf(byte: number): string {
  if (isPrintable(byte)) return String.fromCodePoint(byte);
  let earlier = 0;
  for (let other = 0; other < byte; other++) if (!isPrintable(other)) earlier += 1;
  return String.fromCodePoint(256 + earlier);
}

function isPrintable(byte: number): boolean {
  return PRINTABLE.some(([from, to]) => byte >= from && byte <= to);
}
