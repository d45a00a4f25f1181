/**
 * One answer of `/v1/responses`, as events or as a whole: the same code tells both, so they cannot differ. Grammar of
 * the events (those of one item: `output-item.ts`):
 *
 *   stream := created in_progress item* (completed | incomplete | failed)
 *
 * A call that was cut off by the limit has no closing events; it is found, as incomplete, in the last one's `output`.
 * One item is open at a time; `sequence_number` counts from 0, `output_index` in the order of items. Token after token
 * comes through here, so a delta is one prepared text before the JSON of the piece.
 */
import { impossible } from '#src/assert.ts';
import type { Clock } from '#src/clock.ts';
import { type Block, BlockSequence, type BlockSink } from '#src/dialects/block-sequence.ts';
import type { AnswerHead, Collector, Encoder } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { unfinished } from '#src/dialects/unfinished.ts';
import type { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { ResponseMemory } from '#src/responses/memory.ts';
import { Counts } from './counts.ts';
import { itemId } from './history.ts';
import { type ItemStatus, type OutputItem, outputItem } from './output-item.ts';
import type { Asked } from './request.ts';
import { type Progress, resource, resourceBase } from './resource.ts';
import { errorOf } from './voice.ts';

/** What an answer needs beside its events. */
export type AnswerParts = {
  readonly head: AnswerHead;
  readonly asked: Asked;
  readonly memory: ResponseMemory;
  readonly clock: Pick<Clock, 'wallMs'>;
};

/** An encoder for one answer. */
export function responsesEncoder(parts: AnswerParts): Encoder {
  const answer = new Answer(parts, true);
  return {
    push: (event) => answer.push(event),
    end: () => (answer.isOver ? '' : answer.push({ type: 'fault', fault: unfinished() })),
  };
}

/** A collector for one answer. */
export function responsesCollector(parts: AnswerParts): Collector {
  const answer = new Answer(parts, false);
  return {
    push: (event) => void answer.push(event),
    result: () => answer.result(),
  };
}

const DETAILS: { readonly [Reason in FinishReason]: JsonObject | null } = {
  stop: null,
  'tool-calls': null,
  length: { reason: 'max_output_tokens' },
  filtered: { reason: 'content_filter' },
};

class Answer implements BlockSink {
  readonly #parts: AnswerParts;
  readonly #isStreamed: boolean;
  readonly #base: JsonObject;
  readonly #counts = new Counts();
  readonly #sequence = new BlockSequence(this);
  readonly #output: JsonObject[] = [];
  #frames = '';
  #sequenceNumber = 0;
  #open: OutputItem | null = null;
  #deltaBegin = '';
  #hasBegun = false;
  #finish: FinishReason | null = null;
  #whole: JsonObject | null = null;
  #fault: Fault | null = null;

  constructor(parts: AnswerParts, isStreamed: boolean) {
    this.#parts = parts;
    this.#isStreamed = isStreamed;
    this.#base = resourceBase(parts.head, parts.asked);
  }

  get isOver(): boolean {
    return this.#whole !== null || this.#fault !== null;
  }

  /** What the event adds to the stream; '' for nothing. */
  push(event: StreamEvent): string {
    if (this.isOver) return '';
    this.#frames = '';
    this.#take(event);
    return this.#frames;
  }

  /** The answer as a whole. Throws the Fault that came as an event, or engine-died when no finish came. */
  result(): JsonObject {
    if (this.#whole !== null) return this.#whole;
    throw this.#fault ?? unfinished();
  }

  opened(block: Block): void {
    this.#begin();
    const { head, asked } = this.#parts;
    const item = outputItem(block, this.#output.length, head.requestId, asked.book);
    this.#open = item;
    if (!this.#isStreamed) return;
    this.#emit('response.output_item.added', { output_index: this.#output.length, item: item.item('in_progress') });
    for (const [type, fields] of item.opening()) this.#emit(type, fields);
    const fields = JSON.stringify(item.deltaFields).slice(1, -1);
    this.#deltaBegin = `event: ${item.deltaType}\ndata: {"type":"${item.deltaType}",${fields},"sequence_number":`;
  }

  grew(text: string): void {
    this.#tell(this.#open?.grow(text) ?? '');
  }

  closed(): void {
    const item = this.#open;
    if (item === null) return;
    const status = this.#statusOf(item);
    if (status === 'completed') this.#tell(item.rest());
    this.#open = null;
    const whole = item.item(status);
    const index = this.#output.push(whole) - 1;
    // Codex carries out whatever call is done, also half a patch and whatever its status says (seen with 0.169).
    if (!this.#isStreamed || (item.isCall && status === 'incomplete')) return;
    for (const [type, fields] of item.closing()) this.#emit(type, fields);
    this.#emit('response.output_item.done', { output_index: index, item: whole });
  }

  #take(event: StreamEvent): void {
    switch (event.type) {
      case 'prompt':
        this.#counts.prompt(event);
        this.#begin();
        return;
      case 'text':
      case 'thinking':
        this.#counts.piece(event.type === 'thinking');
        this.#sequence.words(event.type, event.text);
        return;
      case 'tool-start':
        this.#sequence.toolStart(event.index, event.id, event.name);
        return;
      case 'tool-arguments':
        this.#counts.piece(false);
        this.#sequence.toolArguments(event.index, event.json);
        return;
      case 'usage':
        this.#counts.usage(event.usage);
        return;
      case 'finish':
        this.#end(event.reason);
        return;
      case 'fault':
        this.#fail(event.fault);
        return;
      default:
        impossible(event);
    }
  }

  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    if (!this.#isStreamed) return;
    const response = this.#resource({ status: 'in_progress' });
    this.#emit('response.created', { response });
    this.#emit('response.in_progress', { response });
  }

  /** Kept before it is told: a client that goes on with it at once must find it. */
  #end(reason: FinishReason): void {
    this.#begin();
    this.#finish = reason;
    this.#sequence.finish();
    const details = DETAILS[reason];
    const status = details === null ? 'completed' : 'incomplete';
    const whole = this.#resource({
      status,
      completed_at: status === 'completed' ? Math.floor(this.#parts.clock.wallMs() / 1000) : null,
      incomplete_details: details,
      output: this.#output,
      usage: this.#counts.complete(),
    });
    this.#whole = whole;
    this.#keep(whole);
    this.#emit(`response.${status}`, { response: whole });
  }

  #fail(fault: Fault): void {
    this.#begin();
    this.#fault = fault;
    if (!this.#isStreamed) return;
    const open = this.#open === null ? [] : [this.#open.item('incomplete')];
    const response = this.#resource({
      status: 'failed',
      error: errorOf(fault, this.#parts.head.requestId),
      output: [...this.#output, ...open],
    });
    this.#emit('response.failed', { response });
  }

  #keep(response: JsonObject): void {
    const { asked, head, memory } = this.#parts;
    if (asked.store === false) return;
    const input = asked.input.map((item, index) => withId(item, head.requestId, index));
    const id = String(response.id);
    const kept = { id, previousId: asked.previousId, createdS: head.createdS, input, response, owner: null };
    memory.keep(kept, { isLasting: asked.store === true });
  }

  /** What was cut off by the limit is not whole, and a call of that kind must never be carried out. */
  #statusOf(item: OutputItem): ItemStatus {
    const isCut = this.#finish === 'length' || this.#finish === 'filtered';
    return isCut && !item.isWhole ? 'incomplete' : 'completed';
  }

  #resource(progress: Partial<Progress> & Pick<Progress, 'status'>): JsonObject {
    return resource(this.#base, {
      completed_at: null,
      error: null,
      incomplete_details: null,
      output: [],
      usage: null,
      ...progress,
    });
  }

  #tell(delta: string): void {
    if (delta === '' || !this.#isStreamed) return;
    this.#frames += `${this.#deltaBegin + this.#sequenceNumber},"delta":${JSON.stringify(delta)}}\n\n`;
    this.#sequenceNumber += 1;
  }

  #emit(type: string, fields: JsonObject): void {
    if (!this.#isStreamed) return;
    const data = JSON.stringify({ type, ...fields, sequence_number: this.#sequenceNumber });
    this.#frames += `event: ${type}\ndata: ${data}\n\n`;
    this.#sequenceNumber += 1;
  }
}

/** Items are listed and referred to by their ids; a client need not give them one. */
function withId(item: JsonObject, requestId: string, index: number): JsonObject {
  if (typeof item.id === 'string' && item.id !== '') return item;
  const type = typeof item.type === 'string' ? item.type : 'message';
  return { ...item, type, id: itemId(type, requestId, `i${index}`) };
}
