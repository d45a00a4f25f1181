/** Puts items, which come one by one, together to turns: an assistant's thoughts, words and calls are one message. */
import type { ChatMessage, ContentPart, ToolCall } from '#src/dialects/chat-request.ts';

type Turn = { readonly thoughts: string[]; readonly parts: ContentPart[]; readonly calls: ToolCall[] };

/** Built up in order; `messages` ends it. */
export class Conversation {
  readonly #messages: ChatMessage[] = [];
  #turn: Turn | null = null;

  /** Somebody else than the assistant says something. */
  say(role: 'user' | 'system' | 'developer', content: readonly ContentPart[]): void {
    this.#endTurn();
    this.#messages.push({ role, content });
  }

  think(texts: readonly string[]): void {
    const { thoughts } = this.#open();
    for (const text of texts) if (text !== '') thoughts.push(text);
  }

  answer(content: readonly ContentPart[]): void {
    // One by one: spread over arguments, a body of a million parts overflows the stack.
    const { parts } = this.#open();
    for (const part of content) parts.push(part);
  }

  call(id: string, name: string, json: string): void {
    this.#open().calls.push({ id, type: 'function', function: { name, arguments: json } });
  }

  /** Null: a result that does not say which call it answers. */
  result(id: string | null, content: readonly ContentPart[]): void {
    this.#endTurn();
    this.#messages.push({ role: 'tool', ...(id === null ? {} : { tool_call_id: id }), content });
  }

  /** All of it as chat messages. */
  messages(): readonly ChatMessage[] {
    this.#endTurn();
    return this.#messages;
  }

  #open(): Turn {
    this.#turn ??= { thoughts: [], parts: [], calls: [] };
    return this.#turn;
  }

  /** Thoughts that led to nothing are no turn: an empty answer in their place would only confuse. */
  #endTurn(): void {
    const turn = this.#turn;
    this.#turn = null;
    if (turn === null || (turn.parts.length === 0 && turn.calls.length === 0)) return;
    const reasoning = turn.thoughts.join('\n');
    this.#messages.push({
      role: 'assistant',
      content: turn.parts,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(turn.calls.length === 0 ? {} : { tool_calls: turn.calls }),
    });
  }
}
