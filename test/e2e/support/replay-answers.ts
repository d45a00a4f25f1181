/**
 * What came back for a replayed request, in one shape for all protocols. Each is read twice: by strict rules of its
 * own, frame by frame, and by the official client's reader, which puts the final answer together.
 */
import { MessageStream } from '@anthropic-ai/sdk/lib/MessageStream';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { checkStream, framesOf } from '../../dialects/anthropic/stream-rules.ts';

export type Called = { readonly name: string; readonly input: unknown };
export type Answered = {
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly Called[];
  /** The protocol's own word for the end. */
  readonly end: string | null;
};

type Part = Readonly<Record<string, unknown>>;

/** Reads Anthropic's stream. Throws at the first rule it breaks. */
export async function readAnthropicStream(stream: string): Promise<Answered> {
  const frames = framesOf(stream);
  checkStream(frames);
  const lines = frames.filter(({ event }) => event !== 'ping').map(({ data }) => JSON.stringify(data));
  const message = await MessageStream.fromReadableStream(linesOf(lines)).finalMessage();
  const usage = message.usage;
  if (usage.input_tokens + (usage.cache_read_input_tokens ?? 0) <= 0) throw new Error('no prompt was counted');
  return {
    text: message.content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    thinking: message.content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    calls: message.content.flatMap((block) =>
      block.type === 'tool_use' ? [{ name: block.name, input: block.input }] : [],
    ),
    end: message.stop_reason,
  };
}

/** Reads a stream of chat chunks. Throws at the first rule it breaks. */
export async function readChatStream(stream: string, wantsUsage: boolean): Promise<Answered> {
  const frames = stream
    .split('\n\n')
    .filter((frame) => frame !== '' && !frame.startsWith(':'))
    .map((frame) => frame.slice('data: '.length));
  if (frames.at(-1) !== '[DONE]') throw new Error('the stream does not end with [DONE]');
  const chunks: Part[] = frames.slice(0, -1).map((data) => JSON.parse(data));
  checkChunks(chunks, wantsUsage);
  const reader = ChatCompletionStream.fromReadableStream(linesOf(frames.slice(0, -1)));
  // The client's reader knows no thoughts, so they are put together here.
  const thinking = chunks
    .flatMap((chunk) => listOf(chunk, 'choices'))
    .map((choice) => textOf(objectOf(choice, 'delta'), 'reasoning_content'))
    .join('');
  return { ...readCompletion(await reader.finalChatCompletion()), thinking };
}

/** Reads a whole chat completion. */
export function readCompletion(completion: object): Answered {
  const choice = listOf(completion, 'choices')[0] ?? {};
  const message = objectOf(choice, 'message');
  return {
    text: textOf(message, 'content'),
    thinking: textOf(message, 'reasoning_content'),
    calls: listOf(message, 'tool_calls').map((call) => {
      const called = objectOf(call, 'function');
      return { name: textOf(called, 'name'), input: JSON.parse(textOf(called, 'arguments')) };
    }),
    end: textOf(choice, 'finish_reason') || null,
  };
}

/** Reads a stream of Responses events. Throws at the first rule it breaks. */
export function readResponsesStream(stream: string): Answered {
  const events: Part[] = stream
    .split('\n\n')
    .filter((frame) => frame !== '' && !frame.startsWith(':'))
    .map((frame) => {
      const match = /^event: ([a-z_.]+)\ndata: (\{[^\n]*\})$/.exec(frame);
      const event: Part = JSON.parse(match?.[2] ?? 'null');
      if (event?.type !== match?.[1]) throw new Error(`not a frame of Responses: ${frame}`);
      return event;
    });
  for (const [index, event] of events.entries()) {
    if (event.sequence_number !== index) throw new Error(`${String(event.type)} is not number ${index}`);
  }
  if (events[0]?.type !== 'response.created') throw new Error('the stream does not begin with response.created');
  const last = events.at(-1) ?? {};
  const response = objectOf(last, 'response');
  if (last.type !== `response.${textOf(response, 'status')}`) throw new Error(`ends with ${String(last.type)}`);
  const output = listOf(response, 'output');
  const done = events.filter((event) => event.type === 'response.output_item.done').map((event) => event.item);
  if (JSON.stringify(done) !== JSON.stringify(output)) throw new Error('the items told are not those of the end');
  return {
    text: output.flatMap((item) => listOf(item, 'content').map((part) => textOf(part, 'text'))).join(''),
    thinking: output.flatMap((item) => listOf(item, 'summary').map((part) => textOf(part, 'text'))).join(''),
    calls: output.filter((item) => /_call$/.test(textOf(item, 'type'))).map(calledItem),
    end: textOf(response, 'status'),
  };
}

function calledItem(item: Part): Called {
  const namespace = textOf(item, 'namespace');
  const name = namespace === '' ? textOf(item, 'name') : `${namespace}.${textOf(item, 'name')}`;
  const input = item.type === 'function_call' ? JSON.parse(textOf(item, 'arguments')) : item.input;
  return { name, input };
}

function checkChunks(chunks: readonly Part[], wantsUsage: boolean): void {
  const rule = (holds: boolean, words: string) => {
    if (!holds) throw new Error(words);
  };
  const deltas = chunks.flatMap((chunk) => listOf(chunk, 'choices'));
  rule(objectOf(deltas[0] ?? {}, 'delta').role === 'assistant', 'the first delta names no role');
  const ends = deltas.filter((choice) => typeof choice.finish_reason === 'string');
  rule(ends.length === 1 && ends[0] === deltas.at(-1), 'one finish, in the last delta');
  rule(Object.keys(objectOf(ends[0] ?? {}, 'delta')).length === 0, 'the delta of the finish is empty');
  rule(chunks.filter((chunk) => chunk.usage).length === (wantsUsage ? 1 : 0), 'usage only when it is wanted');
  rule(
    chunks.every((chunk) => chunk.object === 'chat.completion.chunk' && chunk.prompt_progress === undefined),
    'chunks and nothing else',
  );
  const named = new Set<unknown>();
  for (const call of deltas.flatMap((choice) => listOf(objectOf(choice, 'delta'), 'tool_calls'))) {
    const isFirst = !named.has(call.index);
    named.add(call.index);
    rule(isFirst === (typeof call.id === 'string'), 'a call has its id in its first chunk and there only');
  }
}

function linesOf(lines: readonly string[]): ReadableStream<Uint8Array> {
  return new Blob([lines.map((line) => `${line}\n`).join('')]).stream();
}

function objectOf(value: object, field: string): Part {
  const found: unknown = (value as Part)[field];
  return typeof found === 'object' && found !== null ? (found as Part) : {};
}

function listOf(value: object, field: string): readonly Part[] {
  const found: unknown = (value as Part)[field];
  return Array.isArray(found) ? found : [];
}

function textOf(value: object, field: string): string {
  const found: unknown = (value as Part)[field];
  return typeof found === 'string' ? found : '';
}
