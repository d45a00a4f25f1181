/**
 * Events as Anthropic's event stream. Grammar of what comes out:
 *
 *   stream := message_start ping block* message_delta message_stop      or, at any place, `error` as the last frame
 *   block  := content_block_start content_block_delta* content_block_stop        indexes 0, 1, 2 …, one open at a time
 *
 * A thinking block has its one signature_delta just before its stop. Token after token comes through here, so a delta
 * is one prepared text on either side of the JSON of the piece.
 */

import { impossible } from '#src/assert.ts';
import { type Block, BlockSequence, type BlockSink } from '#src/dialects/block-sequence.ts';
import type { AnswerHead, Encoder } from '#src/dialects/dialect.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { unfinished } from '#src/dialects/unfinished.ts';
import { type Finish, messageId, signatureOf, stopOf, Tally } from './ending.ts';
import { toolUseId } from './tool-id.ts';
import { failureOf, frame, PING } from './voice.ts';

const DELTA_END = '}}\n\n';

/** An encoder for one answer. `stops` are the stop sequences of the request. */
export function anthropicEncoder(head: AnswerHead, stops: readonly string[] = []): Encoder {
  return new AnthropicEncoder(head, stops);
}

class AnthropicEncoder implements Encoder, BlockSink {
  readonly #head: AnswerHead;
  readonly #stops: readonly string[];
  readonly #tally = new Tally();
  readonly #sequence = new BlockSequence(this);
  #frames = '';
  #deltaBegin = '';
  #block: Block | null = null;
  #index = -1;
  #hasCalls = false;
  #isBegun = false;
  #isOver = false;

  constructor(head: AnswerHead, stops: readonly string[]) {
    this.#head = head;
    this.#stops = stops;
  }

  push(event: StreamEvent): string {
    if (this.#isOver) return '';
    this.#frames = '';
    this.#take(event);
    return this.#frames;
  }

  end(): string {
    if (this.#isOver) return '';
    return this.push({ type: 'fault', fault: unfinished() });
  }

  opened(block: Block): void {
    this.#begin();
    this.#index += 1;
    this.#block = block;
    this.#deltaBegin = deltaBegin(block, this.#index);
    this.#frames += blockStart(block, this.#index);
    if (block.kind === 'tool') this.#hasCalls = true;
  }

  grew(text: string): void {
    this.#frames += this.#deltaBegin + JSON.stringify(text) + DELTA_END;
  }

  closed(): void {
    if (this.#block?.kind === 'thinking') this.#frames += signatureDelta(this.#head, this.#index);
    this.#frames += frame('content_block_stop', `{"type":"content_block_stop","index":${this.#index}}`);
    this.#block = null;
  }

  #take(event: StreamEvent): void {
    switch (event.type) {
      case 'prompt':
        this.#tally.prompt(event.promptTokens, event.cachedTokens);
        this.#begin();
        return;
      case 'text':
      case 'thinking':
        this.#tally.piece();
        this.#sequence.words(event.type, event.text);
        return;
      case 'tool-start':
        this.#sequence.toolStart(event.index, event.id, event.name);
        return;
      case 'tool-arguments':
        this.#tally.piece();
        this.#sequence.toolArguments(event.index, event.json);
        return;
      case 'usage':
        this.#tally.usage(event.usage);
        return;
      case 'finish':
        this.#finish(event);
        return;
      case 'fault':
        this.#frames += failureOf(event.fault, this.#head.requestId);
        this.#isOver = true;
        return;
      default:
        impossible(event);
    }
  }

  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const message = {
      id: messageId(this.#head),
      type: 'message',
      role: 'assistant',
      model: this.#head.modelId,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: this.#tally.begun(),
    };
    this.#frames += frame('message_start', JSON.stringify({ type: 'message_start', message })) + PING;
  }

  #finish(finish: Finish): void {
    this.#begin();
    this.#sequence.finish();
    const delta = stopOf(finish, this.#hasCalls, this.#stops);
    const data = { type: 'message_delta', delta, usage: this.#tally.complete() };
    this.#frames += frame('message_delta', JSON.stringify(data));
    this.#frames += frame('message_stop', '{"type":"message_stop"}');
    this.#isOver = true;
  }
}

function blockStart(block: Block, index: number): string {
  const data = { type: 'content_block_start', index, content_block: emptyBlock(block) };
  return frame('content_block_start', JSON.stringify(data));
}

function emptyBlock(block: Block): object {
  switch (block.kind) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool':
      return { type: 'tool_use', id: toolUseId(block.id), name: block.name, input: {} };
    default:
      return impossible(block);
  }
}

const DELTA_FIELDS: { readonly [Kind in Block['kind']]: string } = {
  text: '"type":"text_delta","text":',
  thinking: '"type":"thinking_delta","thinking":',
  tool: '"type":"input_json_delta","partial_json":',
};

function deltaBegin(block: Block, index: number): string {
  const fields = `{"type":"content_block_delta","index":${index},"delta":{${DELTA_FIELDS[block.kind]}`;
  return `event: content_block_delta\ndata: ${fields}`;
}

function signatureDelta(head: AnswerHead, index: number): string {
  const delta = { type: 'signature_delta', signature: signatureOf(head, index) };
  return frame('content_block_delta', JSON.stringify({ type: 'content_block_delta', index, delta }));
}
