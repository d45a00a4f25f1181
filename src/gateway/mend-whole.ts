/** A whole OpenAI answer through the repairs of a stream: one set of repairs serves both. */
import { MessageCollector } from '#src/dialects/chat/collect.ts';
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import { chatFinishReason, hidesCalls } from '#src/dialects/chat/encode.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { Sink, Stage } from '#src/repairs/stage.ts';

/** The answer with its first choice mended; null when there was nothing to mend. Several choices are left alone. */
export function mendWhole(answer: JsonObject, chainFor: (sink: Sink) => Stage | null): JsonObject | null {
  return mended(answer, readWhole(answer, chainFor));
}

/** As `mendWhole`, of an answer that has been through the repairs. */
export function mended(answer: JsonObject, read: ReadWhole | null): JsonObject | null {
  return read === null || read.isUntouched ? null : withMessage(answer, read.choice, read.out);
}

/** What the repairs made of a whole answer. */
export type ReadWhole = {
  readonly choice: JsonObject & { readonly message: JsonObject };
  /** What came out of the repairs; more is added when a correction hands on what it held back. */
  readonly out: readonly StreamEvent[];
  readonly isUntouched: boolean;
};

/** Runs an answer of one choice through the repairs; null when there are none, or it is no such answer. */
export function readWhole(answer: JsonObject, chainFor: (sink: Sink) => Stage | null): ReadWhole | null {
  const choices: readonly unknown[] = Array.isArray(answer.choices) ? answer.choices : [];
  const [choice] = choices;
  if (choices.length !== 1 || !isObject(choice) || !isObject(choice.message)) return null;
  const decoder = new ChatDecoder('');
  const events: StreamEvent[] = [...decoder.push(JSON.stringify({ choices: [choice] }))];
  if (decoder.finish === null) return null;
  events.push({ type: 'finish', reason: decoder.finish, stopSequence: null });
  const out: StreamEvent[] = [];
  const chain = chainFor((event) => out.push(event));
  if (!chain) return null;
  for (const event of events) chain.push(event);
  const isSame = out.length === events.length && out.every((event, at) => event === events[at]);
  const isForeign = Boolean(choice.message.reasoning) && choice.message.reasoning_content === undefined;
  const isHidden = decoder.finish === 'tool-calls' && hidesCalls(answer);
  const isUntouched = isSame && !isForeign && !isHidden;
  return { choice: { ...choice, message: choice.message }, out, isUntouched };
}

/**
 * An answer with the message that the events tell. All fields but the message's text, thoughts and calls, and the
 * finish, stay as they are.
 */
export function withMessage(
  answer: JsonObject,
  choice: ReadWhole['choice'],
  events: readonly StreamEvent[],
): JsonObject {
  const gathered = new MessageCollector();
  for (const event of events) gathered.push(event);
  const { tool_calls: _calls, reasoning_content: _thinking, reasoning: _reasoning, ...message } = choice.message;
  const told = {
    ...choice,
    message: { ...message, ...gathered.message },
    finish_reason: chatFinishReason(gathered.finish),
  };
  return { ...answer, choices: [told] };
}
