/** The order of turns: one system message, first; then users and assistants, no two of the same kind in a row. */
import type { ChatMessage, Content, ContentPart, ToolCall } from '#src/dialects/chat-request.ts';
import { joinNeighbours, joinTexts } from './content.ts';
import { isImage, textOf, textPart } from './parts.ts';

const TURN_SEPARATOR = '\n\n';
const FOLDED = 'later system text folded into user turns';
const FOLDED_USER = 'user text after a tool result folded into it: the template wants user and assistant in turns';
const IMAGES_MOVED = 'images of tool results moved into the user turn after them';
const IMAGES_FOLLOW = '[image: in the next message]';

/**
 * All system text before the first assistant turn, in order, as one leading message. What stands there does not change
 * later in a session, so the prefix stays stable; what comes after the first answer must not move to the front.
 */
export function gatherSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const firstAnswer = messages.findIndex((message) => message.role === 'assistant');
  const leadLength = firstAnswer === -1 ? messages.length : firstAnswer;
  const lead = messages.slice(0, leadLength);
  const systems = lead.filter((message) => message.role === 'system');
  const [first, ...others] = systems;
  if (first === undefined) return messages;
  const rest = [...lead.filter((message) => message.role !== 'system'), ...messages.slice(leadLength)];
  const gathered = others.reduce((sum, message) => joined(sum, message), first);
  if (gathered.content === '' && rest.length > 0) return rest;
  return others.length === 0 && messages[0] === first ? messages : [gathered, ...rest];
}

/**
 * System messages after the first answer stay at their place, as user text in the wrapping that Claude Code itself uses
 * for models without them. Templates that refuse or forget them are the majority.
 */
export function foldSystem(messages: readonly ChatMessage[], changes: Set<string>): readonly ChatMessage[] {
  if (!messages.some((message, index) => index > 0 && message.role === 'system')) return messages;
  return messages.flatMap((message, index) => {
    if (index === 0 || message.role !== 'system') return [message];
    if (message.content === '') return [];
    changes.add(FOLDED);
    return [{ ...message, role: 'user', content: reminded(message.content ?? '') }];
  });
}

/** Neighbours of the same role become one message; tool results stay apart, each answers its own call. */
export function mergeTurns(messages: readonly ChatMessage[]): readonly ChatMessage[] {
  const merged: ChatMessage[] = [];
  for (const message of messages) {
    const previous = merged.at(-1);
    if (previous !== undefined && previous.role === message.role && isMergeable(message)) {
      merged[merged.length - 1] = joined(previous, message);
    } else {
      merged.push(message);
    }
  }
  return merged.length === messages.length ? messages : merged;
}

/** A user right after a tool result becomes part of it, for templates that count only users and plain answers. */
export function foldUsers(messages: readonly ChatMessage[], changes: Set<string>): readonly ChatMessage[] {
  const folded: ChatMessage[] = [];
  for (const message of messages) {
    const previous = folded.at(-1);
    if (message.role === 'user' && previous?.role === 'tool') {
      changes.add(FOLDED_USER);
      const content = joinedContent(previous.content ?? '', message.content ?? '');
      folded[folded.length - 1] = { ...previous, content };
    } else {
      folded.push(message);
    }
  }
  return folded.length === messages.length ? messages : folded;
}

/** Images of tool results in a user message after all results of the turn, for engines that look nowhere else. */
export function moveImages(messages: readonly ChatMessage[], changes: Set<string>): readonly ChatMessage[] {
  if (!messages.some((message) => message.role === 'tool' && imagesOf(message).length > 0)) return messages;
  changes.add(IMAGES_MOVED);
  let waiting: ContentPart[] = [];
  const moved: ChatMessage[] = [];
  for (const message of [...messages, null]) {
    if (waiting.length > 0 && message?.role !== 'tool') {
      moved.push({ role: 'user', content: waiting });
      waiting = [];
    }
    if (message === null) break;
    const images = message.role === 'tool' ? imagesOf(message) : [];
    waiting.push(...images);
    moved.push(images.length === 0 ? message : { ...message, content: withoutImages(message.content ?? '') });
  }
  return moved;
}

function imagesOf({ content }: ChatMessage): readonly ContentPart[] {
  return Array.isArray(content) ? content.filter(isImage) : [];
}

function withoutImages(content: Content): Content {
  const parts = joinNeighbours(
    partsOf(content).map((part) => (isImage(part) ? textPart(IMAGES_FOLLOW) : part)),
    '\n',
  );
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? (textOf(only) ?? parts) : parts;
}

function isMergeable(message: ChatMessage): boolean {
  return message.role === 'user' || message.role === 'assistant' || message.role === 'system';
}

/** Two messages as one. Where both have the same unknown field, the first one's stays. */
function joined(first: ChatMessage, second: ChatMessage): ChatMessage {
  const calls: readonly ToolCall[] = [...(first.tool_calls ?? []), ...(second.tool_calls ?? [])];
  const thoughts = joinTexts([first.reasoning_content ?? '', second.reasoning_content ?? ''], '\n');
  return {
    ...second,
    ...first,
    content: joinedContent(first.content ?? '', second.content ?? ''),
    ...(thoughts === '' ? {} : { reasoning_content: thoughts }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function joinedContent(first: Content, second: Content): Content {
  if (typeof first === 'string' && typeof second === 'string') return joinTexts([first, second], TURN_SEPARATOR);
  return joinNeighbours([...partsOf(first), ...partsOf(second)], TURN_SEPARATOR);
}

function partsOf(content: Content): readonly ContentPart[] {
  if (content === null) return [];
  return typeof content === 'string' ? [textPart(content)] : content;
}

function reminded(content: Content): Content {
  if (typeof content === 'string') return wrapped(content);
  return partsOf(content).map((part) => {
    const text = textOf(part);
    return text === null ? part : textPart(wrapped(text));
  });
}

function wrapped(text: string): string {
  return `<system-reminder>\n${text}\n</system-reminder>`;
}
