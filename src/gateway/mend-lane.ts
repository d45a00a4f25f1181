/** OpenAI chat on its way to an OpenAI client, with the repairs listening: what they leave alone passes as it came. */
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import { ChunkEncoder, hasForeignThoughts, hidesCalls, withFinish } from '#src/dialects/chat/encode.ts';
import { NO_TIMINGS, NO_USAGE } from '#src/dialects/chat/engine-word.ts';
import type { AnswerHead } from '#src/dialects/dialect.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, jsonOrNull } from '#src/json.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { Stage } from '#src/repairs/stage.ts';
import type { Ticket } from '#src/requests/request.ts';
import { encodeFrame, endOfFrames, type Frame, FrameReader, LINE_CHARACTERS_MAX } from '#src/stream/frames.ts';
import { type Ending, endingOf, isReadable, type Lane, type LaneEnd, tooLong } from './lane.ts';
import type { MakeChain } from './order.ts';
import { bothUsages, bothWireUsages, continued, type FirstAnswer, SecondTry } from './second-try.ts';

export type MendLaneParts = {
  readonly ticket: Ticket;
  readonly head: AnswerHead;
  readonly hidesProgress: boolean;
  /** The client wants a frame with the counts at the end. */
  readonly wantsUsage: boolean;
  readonly chain: MakeChain;
  /** Tokens of a prompt whose engine counts it only at its own end; null = it tells them before. */
  readonly promptGuess: number | null;
};

/**
 * One frame after the other goes through decoder and repairs. A frame whose events all come out as they went in is
 * passed on with the bytes it came in; any other is written anew from what came out. An arrival of which every frame
 * passes is passed as it is.
 */
export class MendLane implements Lane {
  hasContent = false;
  outputTokens = 0;
  isOver = false;
  readonly #parts: MendLaneParts;
  readonly #encoder: ChunkEncoder;
  readonly #secondTry = new SecondTry();
  #frames = new FrameReader();
  #decoder: ChatDecoder;
  #chain: Stage | null;
  /** What the second answer goes on from; null while it is the first. */
  #first: FirstAnswer | null = null;
  /** Tokens of the first answer, as far as frames told. */
  #firstTokens = 0;
  #nextIndex = 0;
  #half: Uint8Array | null = null;
  /** What the repairs made of the frame at hand. */
  #out: StreamEvent[] = [];
  #ended: Extract<StreamEvent, { type: 'finish' | 'fault' }> | null = null;
  #promptTokens: number | null = null;
  #isTold = false;

  constructor(parts: MendLaneParts) {
    this.#parts = parts;
    this.#decoder = new ChatDecoder(parts.ticket.id);
    this.#encoder = new ChunkEncoder(parts.head);
    this.#chain = parts.chain((event) => this.#take(event), this.#secondTry.askAgain);
  }

  /** Without a repair to listen there is nothing to read. */
  get isNeeded(): boolean {
    return this.#chain !== null;
  }

  take(bytes: Uint8Array): Uint8Array | string | null {
    const all = this.#half ? Buffer.concat([this.#half, bytes]) : bytes;
    const end = endOfFrames(all, all.length - bytes.length);
    if (all.length - end > LINE_CHARACTERS_MAX) throw tooLong();
    this.#half = end === all.length ? null : all.subarray(end);
    if (end === 0) return null;
    const whole = end === all.length ? all : all.subarray(0, end);
    const frames = this.#frames.push(whole);
    let text: string | null = null;
    let passed = 0;
    for (const frame of frames) {
      const mended = this.#carry(frame.data);
      if (mended === null) this.#encoder.passed(frame.data);
      // What passes is written only for the sake of what does not.
      else text ??= frames.slice(0, passed).map(asItCame).join('');
      if (text === null) passed += 1;
      else text += mended ?? asItCame(frame);
      if (this.isOver) break;
    }
    if (text === null) return frames.length === 0 ? null : whole;
    return text === '' ? null : text;
  }

