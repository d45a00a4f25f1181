/** A whole OpenAI answer through the repairs of a stream: one set of repairs serves both. */
import { MessageCollector } from '#src/dialects/chat/collect.ts';
import { ChatDecoder } from '#src/dialects/chat/decode.ts';
import { chatFinishReason } from '#src/dialects/chat/encode.ts';
import type { StreamEvent } from '#src/dialects/stream-event.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { Sink, Stage } from '#src/repairs/stage.ts';

/**
 * The answer with its first choice mended; null when there was nothing to mend. Answers of several choices are left
 * alone. All fields but the message's text, thoughts and calls, and the finish, stay as they are.
 */
export function mendWhole(answer: JsonObject, chainFor: (sink: Sink) => Stage | null): JsonObject | null {
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
  if (out.length === events.length && out.every((event, at) => event === events[at])) return null;
  const gathered = new MessageCollector();
  for (const event of out) gathered.push(event);
  const { tool_calls: _calls, reasoning_content: _thinking, reasoning: _reasoning, ...message } = choice.message;
  const mended = {
    ...choice,
    message: { ...message, ...gathered.message },
    finish_reason: chatFinishReason(gathered.finish),
  };
  return { ...answer, choices: [mended] };
}
