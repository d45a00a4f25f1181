/** What happens to an engine's stream on its way to the client: nothing (verbatim), or a translation. */
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import { NO_TIMINGS, NO_USAGE } from '#src/dialects/chat/engine-word.ts';
import type { Encoder } from '#src/dialects/dialect.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { Fault } from '#src/faults.ts';
import { jsonOrNull } from '#src/json.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { Sink } from '#src/repairs/stage.ts';
import type { EngineTimings, Ticket, Usage } from '#src/requests/request.ts';
import { encodeFrame, endOfFrames, FrameReader, LINE_CHARACTERS_MAX } from '#src/stream/frames.ts';
import type { MakeChain } from './order.ts';
import { continued, SecondTry } from './second-try.ts';
import { Tail } from './tail.ts';

/** How an engine's stream ended. */
export type Ending = {
  readonly usage: Usage;
  readonly timings: EngineTimings;
  readonly finish: FinishReason | null;
  readonly fault: Fault | null;
  /** The client still has to be told of the fault. */
  readonly isUntold: boolean;
};

/** What is left when an engine's stream is over. */
export type LaneEnd = {
  /** The last piece for the client. */
  readonly piece: Uint8Array | string | null;
  readonly ending: Ending;
  /**
   * What the model should be told about its calls; null as a rule. Else the answer is not at its end: the engine is
   * asked once more, and the lane takes that answer as going on with this one, up to another `end`.
   */
  readonly correction: Correction | null;
};

/** One answer's way through. Its pieces end where a frame ends, so that anything may be written between them. */
export interface Lane {
  /** What the arrival gives the client; null for nothing. */
  take(bytes: Uint8Array): Uint8Array | string | null;
  /** The engine's stream is over. */
  end(): LaneEnd;
  /** Something of the answer itself has been handed out, so it cannot be asked for again. */
  readonly hasContent: boolean;
  /** Tokens so far, as far as frames tell. */
  readonly outputTokens: number;
  /** The answer is complete before the engine's stream is: nothing more is read. */
  readonly isOver: boolean;
  /** There is no second answer after all: the piece that goes on with the first one as the model wrote it. */
  giveUp(correction: Correction): string | null;
}

/**
 * Lets the engine's bytes pass untouched, one piece per arrival. Until the answer begins, frames are read: they tell
 * the progress of the prompt, which the client did not ask for. Afterwards only line ends are counted.
 */
export class VerbatimLane implements Lane {
  hasContent = false;
  outputTokens = 0;
  readonly isOver = false;
  readonly #ticket: Ticket;
  readonly #requestId: string;
  readonly #hidesProgress: boolean;
  readonly #tail = new Tail();
  #half: Uint8Array | null = null;
  #opening: FrameReader | null = new FrameReader();

  constructor(options: { ticket: Ticket; hidesProgress: boolean }) {
    this.#ticket = options.ticket;
    this.#requestId = options.ticket.id;
    this.#hidesProgress = options.hidesProgress;
  }

