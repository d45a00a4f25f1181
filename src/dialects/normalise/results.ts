/** Calls and their results: every result directly after the message that called, in the order of the calls. */
import type { ChatMessage, Content, ToolCall } from '#src/dialects/chat-request.ts';
import { joinNeighbours } from './content.ts';
import { textPart } from './parts.ts';

const NO_RESULT = '(no result)';
const MISSING = 'a missing tool result was filled in';
const ORPHAN = 'a tool result without its call became user text';
const ORPHAN_TITLE = 'Result of a tool call:';

/**
 * Puts results where templates look for them. Templates that render no ids tell results apart by order alone, so the
 * calls' order rules. A call without a result gets an empty one; a result without a call becomes user text.
 */
export function pairResults(messages: readonly ChatMessage[], changes: Set<string>): readonly ChatMessage[] {
  const paired: ChatMessage[] = [];
  for (const segment of segments(messages)) {
    const [head] = segment;
    if (head === undefined) continue;
    const caller = head.role === 'assistant' ? head : null;
    const { results, orphans } = answered(caller?.tool_calls ?? [], segment, changes);
    if (caller !== null) paired.push(caller);
    paired.push(...results);
    for (const message of caller === null ? segment : segment.slice(1)) {
      if (message.role !== 'tool') paired.push(message);
      else if (orphans.has(message)) paired.push(...orphanText(message, changes));
    }
  }
  return isSame(messages, paired) ? messages : paired;
}

/** Each assistant message with all that follows it up to the next one; what comes before the first is a segment too. */
function segments(messages: readonly ChatMessage[]): readonly (readonly ChatMessage[])[] {
  const found: ChatMessage[][] = [];
  for (const message of messages) {
    const last = found.at(-1);
    if (last === undefined || message.role === 'assistant') found.push([message]);
    else last.push(message);
  }
  return found;
}

function answered(
  calls: readonly ToolCall[],
  segment: readonly ChatMessage[],
  changes: Set<string>,
): { readonly results: readonly ChatMessage[]; readonly orphans: ReadonlySet<ChatMessage> } {
  const orphans = new Set(segment.filter((message) => message.role === 'tool'));
  const results = calls.map((call) => {
    for (const result of orphans) {
      if (!answers(result, call)) continue;
      orphans.delete(result);
      return result.tool_call_id ? result : { ...result, tool_call_id: call.id };
    }
    changes.add(MISSING);
    return { role: 'tool', tool_call_id: call.id, content: NO_RESULT };
  });
  return { results, orphans };
}

// A result that names no call answers the next one that is open; ids may repeat, then results are taken in turn.
function answers(result: ChatMessage, call: ToolCall): boolean {
  return !result.tool_call_id || result.tool_call_id === call.id;
}

function orphanText(result: ChatMessage, changes: Set<string>): readonly ChatMessage[] {
  const content = result.content ?? '';
  if (content === '') return [];
  changes.add(ORPHAN);
  return [{ role: 'user', content: titled(content) }];
}

function titled(content: Content): Content {
  if (typeof content === 'string') return `${ORPHAN_TITLE}\n${content}`;
  return joinNeighbours([textPart(ORPHAN_TITLE), ...(content ?? [])], '\n');
}

function isSame(before: readonly ChatMessage[], after: readonly ChatMessage[]): boolean {
  return before.length === after.length && before.every((message, index) => message === after[index]);
}