  end(): LaneEnd & { readonly piece: string | null } {
    const rest = this.#half;
    this.#half = null;
    let text = rest ? this.#last(rest) : '';
    const last = this.#decoder.end();
    const usage = endingOf(last);
    const correction = this.#secondTry.take();
    if (correction) {
      this.#goOn({ correction, nextIndex: this.#nextIndex, usage: usage.usage });
      return { piece: text === '' ? null : text, ending: usage, correction };
    }
    // The finish was told with its frame; only a stream without one still has something to say.
    if (!this.#ended && usage.fault) text += this.#carryEvents([{ type: 'fault', fault: usage.fault }]) ?? '';
    const fault = this.#ended?.type === 'fault' ? this.#ended.fault : null;
    if (this.isOver) text += this.#closing();
    const ending = {
      usage: usage.fault === null ? bothUsages(this.#first?.usage ?? null, usage.usage) : this.#counted(),
      timings: usage.fault === null ? usage.timings : NO_TIMINGS,
      finish: this.#ended?.type === 'finish' ? this.#ended.reason : null,
      fault,
      isUntold: fault !== null && !this.#isTold,
    };
    return { piece: text === '' ? null : text, ending, correction };
  }

  giveUp(correction: Correction): string | null {
    this.#out = [];
    correction.handOn();
    const text = this.#written([]);
    return text === '' ? null : text;
  }

  /** From now on the second answer comes. */
  #goOn(first: FirstAnswer): void {
    this.#first = first;
    this.#firstTokens = this.outputTokens;
    this.#frames = new FrameReader();
    this.#decoder = new ChatDecoder(`${this.#parts.ticket.id}_again`);
    this.#chain = this.#parts.chain(continued(first, (event) => this.#take(event)));
  }

  #take(event: StreamEvent): void {
    // What a repair said last is the last word.
    if (this.#ended) return;
    this.#out.push(event);
    if (event.type === 'tool-start') this.#nextIndex = Math.max(this.#nextIndex, event.index + 1);
    if (event.type === 'finish' || event.type === 'fault') this.#ended = event;
  }

  /** What the frame becomes; null when it passes as it is. */
  #carry(data: string): string | null {
    this.#encoder.learn(data);
    const isDone = this.#secondTry.isWanted;
    const hadFinish = this.#decoder.finish !== null;
    const events = this.#decoder.push(data);
    // The counts and the end of a first answer are not those of the whole.
    if (isDone) return '';
    const { finish } = this.#decoder;
    if (finish !== null && !hadFinish) {
      return this.#carryEvents([...events, { type: 'finish', reason: finish, stopSequence: null }], data);
    }
    const [only] = events;
    if (only?.type === 'prompt') {
      // Of the longer prompt of a second answer the client knows nothing.
      if (!this.#first) this.#promptTokens = only.promptTokens;
      this.#parts.ticket.prefill(only);
      return this.#parts.hidesProgress || this.#first ? '' : null;
    }
    if (events.length > 0) return this.#carryEvents(events, data);
    return this.#first ? this.#withoutEvents(this.#first, data) : null;
  }

  /** `data` is the frame the events came in, when they came in one. */
  #carryEvents(events: readonly StreamEvent[], data?: string): string | null {
    this.#out = [];
    for (const event of events) {
      if (event.type === 'text' || event.type === 'thinking' || event.type === 'tool-arguments') this.outputTokens += 1;
      this.#chain?.push(event);
    }
    if (this.outputTokens > 0) this.hasContent = true;
    // A second answer is told under the first one's name.
    const isUntouched =
      !this.#first &&
      data !== undefined &&
      this.#cameOutAs(events) &&
      !(events.some(isThinking) && hasForeignThoughts(data));
    if (!isUntouched) return this.#written(events, data);
    this.#isTold = this.#ended?.type === 'fault';
    return this.#ended?.type === 'finish' ? this.#endedFrame(this.#ended, data) : null;
  }

  /** Whether the repairs made nothing of these events but themselves. */
  #cameOutAs(events: readonly StreamEvent[]): boolean {
    if (this.#out.length !== events.length) return false;
    // A loop without closures: this is done for every token.
    for (let at = 0; at < events.length; at += 1) if (events[at] !== this.#out[at]) return false;
    return true;
  }

  /** The frame of a finish that no repair changed; null when it passes as it is. */
  #endedFrame({ reason }: Extract<StreamEvent, { type: 'finish' }>, data: string): string | null {
    if (reason !== 'tool-calls' || !hidesCalls(jsonOrNull(data))) return null;
    this.#encoder.passed(data);
    return encodeFrame({ data: withFinish(data, reason, { isBare: false }) });
  }

  /** A frame of the second answer that says nothing of it: only the counts and the end are passed on. */
  #withoutEvents({ usage: first }: FirstAnswer, data: string): string | null {
    if (data.trim() === '[DONE]') return null;
    const chunk = jsonOrNull(data);
    if (!isObject(chunk) || !isObject(chunk.usage)) return '';
    const usage = bothWireUsages(first, chunk.usage);
    return encodeFrame({ data: JSON.stringify({ ...this.#encoder.renamed(chunk), usage }) });
  }

  /** The events that came out, as frames. */
  #written(events: readonly StreamEvent[], data?: string): string {
    const ends = data !== undefined && events.some((event) => event.type === 'finish');
    let text = '';
    for (const event of this.#out) {
      if (event.type === 'fault') continue;
      if (event.type === 'finish' && ends && !this.#first) {
        text += encodeFrame({ data: withFinish(data, event.reason, { isBare: events.length > 1 }) });
        continue;
      }
      const chunk = this.#encoder.chunk(event);
      if (chunk) text += encodeFrame({ data: JSON.stringify(chunk) });
      // The engine has not ended: a repair has ended the answer.
      if (event.type === 'finish' && !ends) this.isOver = true;
    }
    return text;
  }

  /** What follows a finish that the engine did not give. */
  #closing(): string {
    const { wantsUsage } = this.#parts;
    const counted = this.#counted();
    const usage = {
      prompt_tokens: counted.inputTokens ?? 0,
      completion_tokens: counted.outputTokens ?? 0,
      total_tokens: (counted.inputTokens ?? 0) + (counted.outputTokens ?? 0),
    };
    const frame = wantsUsage ? encodeFrame({ data: JSON.stringify(this.#encoder.usageChunk(usage)) }) : '';
    return `${frame}${encodeFrame({ data: '[DONE]' })}`;
  }

  /** What is known of the counts when the engine has not told them: those of a first answer, or what was seen. */
  #counted(): Ending['usage'] {
    const inputTokens = this.#parts.promptGuess ?? this.#promptTokens;
    const seen = { ...NO_USAGE, inputTokens, outputTokens: this.outputTokens };
    const first = this.#first?.usage ?? NO_USAGE;
    return first.outputTokens === null || this.outputTokens > this.#firstTokens ? seen : first;
  }

  /** A last frame that lacks its empty line; half a frame is kept from the client. */
  #last(rest: Uint8Array): string {
    if (!isReadable(rest)) return '';
    let text = '';
    for (const frame of [...this.#frames.push(rest), ...this.#frames.end()]) {
      text += this.#carry(frame.data) ?? encodeFrame({ data: frame.data });
    }
    return text;
  }
}

const isThinking = ({ type }: StreamEvent): boolean => type === 'thinking';

function asItCame({ data, event }: Frame): string {
  return encodeFrame({ data, ...(event === null ? {} : { event }) });
}
