/** Tool calls that came as text become tool calls. */
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import type { RepairContext, Sink, Stage } from '../stage.ts';
import { CallScanner, type ScannerOutlet, type TextEvent } from './call-scanner.ts';
import { Offered } from './offered.ts';
import { OpenerTable } from './openers.ts';
import type { CallSyntax, WrittenCall } from './reading.ts';
import { syntaxesFor } from './syntaxes.ts';

/** A call that was found, and what it was written as. */
type Found = { readonly calls: readonly WrittenCall[]; readonly raw: string; readonly syntax: CallSyntax };

/**
 * Finds calls in the visible text, when the request offered tools. A call is real only if it names one of them and its
 * arguments are an object; all else, and all that stands in code, passes as the same events it came in. A call that is
 * cut off is not made: it stays text, and the answer ends as too long.
 */
export function leakedCalls(context: RepairContext, next: Sink): Stage {
  return context.tools.length === 0 ? { push: next } : new LeakedCalls(context, next);
}

class LeakedCalls implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #text: CallScanner;
  readonly #thought: CallScanner;
  /** Calls with which the thought ended; see `#thoughtOutlet`. */
  #inThought: Found[] = [];
  /** Something was said or called outside of thoughts. */
  #hasAnswer = false;
  #hasRescued = false;
  #nextIndex = 0;
  /** Indexes of the engine's own calls, where calls that were found before have moved them. */
  readonly #moved = new Map<number, number>();

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
    const offered = new Offered(context.tools);
    const openers = new OpenerTable(syntaxesFor(context, { isThought: false }));
    this.#text = new CallScanner(openers, offered, this.#textOutlet());
    const inThought = new OpenerTable(syntaxesFor(context, { isThought: true }));
    this.#thought = new CallScanner(inThought, offered, this.#thoughtOutlet());
  }

  push(event: StreamEvent): void {
    switch (event.type) {
      case 'text':
        this.#text.push(event);
        return;
      case 'thinking':
        this.#text.flush();
        this.#next(event);
        if (!this.#hasAnswer) this.#thought.push(event);
        return;
      case 'tool-start':
      case 'tool-arguments':
        this.#text.flush();
        this.#hasAnswer = true;
        this.#next(this.#indexed(event));
        return;
      case 'finish':
        this.#finish(event);
        return;
      case 'fault':
        this.#text.flush();
        this.#next(event);
        return;
      default:
        this.#next(event);
    }
  }

  #textOutlet(): ScannerOutlet {
    return {
      text: (event) => {
        if (!this.#hasAnswer && event.text.trim() !== '') this.#hasAnswer = true;
        this.#next(event);
      },
      calls: (calls, raw, syntax) => this.#emit({ calls, raw, syntax }),
    };
  }

  /**
   * Models think aloud about calls that they then do not make. So a call in a thought counts only when the thought ends
   * with it and nothing is said or called afterwards: then there is no other way to understand the answer. The thought
   * itself is handed on as it comes.
   */
  #thoughtOutlet(): ScannerOutlet {
    return {
      text: (event: TextEvent) => {
        if (this.#inThought.length > 0 && event.text.trim() !== '') this.#inThought = [];
      },
      calls: (calls, raw, syntax) => this.#inThought.push({ calls, raw, syntax }),
    };
  }

  #finish(event: Extract<StreamEvent, { type: 'finish' }>): void {
    const isStopped = event.reason === 'stop' || event.reason === 'tool-calls';
    this.#text.end(isStopped ? 'stopped' : 'cut');
    this.#thought.end('cut');
    if (isStopped && !this.#hasAnswer) for (const found of this.#inThought) this.#emit(found);
    const reason = this.#reason(event.reason);
    this.#next(reason === event.reason ? event : { ...event, reason });
  }

  #reason(reason: FinishReason): FinishReason {
    if (this.#text.cut !== null && this.#context.switches.truncated_calls !== false && reason !== 'filtered') {
      if (reason !== 'length') {
        const note = 'a tool call was cut off, so the answer ends as too long';
        this.#context.report({ kind: 'truncated-call', note, before: this.#text.cut, after: '' });
      }
      return 'length';
    }
    return reason === 'stop' && this.#hasRescued ? 'tool-calls' : reason;
  }

  #emit({ calls, raw, syntax }: Found): void {
    this.#hasAnswer = true;
    this.#hasRescued = true;
    for (const call of calls) {
      const index = this.#nextIndex;
      this.#nextIndex += 1;
      const json = call.json ?? JSON.stringify(call.arguments);
      const renamed = call.writtenName === null ? '' : `, its name written ${call.writtenName}`;
      const note = `a tool call ${syntax.label} was text${renamed}`;
      this.#context.report({ kind: 'leaked-call', note, before: raw, after: `${call.name} ${json}` });
      this.#next({ type: 'tool-start', index, id: `call_${this.#context.requestId}${index}`, name: call.name });
      this.#next({ type: 'tool-arguments', index, json });
    }
  }

  /** The engine counts its own calls; those that were found before come first. */
  #indexed(event: Extract<StreamEvent, { type: 'tool-start' | 'tool-arguments' }>): StreamEvent {
    if (event.type === 'tool-start') {
      const index = this.#hasRescued ? this.#nextIndex : event.index;
      this.#nextIndex = Math.max(this.#nextIndex, index + 1);
      this.#moved.set(event.index, index);
    }
    const index = this.#moved.get(event.index) ?? event.index;
    return index === event.index ? event : { ...event, index };
  }
}
