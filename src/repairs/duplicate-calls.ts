/** A call that an answer makes twice is made once: models stutter, and an agent would do the same thing again. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { JsonProgress } from './json-progress.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';

/** So many times the same call, and the model is in a loop. */
const REPEATS_MAX = 16;
const SAMPLE_CHARACTERS_MAX = 2_000;

type Start = Extract<StreamEvent, { type: 'tool-start' }>;
/** `bare` are the arguments without the blanks between their parts. */
type Call = { readonly name: string; bare: string; readonly json: JsonProgress; readonly packer: Packer };
/** `length` of its arguments are those of each of the `twins`. */
type Held = { readonly call: Call; readonly events: StreamEvent[]; readonly index: number } & {
  twins: readonly Call[];
  length: number;
};

/**
 * Identical calls of one answer, next to each other or not: the same name and, but for blanks, the same arguments. A
 * call is held back only while it is the beginning of an earlier one, so different calls stream. Calls without
 * arguments are left alone: `undo` twice may be meant, and nothing tells it from a stutter.
 */
export function duplicateCalls(context: RepairContext, next: Sink): Stage {
  return new DuplicateCalls(context, next);
}

class DuplicateCalls implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #calls = new Map<number, Call>();
  /** Clients want indexes without a gap: what the calls after a dropped one are called. */
  readonly #places = new Map<number, number>();
  #held: Held | null = null;
  #count = 0;
  #dropped = 0;
  #isOver = false;

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (this.#isOver) return;
    if (event.type === 'tool-start') this.#start(event);
    else if (event.type === 'tool-arguments') this.#grow(event);
    else {
      if (event.type !== 'prompt') this.#settle();
      if (!this.#isOver) this.#next(event);
    }
  }

  #start(event: Start): void {
    this.#settle();
    if (this.#isOver) return;
    const call: Call = { name: event.name, bare: '', json: new JsonProgress(), packer: new Packer() };
    const twins = [...this.#calls.values()].filter(({ name }) => name === event.name);
    if (twins.length === 0) this.#pass(event, call);
    else this.#held = { call, events: [event], index: event.index, twins, length: 0 };
  }

  #grow(event: Extract<StreamEvent, { type: 'tool-arguments' }>): void {
    const held = this.#held;
    if (held?.index !== event.index) {
      const call = this.#calls.get(event.index);
      if (!call) return;
      take(call, event.json);
      this.#next(this.#placed(event));
      return;
    }
    const packed = take(held.call, event.json);
    held.events.push(event);
    held.twins = held.twins.filter(({ bare }) => bare.startsWith(packed, held.length));
    held.length += packed.length;
    if (held.twins.length === 0) this.#release(held);
  }

  /** The held call is complete, or something else has come: it is dropped or goes on. */
  #settle(): void {
    const held = this.#held;
    if (!held) return;
    const { call, twins, length } = held;
    const hasTwin = twins.some(({ bare, json }) => bare.length === length && json.isWhole);
    const isRepeated = hasTwin && call.json.isWhole && call.bare !== '{}';
    if (!isRepeated) {
      this.#release(held);
      return;
    }
    this.#held = null;
    this.#dropped += 1;
    this.#context.report({
      kind: 'duplicate-call',
      note: `the same call of ${call.name} was made twice; one was left out`,
      before: `${call.name} ${call.bare}`.slice(0, SAMPLE_CHARACTERS_MAX),
      after: '',
    });
    if (this.#dropped >= REPEATS_MAX && this.#context.switches.loop_guard !== false) this.#stop(call);
  }

  /** Each call that went on is whole, so the answer ends as one that calls. */
  #stop({ name }: Call): void {
    this.#isOver = true;
    this.#context.report({
      kind: 'loop',
      note: `the answer was stopped: it made the same call of ${name} again and again`,
      before: name,
      after: '',
    });
    this.#next({ type: 'finish', reason: 'tool-calls', stopSequence: null });
  }

  #release({ call, events }: Held): void {
    this.#held = null;
    const [start, ...rest] = events;
    if (start?.type === 'tool-start') this.#pass(start, call);
    for (const event of rest) this.#next(event.type === 'tool-arguments' ? this.#placed(event) : event);
  }

  #pass(event: Start, call: Call): void {
    this.#calls.set(event.index, call);
    if (this.#dropped > 0) this.#places.set(event.index, this.#count);
    this.#count += 1;
    this.#next(this.#placed(event));
  }

  #placed<Event extends Start | Extract<StreamEvent, { type: 'tool-arguments' }>>(event: Event): Event {
    const place = this.#places.get(event.index);
    return place === undefined || place === event.index ? event : { ...event, index: place };
  }
}

function take(call: Call, piece: string): string {
  const packed = call.packer.packed(piece);
  call.json.see(piece);
  call.bare += packed;
  return packed;
}

/** JSON without the blanks between its parts, piece by piece. */
class Packer {
  #isString = false;
  #isEscaped = false;

  packed(piece: string): string {
    let packed = '';
    let from = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const code = piece.charCodeAt(at);
      if (this.#isString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (code === 92) this.#isEscaped = true;
        else if (code === 34) this.#isString = false;
      } else if (code === 34) this.#isString = true;
      else if (code <= 32) {
        packed += piece.slice(from, at);
        from = at + 1;
      }
    }
    return from === 0 ? piece : packed + piece.slice(from);
  }
}
