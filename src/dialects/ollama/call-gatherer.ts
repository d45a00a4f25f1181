/** Puts tool calls together: Ollama's clients get each one whole, as soon as it is. */

import { JsonEnd } from '#src/dialects/json-end.ts';
import type { FinishReason, StreamEvent } from '#src/dialects/stream-event.ts';
import { inputOf, type WholeCall } from './answer-lines.ts';

type Open = { readonly id: string; readonly name: string; readonly end: JsonEnd; json: string };
type CallEvent = Extract<StreamEvent, { type: 'tool-start' | 'tool-arguments' }>;

/** One answer's calls. */
export class CallGatherer {
  readonly #open = new Map<number, Open>();

  /** The call that became complete by this event; null when none did. */
  push(event: CallEvent): WholeCall | null {
    if (event.type === 'tool-start') {
      this.#open.set(event.index, { id: event.id, name: event.name, end: new JsonEnd(), json: '' });
      return null;
    }
    const call = this.#open.get(event.index);
    if (!call) return null;
    call.json += event.json;
    call.end.push(event.json);
    if (!call.end.isReached) return null;
    this.#open.delete(event.index);
    return wholeOf(event.index, call);
  }

  /** Those whose end was not seen. A call that the token limit cut off must not be taken for a whole one. */
  rest(reason: FinishReason): readonly WholeCall[] {
    const calls = [...this.#open];
    this.#open.clear();
    return calls
      .filter(([, call]) => reason !== 'length' || inputOf(call.json) !== null)
      .map(([index, call]) => wholeOf(index, call));
  }
}

/** What is no object goes to the client under a name that no tool knows, so that its agent refuses it and says so. */
function wholeOf(index: number, { id, name, json }: Open): WholeCall {
  return { id, index, name, input: inputOf(json) ?? { INVALID_JSON: json } };
}
