/**
 * Output items while they grow: what each says of itself at its beginning and end, and the events of its parts. The
 * grammar of one item's events:
 *
 *   reasoning  := added summary_part.added summary_text.delta* summary_text.done summary_part.done done
 *   message    := added content_part.added output_text.delta*  output_text.done  content_part.done done
 *   function   := added function_call_arguments.delta*         function_call_arguments.done       done
 *   custom     := added custom_tool_call_input.delta*          custom_tool_call_input.done        done
 */
import type { Block } from '#src/dialects/block-sequence.ts';
import type { JsonObject } from '#src/json.ts';
import { itemId } from './history.ts';
import { RawInput } from './raw-input.ts';
import type { ToolBook, ToolFace } from './tools.ts';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** An event without its number: the type, and the fields beside type and sequence_number. */
export type ItemEvent = readonly [type: string, fields: JsonObject];

/** One item. `text` is what it has said so far. */
export interface OutputItem {
  readonly id: string;
  readonly isCall: boolean;
  readonly deltaType: string;
  /** Fields of every delta beside the delta itself. */
  readonly deltaFields: JsonObject;
  /** Takes what the model said; gives what is new for the client ('' for nothing). */
  grow(piece: string): string;
  /** What is still to be told at the end, before the closing events. */
  rest(): string;
  /** Whether what it says is whole, as far as that can be seen. */
  readonly isWhole: boolean;
  item(status: ItemStatus): JsonObject;
  opening(): readonly ItemEvent[];
  closing(): readonly ItemEvent[];
}

/** The item of a block, at its place among the others. */
export function outputItem(block: Block, index: number, requestId: string, book: ToolBook): OutputItem {
  const at = (type: string): Place => ({ item_id: itemId(type, requestId, String(index)), output_index: index });
  switch (block.kind) {
    case 'text':
      return new Message(at('message'));
    case 'thinking':
      return new Reasoning(at('reasoning'));
    case 'tool': {
      const face = book.face(block.name);
      return face.kind === 'custom'
        ? new CustomCall(at('custom_tool_call'), block.id, face)
        : new FunctionCall(at('function_call'), block.id, face);
    }
  }
}

type Place = { readonly item_id: string; readonly output_index: number };

class Message implements OutputItem {
  readonly id: string;
  readonly isCall = false;
  readonly deltaType = 'response.output_text.delta';
  readonly deltaFields: JsonObject;
  readonly isWhole = false;
  readonly #place: JsonObject;
  readonly #pieces: string[] = [];

  constructor(place: Place) {
    this.id = place.item_id;
    this.#place = { ...place, content_index: 0 };
    this.deltaFields = { ...this.#place, logprobs: [] };
  }

  grow(piece: string): string {
    this.#pieces.push(piece);
    return piece;
  }

  rest(): string {
    return '';
  }

  item(status: ItemStatus): JsonObject {
    const content = status === 'in_progress' ? [] : [this.#part()];
    return { id: this.id, type: 'message', status, role: 'assistant', content };
  }

  opening(): readonly ItemEvent[] {
    return [['response.content_part.added', { ...this.#place, part: textPart('') }]];
  }

  closing(): readonly ItemEvent[] {
    const part = this.#part();
    return [
      ['response.output_text.done', { ...this.deltaFields, text: part.text }],
      ['response.content_part.done', { ...this.#place, part }],
    ];
  }

  #part(): JsonObject {
    return textPart(this.#pieces.join(''));
  }
}

class Reasoning implements OutputItem {
  readonly id: string;
  readonly isCall = false;
  readonly deltaType = 'response.reasoning_summary_text.delta';
  readonly deltaFields: JsonObject;
  readonly isWhole = false;
  readonly #pieces: string[] = [];

  constructor(place: Place) {
    this.id = place.item_id;
    this.deltaFields = { ...place, summary_index: 0 };
  }

  grow(piece: string): string {
    this.#pieces.push(piece);
    return piece;
  }

  rest(): string {
    return '';
  }

  item(status: ItemStatus): JsonObject {
    const summary = status === 'in_progress' ? [] : [this.#part()];
    return { id: this.id, type: 'reasoning', status, summary };
  }

  opening(): readonly ItemEvent[] {
    const part = { type: 'summary_text', text: '' };
    return [['response.reasoning_summary_part.added', { ...this.deltaFields, part }]];
  }

  closing(): readonly ItemEvent[] {
    const part = this.#part();
    return [
      ['response.reasoning_summary_text.done', { ...this.deltaFields, text: part.text }],
      ['response.reasoning_summary_part.done', { ...this.deltaFields, part }],
    ];
  }

  #part(): { readonly type: string; readonly text: string } {
    return { type: 'summary_text', text: this.#pieces.join('') };
  }
}

class FunctionCall implements OutputItem {
  readonly id: string;
  readonly isCall = true;
  readonly deltaType = 'response.function_call_arguments.delta';
  readonly deltaFields: Place;
  readonly #callId: string;
  readonly #face: ToolFace;
  readonly #pieces: string[] = [];

  constructor(place: Place, callId: string, face: ToolFace) {
    this.id = place.item_id;
    this.deltaFields = place;
    this.#callId = callId;
    this.#face = face;
  }

  get isWhole(): boolean {
    return isJson(this.#json);
  }

  grow(piece: string): string {
    this.#pieces.push(piece);
    return piece;
  }

  /** A call without arguments has an empty object: clients parse them. */
  rest(): string {
    return this.#json.trim() === '' ? this.grow('{}') : '';
  }

  item(status: ItemStatus): JsonObject {
    return {
      id: this.id,
      type: 'function_call',
      status,
      call_id: this.#callId,
      ...nameOf(this.#face),
      arguments: status === 'in_progress' ? '' : this.#json,
    };
  }

  opening(): readonly ItemEvent[] {
    return [];
  }

  closing(): readonly ItemEvent[] {
    const fields = { ...this.deltaFields, name: this.#face.name, arguments: this.#json };
    return [['response.function_call_arguments.done', fields]];
  }

  get #json(): string {
    return this.#pieces.join('');
  }
}

class CustomCall implements OutputItem {
  readonly id: string;
  readonly isCall = true;
  readonly deltaType = 'response.custom_tool_call_input.delta';
  readonly deltaFields: Place;
  readonly #callId: string;
  readonly #face: ToolFace;
  readonly #raw = new RawInput();
  readonly #json: string[] = [];
  readonly #pieces: string[] = [];

  constructor(place: Place, callId: string, face: ToolFace) {
    this.id = place.item_id;
    this.deltaFields = place;
    this.#callId = callId;
    this.#face = face;
  }

  get isWhole(): boolean {
    return isJson(this.#json.join(''));
  }

  grow(piece: string): string {
    this.#json.push(piece);
    return this.#keep(this.#raw.push(piece));
  }

  rest(): string {
    return this.#keep(this.#raw.end());
  }

  item(status: ItemStatus): JsonObject {
    const input = status === 'in_progress' ? '' : this.#pieces.join('');
    return { id: this.id, type: 'custom_tool_call', status, call_id: this.#callId, ...nameOf(this.#face), input };
  }

  opening(): readonly ItemEvent[] {
    return [];
  }

  closing(): readonly ItemEvent[] {
    return [['response.custom_tool_call_input.done', { ...this.deltaFields, input: this.#pieces.join('') }]];
  }

  #keep(text: string): string {
    if (text !== '') this.#pieces.push(text);
    return text;
  }
}

function nameOf({ name, namespace }: ToolFace): JsonObject {
  return namespace === null ? { name } : { name, namespace };
}

function textPart(text: string): JsonObject {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
