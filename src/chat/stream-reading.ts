/** Reads the frames of a streamed answer, as any client of `/v1/chat/completions` does. */
import { isObject, type JsonObject, objectOrNull } from '#src/json.ts';
import type { ToolCall, Trouble } from './turn.ts';

/** One answer as it comes. `read` may be given any frame's data; what it does not know it leaves. */
export class AnswerReading {
  content = '';
  reasoning = '';
  finishReason: string | null = null;
  trouble: Trouble | null = null;
  inputTokens: number | null = null;
  cachedTokens: number | null = null;
  outputTokens: number | null = null;
  readonly calls: ToolCall[] = [];
  readonly #byIndex = new Map<unknown, number>();

  /** Takes the data of one frame. */
  read(data: string): void {
    if (data === '[DONE]') return;
    const chunk = objectOrNull(data);
    if (chunk === null) return;
    if (isObject(chunk.error)) this.trouble = troubleOf(chunk.error);
    if (isObject(chunk.usage)) this.#usage(chunk.usage);
    const choice: unknown = Array.isArray(chunk.choices) ? chunk.choices[0] : null;
    if (!isObject(choice)) return;
    if (typeof choice.finish_reason === 'string') this.finishReason = choice.finish_reason;
    if (isObject(choice.delta)) this.#delta(choice.delta);
  }

  #delta({ content, reasoning_content, reasoning, tool_calls }: JsonObject): void {
    if (typeof content === 'string') this.content += content;
    const thought = reasoning_content ?? reasoning;
    if (typeof thought === 'string') this.reasoning += thought;
    if (!Array.isArray(tool_calls)) return;
    for (const call of tool_calls) if (isObject(call)) this.#call(call);
  }

  #call(part: JsonObject): void {
    const { name, arguments: text } = isObject(part.function) ? part.function : {};
    const at = this.#byIndex.get(part.index ?? 0) ?? this.calls.length;
    this.#byIndex.set(part.index ?? 0, at);
    const before = this.calls[at] ?? { id: '', name: '', arguments: '' };
    this.calls[at] = {
      id: typeof part.id === 'string' ? part.id : before.id,
      name: before.name + (typeof name === 'string' ? name : ''),
      arguments: before.arguments + (typeof text === 'string' ? text : ''),
    };
  }

  #usage({ prompt_tokens, completion_tokens, prompt_tokens_details }: JsonObject): void {
    if (typeof prompt_tokens === 'number') this.inputTokens = prompt_tokens;
    if (typeof completion_tokens === 'number') this.outputTokens = completion_tokens;
    const cached = isObject(prompt_tokens_details) ? prompt_tokens_details.cached_tokens : null;
    if (typeof cached === 'number') this.cachedTokens = cached;
  }
}

/** What an answer's error object says. */
export function troubleOf({ message, hint }: JsonObject): Trouble {
  return {
    message: typeof message === 'string' ? message : 'The answer ended, and nobody said why.',
    hint: typeof hint === 'string' ? hint : null,
  };
}

/** The trouble in the body of a refusal. */
export function refusalOf(text: string, status: number): Trouble {
  const body = objectOrNull(text);
  if (body !== null && isObject(body.error)) return troubleOf(body.error);
  return { message: `The request was refused with status ${status}.`, hint: null };
}
