/** Turns texts into a vocabulary and transitions: each piece of text is a token of its own that leads to the next. */
import { assert } from '#src/assert.ts';
import { promptPieces } from './prompt-pieces.ts';
import { type ScriptedModel, type ScriptedToken, TOKEN_TYPE } from './scripted-weights.ts';

type TokenId = number;

/** What follows the last piece: the end of the answer, the first piece again, or another script's first piece. */
export type ScriptEnd = 'stop' | 'repeat';

/**
 * Ranks are what is left when a grammar forbids the script: strings are filled with one word and closed, objects and
 * arrays are closed as soon as they may be, so that a forced tool call is short and ends.
 */
const CHARACTERS_BY_RANK =
  '"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_}],:{[1023456789-./@#+=*?!;$%&~()<>^|`\'\\ ';
const FILLER = 'demo';
const RANK_OF_START = 110;
const RANK_OF_END = 105;
const WEIGHT_SCRIPT = 3;
const WEIGHT_FILLER = 2;
const WEIGHT_CLOSE = 1;

/** Collects scripts, then gives the vocabulary and the transitions. Scripts are named by control tokens `<|name|>`. */
export class ScriptBook {
  readonly #tokens: ScriptedToken[] = [];
  readonly #ids = new Map<string, TokenId>();
  readonly #transitions: [TokenId, TokenId, number][] = [];
  readonly #tags: readonly string[];
  readonly endToken: TokenId;

  /** `tags` become one token each, so a script may use a tag only where the same thing follows it everywhere. */
  constructor(tags: readonly string[] = []) {
    this.#tags = tags;
    this.#add('<unk>', TOKEN_TYPE.unknown, 0);
    this.endToken = this.#add('<|im_end|>', TOKEN_TYPE.control, RANK_OF_END);
    this.#add('<|im_start|>', TOKEN_TYPE.control, 0);
    for (const text of tags) this.#add(text, TOKEN_TYPE.userDefined, 0);
    for (let byte = 0; byte < 256; byte++) {
      this.#add(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, TOKEN_TYPE.byte, 0);
    }
    this.#addCharacters();
  }

  /** A text that follows `<|name|>`; with `isDefault`, it also answers prompts that end in ordinary text. */
  script(name: string, text: string, end: ScriptEnd = 'stop', isDefault = false): void {
    const opening = this.#add(`<|play_${name}|>`, TOKEN_TYPE.control, 0);
    const pieces = this.#pieces(text, isDefault ? RANK_OF_START : 0);
    let last = opening;
    for (const piece of pieces) {
      this.#transitions.push([last, piece, WEIGHT_SCRIPT]);
      last = piece;
    }
    const next = end === 'repeat' ? pieces[0] : this.endToken;
    assert(next !== undefined, 'a text to repeat');
    this.#transitions.push([last, next, WEIGHT_SCRIPT]);
    if (isDefault) this.#transitions.push([last, this.#id('"'), WEIGHT_CLOSE]);
  }

  /** Everything a model needs of the book. */
  finish(): Pick<ScriptedModel, 'tokens' | 'readOnlyTexts' | 'transitions' | 'endToken'> {
    const readOnlyTexts = promptPieces()
      .map(spelled)
      .filter((text) => !this.#ids.has(text));
    return { tokens: this.#tokens, readOnlyTexts, transitions: this.#transitions, endToken: this.endToken };
  }

  #addCharacters(): void {
    [...CHARACTERS_BY_RANK].forEach((character, index) => {
      this.#add(spelled(character), TOKEN_TYPE.normal, CHARACTERS_BY_RANK.length - index);
    });
    const filler = this.#add(FILLER, TOKEN_TYPE.normal, 0);
    this.#prefer('"', filler, WEIGHT_FILLER);
    this.#transitions.push([filler, this.#id('"'), WEIGHT_FILLER]);
    // A call that is complete ends the list of calls; inside a call `<` is never valid.
    this.#prefer('}', this.#id('<'), WEIGHT_CLOSE);
    this.#prefer('>', this.endToken, WEIGHT_CLOSE);
    this.#prefer('{', this.#id('}'), WEIGHT_CLOSE);
    this.#prefer('[', this.#id(']'), WEIGHT_CLOSE);
    for (const digit of '0123456789') {
      [',', ']', '}'].forEach((close, index) => {
        this.#prefer(digit, this.#id(close), WEIGHT_CLOSE + index / 10);
      });
    }
  }

  #prefer(after: string, next: TokenId, weight: number): void {
    this.#transitions.push([this.#id(after), next, weight]);
  }

  /** Cuts a text into words, joined until each is new to the vocabulary: a token's text names it. */
  #pieces(text: string, rankOfFirst: number): TokenId[] {
    const pieces: string[] = [];
    let piece = '';
    for (const word of this.#words(text)) {
      if (this.#tags.includes(word)) {
        if (piece !== '') pieces.push(piece);
        pieces.push(word);
        piece = '';
        continue;
      }
      piece += word;
      if (this.#ids.has(spelled(piece))) continue;
      pieces.push(piece);
      this.#ids.set(spelled(piece), -1);
      piece = '';
    }
    if (piece !== '') pieces.push(this.#takeBack(pieces.pop() ?? '') + piece);
    return pieces.map((text, index) =>
      this.#tags.includes(text)
        ? this.#id(text)
        : this.#add(spelled(text), TOKEN_TYPE.normal, index === 0 ? rankOfFirst : 0),
    );
  }

  /** Words with the space before them; a tag stands alone. */
  #words(text: string): string[] {
    const [tag] = this.#tags.filter((tag) => text.includes(tag));
    if (tag === undefined) return text.match(/\s*\S+|\s+$/gu) ?? [];
    const at = text.indexOf(tag);
    return [...this.#words(text.slice(0, at)), tag, ...this.#words(text.slice(at + tag.length))];
  }

  #takeBack(piece: string): string {
    this.#ids.delete(spelled(piece));
    return piece;
  }

  #id(text: string): TokenId {
    const id = this.#ids.get(spelled(text));
    assert(id !== undefined, `${text} in the vocabulary`);
    return id;
  }

  #add(text: string, type: ScriptedToken['type'], rank: number): TokenId {
    const id = this.#tokens.length;
    const held = this.#ids.get(text);
    assert(held === undefined || held === -1, `no second token ${text}`);
    this.#tokens.push({ text, type, rank });
    this.#ids.set(text, id);
    return id;
  }
}

/** The tokenizer's way to write spaces. */
function spelled(text: string): string {
  return text.replaceAll(' ', '▁');
}