  take(bytes: Uint8Array): Uint8Array | string | null {
    const all = this.#half ? Buffer.concat([this.#half, bytes]) : bytes;
    const end = endOfFrames(all, all.length - bytes.length);
    if (all.length - end > LINE_CHARACTERS_MAX) throw tooLong();
    this.#half = end === all.length ? null : all.subarray(end);
    if (end === 0) return null;
    const whole = end === all.length ? all : all.subarray(0, end);
    if (this.#opening) return this.#open(this.#opening, whole);
    this.#tail.show(whole);
    this.outputTokens += countFrames(whole);
    return whole;
  }

  end(): LaneEnd {
    const rest = this.#half;
    this.#half = null;
    if (rest) this.#tail.show(rest);
    const decoder = new ChatDecoder(this.#requestId);
    const reader = new FrameReader();
    const frames = [...reader.push(this.#tail.frames()), ...reader.end()];
    const told = frames.flatMap((frame) => decoder.push(frame.data)).find((event) => event.type === 'fault');
    const ending = endingOf(told ? [told] : decoder.end());
    // `[DONE]` is an end too: the finish of a first choice may lie far before that of the last.
    const isWhole = ending.finish !== null || (decoder.isDone && !told);
    const piece = rest && isReadable(rest) ? Buffer.concat([rest, Buffer.from('\n\n')]) : null;
    if (isWhole) return { piece, ending: { ...ending, fault: null, isUntold: false }, correction: null };
    return { piece, ending: { ...ending, isUntold: !told }, correction: null };
  }

  giveUp(): null {
    return null;
  }

  #open(reader: FrameReader, bytes: Uint8Array): string | Uint8Array | null {
    let text = '';
    let hidden = 0;
    for (const frame of reader.push(bytes)) {
      const progress = frame.data.includes('"prompt_progress"') ? progressOf(frame.data) : null;
      if (progress) this.#ticket.prefill(progress);
      if (progress && this.#hidesProgress) {
        hidden += 1;
        continue;
      }
      if (!progress) this.#opening = null;
      if (!frame.data.includes('"content":null')) this.outputTokens += 1;
      text += encodeFrame({ data: frame.data, ...(frame.event === null ? {} : { event: frame.event }) });
    }
    if (this.#opening === null) this.hasContent = true;
    if (text === '') return null;
    const piece = hidden === 0 ? bytes : Buffer.from(text);
    this.#tail.show(piece);
    return piece;
  }
}

/** Reads the engine's events, mends them, and writes them in the client's protocol, one piece of text per arrival. */
export class TranslateLane implements Lane {
  hasContent = false;
  outputTokens = 0;
  isOver = false;
  readonly #encoder: Encoder;
  readonly #ticket: Ticket;
  readonly #makeChain: MakeChain;
  readonly #secondTry = new SecondTry();
  #frames = new FrameReader();
  #decoder: ChatDecoder;
  #push: Sink;
  #nextIndex = 0;
  #text = '';
  #told: Ending = NO_ENDING;
  readonly #promptGuess: number | null;

  /** `promptGuess`: tokens of a prompt whose engine counts it only at its own end; null = it has told before. */
  constructor(options: { ticket: Ticket; encoder: Encoder; chain?: MakeChain; promptGuess?: number | null }) {
    this.#promptGuess = options.promptGuess ?? null;
    this.#ticket = options.ticket;
    this.#encoder = options.encoder;
    this.#makeChain = options.chain ?? (() => null);
    this.#decoder = new ChatDecoder(options.ticket.id);
    this.#push = this.#through((event) => this.#write(event), this.#secondTry.askAgain);
  }

  take(bytes: Uint8Array): string | null {
    this.#text = '';
    for (const frame of this.#frames.push(bytes)) this.#carry(this.#decoder.push(frame.data));
    return this.#text === '' ? null : this.#text;
  }

  end(): LaneEnd & { readonly piece: string | null } {
    this.#text = '';
    for (const frame of this.#frames.end()) this.#carry(this.#decoder.push(frame.data));
    // What a repair has ended is not ended again by the engine's silence.
    if (!this.isOver && this.#told.fault === null) this.#carry(this.#decoder.end());
    const correction = this.#secondTry.take();
    if (correction) {
      this.#goOn(correction);
      return { piece: this.#text === '' ? null : this.#text, ending: this.#told, correction };
    }
    const ending = this.#told.finish === null ? this.#told : { ...this.#told, fault: null };
    if (!ending.fault) this.#text += this.#encoder.end();
    return { piece: this.#text === '' ? null : this.#text, ending: this.#counted(ending), correction };
  }

  /** From now on the second answer comes. */
  #goOn(correction: Correction): void {
    const first = { correction, nextIndex: this.#nextIndex, usage: correction.counts?.usage ?? null };
    this.#frames = new FrameReader();
    this.#decoder = new ChatDecoder(`${this.#ticket.id}_again`);
    this.#push = this.#through(continued(first, (event) => this.#write(event)));
  }

  giveUp(correction: Correction): string | null {
    this.#text = '';
    correction.handOn();
    return this.#text === '' ? null : this.#text;
  }

  #through(sink: Sink, askAgain?: SecondTry['askAgain']): Sink {
    const chain = this.#makeChain(sink, askAgain);
    return chain ? (event) => chain.push(event) : sink;
  }

  #carry(events: readonly StreamEvent[]): void {
    for (const event of events) {
      if (this.isOver) return;
      if (event.type === 'prompt') this.#ticket.prefill(event);
      else if (event.type === 'text' || event.type === 'thinking' || event.type === 'tool-arguments') {
        this.outputTokens += 1;
        this.hasContent = true;
      } else if (event.type === 'tool-start') this.hasContent = true;
      this.#push(event);
    }
  }

  #write(event: StreamEvent): void {
    if (this.isOver) return;
    if (event.type === 'finish' && this.#promptGuess !== null && this.#told.usage.outputTokens === null) {
      const usage = { ...NO_USAGE, inputTokens: this.#promptGuess, outputTokens: this.outputTokens };
      this.#write({ type: 'usage', usage, timings: NO_TIMINGS });
    }
    this.#told = withEvent(this.#told, event);
    if (event.type === 'tool-start') this.#nextIndex = Math.max(this.#nextIndex, event.index + 1);
    if (event.type === 'finish' || event.type === 'fault') this.isOver = true;
    this.#text += this.#encoder.push(event);
  }

  /** An answer that a repair has ended has no counts of the engine's. */
  #counted(ending: Ending): Ending {
    if (ending.usage.outputTokens !== null) return ending;
    return { ...ending, usage: { ...ending.usage, outputTokens: this.outputTokens } };
  }
}

/** What the last events of an answer say of its end. */
export function endingOf(events: readonly StreamEvent[]): Ending {
  return events.reduce(withEvent, NO_ENDING);
}

const NO_ENDING: Ending = { usage: NO_USAGE, timings: NO_TIMINGS, finish: null, fault: null, isUntold: false };

function withEvent(ending: Ending, event: StreamEvent): Ending {
  if (event.type === 'usage') return { ...ending, usage: event.usage, timings: event.timings };
  if (event.type === 'finish') return { ...ending, finish: event.reason };
  return event.type === 'fault' ? { ...ending, fault: event.fault } : ending;
}

function progressOf(data: string): { promptTokens: number; cachedTokens: number; processedTokens: number } | null {
  const event = new ChatDecoder('').push(data).find((each) => each.type === 'prompt');
  return event?.type === 'prompt' ? event : null;
}

/** Whether it is a frame that lacks nothing but its empty line: the half of one makes clients stumble over its JSON. */
export function isReadable(rest: Uint8Array): boolean {
  const reader = new FrameReader();
  const frames = [...reader.push(rest), ...reader.end()];
  return frames.every((frame) => frame.data.trim() === '[DONE]' || jsonOrNull(frame.data) !== null);
}

/** What is said of an engine that sends one frame without end. */
export function tooLong(): Fault {
  return new Fault('engine-refused', `The engine sent one frame of more than ${LINE_CHARACTERS_MAX >> 20} Mi bytes.`);
}

/** Frames that end in these bytes: one empty line each. */
function countFrames(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let count = 0;
  for (let at = buffer.indexOf('\n\n'); at >= 0; at = buffer.indexOf('\n\n', at + 2)) count += 1;
  return count;
}
