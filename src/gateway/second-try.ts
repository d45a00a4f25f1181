/** One more try at an answer whose call did not match its tool: what is asked, and how two answers become one. */
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, type JsonObject, jsonOrNull, numberOrNull } from '#src/json.ts';
import type { Correction } from '#src/repairs/schemas/correction.ts';
import type { Sink } from '#src/repairs/stage.ts';
import type { Usage } from '#src/requests/request.ts';
import type { Lease } from '#src/scheduling/lease.ts';
import type { Life } from './life.ts';
import { ask, type Call, type Foreign, type Order } from './order.ts';
import { type Source, sourceOf } from './whole-as-stream.ts';

/** The one correction that an answer may have. */
export class SecondTry {
  #correction: Correction | null = null;
  #isSpent = false;

  /** For the repairs: takes the first correction and no other. */
  readonly askAgain = (correction: Correction): boolean => {
    if (this.#isSpent) return false;
    this.#isSpent = true;
    this.#correction = correction;
    return true;
  };

  /** A correction was given and waits to be asked for. */
  get isWanted(): boolean {
    return this.#correction !== null;
  }

  /** Gives the correction, once. */
  take(): Correction | null {
    const correction = this.#correction;
    this.#correction = null;
    return correction;
  }
}

type Asking = {
  readonly life: Life;
  readonly lease: Lease;
  readonly correction: Correction;
  readonly foreign: Foreign | null;
};

/**
 * Asks the engine once more, telling the model what was wrong; null when it refuses, as for want of room. `text` is
 * what it was asked at first. Rejects when the request has ended.
 */
export async function secondSource(
  call: Call,
  order: Order,
  text: string,
  { life, lease, correction, foreign }: Asking,
): Promise<Source | null> {
  try {
    const answer = await ask(call, order, correctedText(text, correction), life, lease);
    if (answer.status === 200) return await sourceOf(call, order, foreign, answer);
    answer.close();
    return null;
  } catch (cause) {
    if (life.endedBy) throw cause;
    return null;
  }
}

/** The request with the answer so far and what is wrong with it. The prompt before is the same, so its cache serves. */
export function correctedText(text: string, { text: said, thinking, calls, wish }: Correction): string {
  const body = jsonOrNull(text);
  if (!isObject(body) || !Array.isArray(body.messages)) return text;
  const named = calls.map((call, at) => ({ ...call, id: idOf(at) }));
  const assistant = {
    role: 'assistant',
    content: said,
    ...(thinking === '' ? {} : { reasoning_content: thinking }),
    ...(named.length === 0 ? {} : { tool_calls: named.map(toolCall) }),
  };
  const results = named.map(({ id, verdict }) => ({ role: 'tool', tool_call_id: id, content: verdict }));
  const wished = wish === null ? [] : [{ role: 'user', content: wish }];
  return JSON.stringify({ ...body, messages: [...body.messages, assistant, ...results, ...wished] });
}

function toolCall({ id, name, json }: { id: string; name: string; json: string }): JsonObject {
  return { id, type: 'function', function: { name, arguments: json } };
}

/** Nine letters and digits: some templates refuse every other id. */
function idOf(at: number): string {
  return `again${String(at).padStart(4, '0')}`;
}

/** What of the first answer the second one goes on from. */
export type FirstAnswer = {
  readonly correction: Correction;
  /** The index of the next call. */
  readonly nextIndex: number;
  /** The engine's counts, as far as they are known. */
  readonly usage: Usage | null;
};

/**
 * Takes the second answer's events so that they go on where the first one's ended. A second answer that fails before
 * it has said anything is as none: the first one's calls are handed on as they were.
 */
export function continued(first: FirstAnswer, sink: Sink): Sink {
  let hasSpoken = false;
  return (event) => {
    if (event.type === 'fault' && !hasSpoken) {
      first.correction.handOn();
      return;
    }
    if (event.type === 'text' || event.type === 'thinking' || event.type === 'tool-start') hasSpoken = true;
    sink(goingOn(first, event));
  };
}

function goingOn({ nextIndex, usage }: FirstAnswer, event: StreamEvent): StreamEvent {
  switch (event.type) {
    case 'tool-start':
    case 'tool-arguments':
      return nextIndex === 0 ? event : { ...event, index: event.index + nextIndex };
    case 'finish':
      // The client holds a call of the first answer, whatever the second one said.
      return nextIndex > 0 && event.reason === 'stop' ? { ...event, reason: 'tool-calls' } : event;
    case 'usage':
      return { ...event, usage: bothUsages(usage, event.usage) };
    default:
      return event;
  }
}

/**
 * The counts of both answers: the prompt is the client's own (of the longer one it knows nothing, and takes the number
 * for the length of its conversation), the output is all that was written.
 */
export function bothUsages(first: Usage | null, second: Usage): Usage {
  if (!first) return second;
  return {
    inputTokens: first.inputTokens ?? second.inputTokens,
    cachedTokens: first.cachedTokens ?? second.cachedTokens,
    outputTokens: sum(first.outputTokens, second.outputTokens),
    thinkingTokens: sum(first.thinkingTokens, second.thinkingTokens),
  };
}

/** The same for the `usage` of an engine's own answer, whose other fields stay the second one's. */
export function bothWireUsages(first: Usage | null, usage: JsonObject): JsonObject {
  const promptTokens = first?.inputTokens ?? numberOrNull(usage.prompt_tokens) ?? 0;
  const completionTokens = (first?.outputTokens ?? 0) + (numberOrNull(usage.completion_tokens) ?? 0);
  return {
    ...usage,
    completion_tokens: completionTokens,
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

function sum(one: number | null, other: number | null): number | null {
  return one === null && other === null ? null : (one ?? 0) + (other ?? 0);
}
