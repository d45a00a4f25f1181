/**
 * Puts what the model says into blocks that never overlap: clients of Anthropic Messages and of OpenAI Responses want
 * one open at a time, engines may interleave parallel tool calls. A call streams while it is the open block; what
 * belongs to others waits until its arguments are complete, which is seen from the JSON itself, not guessed from the
 * next event.
 *
 *   blocks := (opened grew* closed)*
 */
import { JsonEnd } from './json-end.ts';

export type Block =
  | { readonly kind: 'text' }
  | { readonly kind: 'thinking' }
  | { readonly kind: 'tool'; readonly call: number; readonly id: string; readonly name: string };

/** Hears of blocks in their final order. */
export interface BlockSink {
  opened(block: Block): void;
  /** More of the open block: text, thought, or JSON of the arguments. Never empty. */
  grew(text: string): void;
  closed(): void;
}

type Growing = { readonly block: Block; readonly end: JsonEnd };
type Held = Growing & { text: string };

/** One answer's blocks. Call `finish` once, after the last content. */
export class BlockSequence {
  readonly #sink: BlockSink;
  readonly #held: Held[] = [];
  #open: Growing | null = null;

  constructor(sink: BlockSink) {
    this.#sink = sink;
  }

  /** Text or thought; a change from one to the other begins a new block. */
  words(kind: 'text' | 'thinking', text: string): void {
    if (text === '') return;
    if (this.#open?.block.kind === kind) {
      this.#sink.grew(text);
      return;
    }
    if (!this.#mayMoveOn()) {
      this.#holdWords(kind, text);
      return;
    }
    this.#begin({ block: { kind }, end: new JsonEnd() });
    this.#sink.grew(text);
  }

  /** A call begins. */
  toolStart(call: number, id: string, name: string): void {
    const growing: Growing = { block: { kind: 'tool', call, id, name }, end: new JsonEnd() };
    if (this.#mayMoveOn()) this.#begin(growing);
    else this.#held.push({ ...growing, text: '' });
  }

  /** More of a call's arguments. For a call whose arguments are already complete and told, it is left out. */
  toolArguments(call: number, json: string): void {
    if (json === '') return;
    if (isCall(this.#open, call)) {
      this.#grow(this.#open, json);
      return;
    }
    const held = this.#held.findLast((waiting) => isCall(waiting, call));
    if (held !== undefined) held.text += json;
  }

  /** Closes what is open and tells what still waits. */
  finish(): void {
    this.#close();
    for (const held of this.#held.splice(0)) {
      this.#tell(held);
      this.#close();
    }
  }

  /** Whether the open block is done, as far as can be seen. */
  #mayMoveOn(): boolean {
    return this.#open?.block.kind !== 'tool' || this.#open.end.isReached;
  }

  #begin(growing: Growing): void {
    this.#close();
    this.#open = growing;
    this.#sink.opened(growing.block);
  }

  #grow(open: Growing, json: string): void {
    this.#sink.grew(json);
    open.end.push(json);
    if (open.end.isReached && this.#held.length > 0) this.#tellHeld();
  }

  /** Tells what waited, up to a call that is itself not complete: that one stays open. */
  #tellHeld(): void {
    while (this.#mayMoveOn()) {
      const held = this.#held.shift();
      if (held === undefined) return;
      this.#tell(held);
    }
  }

  #tell(held: Held): void {
    this.#begin(held);
    if (held.text === '') return;
    this.#sink.grew(held.text);
    if (held.block.kind === 'tool') held.end.push(held.text);
  }

  #holdWords(kind: 'text' | 'thinking', text: string): void {
    const last = this.#held.at(-1);
    if (last?.block.kind === kind) last.text += text;
    else this.#held.push({ block: { kind }, end: new JsonEnd(), text });
  }

  #close(): void {
    if (this.#open === null) return;
    this.#open = null;
    this.#sink.closed();
  }
}

function isCall(growing: Growing | null, call: number): growing is Growing {
  return growing?.block.kind === 'tool' && growing.block.call === call;
}
