/** A whole answer as the stream that was asked for: some engines ignore `stream`, and some fail with status 200. */
import { errorObject, faultOfError } from '#src/dialects/chat/engine-word.ts';
import { ForeignFrames } from '#src/dialects/chat/foreign-frames.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, jsonOrNull } from '#src/json.ts';
import { encodeFrame } from '#src/stream/frames.ts';
import type { ExchangeResponse } from '#src/transport/exchange.ts';
import type { Call, Foreign, Order } from './order.ts';

/** What a stream is read from. */
export type Source = Pick<ExchangeResponse, 'read' | 'close'>;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i;

/** As `asStream`; the frames of an engine that is not llama-server are made such as llama-server's are. */
export async function sourceOf(
  { ticket }: Pick<Call, 'ticket'>,
  { head, wantsUsage, translation, wantsStream }: Pick<Order, 'head' | 'wantsUsage' | 'translation' | 'wantsStream'>,
  foreign: Foreign | null,
  response: ExchangeResponse,
): Promise<Source> {
  const source = await asStream(response);
  if (!foreign) return source;
  const frames = new ForeignFrames({
    ...head,
    limitTokens: foreign.limitTokens,
    // Whoever joins or translates the frames reads the counts there.
    wantsUsage: wantsUsage || translation !== null || !wantsStream,
    report: (note) => {
      foreign.onLostCall();
      ticket.mended({ kind: 'engine-parser', note, before: 'tool_calls', after: 'stop' });
    },
  });
  return {
    read: async () => {
      const bytes = await source.read();
      if (bytes) return Buffer.from(frames.push(bytes));
      const rest = frames.end();
      return rest === '' ? null : Buffer.from(rest);
    },
    close: () => source.close(),
  };
}

/** The engine's answer as a stream. Throws the Fault that a whole one holds, or 'engine-refused' for no JSON object. */
async function asStream(response: ExchangeResponse): Promise<Source> {
  if (!JSON_TYPE.test(response.headers['content-type'] ?? '')) return response;
  const pieces = [Buffer.from(streamOfWhole(await response.text()))];
  return { read: async () => pieces.shift() ?? null, close: () => {} };
}

function streamOfWhole(text: string): string {
  const answer = jsonOrNull(text);
  const error = errorObject(answer);
  if (error) throw faultOfError(error);
  if (!isObject(answer))
    throw new Fault('engine-refused', 'The engine answered with something that is no JSON object.');
  return `${encodeFrame({ data: JSON.stringify(inOnePiece(answer)) })}${encodeFrame({ data: '[DONE]' })}`;
}

/** Answers of completions have the same shape streamed and whole; those of chat do not. */
function inOnePiece(answer: JsonObject): JsonObject {
  if (!Array.isArray(answer.choices)) return answer;
  const object = answer.object === 'chat.completion' ? { object: 'chat.completion.chunk' } : {};
  return { ...answer, ...object, choices: answer.choices.map(choiceInOnePiece) };
}

function choiceInOnePiece(choice: unknown): unknown {
  if (!isObject(choice) || !isObject(choice.message)) return choice;
  const { message, ...rest } = choice;
  if (!Array.isArray(message.tool_calls)) return { ...rest, delta: message };
  // Clients put a streamed call together by its index.
  const calls = message.tool_calls.map((call: unknown, index) => (isObject(call) ? { index, ...call } : call));
  return { ...rest, delta: { ...message, tool_calls: calls } };
}
