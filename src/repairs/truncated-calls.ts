/** A call that was cut off is never executed: the answer ends as too long, in whatever way the engine ended it. */
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { JsonProgress } from './json-progress.ts';
import type { RepairContext, Sink, Stage } from './stage.ts';

type Call = { readonly name: string; readonly json: JsonProgress };

/**
 * Watches the arguments of each call. A client that was told `tool_calls` would run what it has, or break on it; told
 * `length`, it asks again. What it has already seen of the call stays, as in every protocol.
 */
export function truncatedCalls(context: RepairContext, next: Sink): Stage {
  return new TruncatedCalls(context, next);
}

class TruncatedCalls implements Stage {
  readonly #context: RepairContext;
  readonly #next: Sink;
  readonly #calls = new Map<number, Call>();

  constructor(context: RepairContext, next: Sink) {
    this.#context = context;
    this.#next = next;
  }

  push(event: StreamEvent): void {
    if (event.type === 'tool-start') this.#calls.set(event.index, { name: event.name, json: new JsonProgress() });
    else if (event.type === 'tool-arguments') this.#calls.get(event.index)?.json.see(event.json);
    else if (event.type === 'finish') {
      this.#finish(event);
      return;
    }
    this.#next(event);
  }

  #finish(event: Extract<StreamEvent, { type: 'finish' }>): void {
    const open = [...this.#calls.values()].find(({ json }) => !json.isEmpty && !json.isWhole);
    if (!open || !WHOLE_REASONS.has(event.reason)) {
      this.#next(event);
      return;
    }
    this.#context.report({
      kind: 'truncated-call',
      note: `the call of ${open.name} was cut off, so the answer ended as too long`,
      before: event.reason,
      after: 'length',
    });
    this.#next({ type: 'finish', reason: 'length', stopSequence: null });
  }
}

const WHOLE_REASONS: ReadonlySet<FinishReason> = new Set<FinishReason>(['stop', 'tool-calls']);
