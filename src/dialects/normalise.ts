/**
 * Puts a message list into the one shape that chat templates accept. Of 71 templates in llama.cpp, a second or a late
 * system message is an error for many and silently dropped by others; two users in a row, results out of order and
 * content as a list of parts break more. Deterministic, so that the engine's prefix cache holds: the same words give
 * the same bytes, whether a client sends them as a string or as blocks, today or in its next turn.
 */
import type { ChatMessage, ChatRequest } from '#src/dialects/chat-request.ts';
import { isObject } from '#src/json.ts';
import { nameCalls, shortenIds } from './normalise/calls.ts';
import { type ContentRules, tidyMessage } from './normalise/content.ts';
import { pairResults } from './normalise/results.ts';
import { foldSystem, foldUsers, gatherSystem, mergeTurns, moveImages } from './normalise/turns.ts';

export type { ContentRules } from './normalise/content.ts';

/** The tidied request, and in short words what a user should know of it. */
export type Normalised = { readonly request: ChatRequest; readonly changes: readonly string[] };

/**
 * Tidies the messages; everything else of the request is left alone. The same object comes back when nothing had to
 * change. No text is ever lost (but the attribution line, when asked). Doing it twice is doing it once.
 */
export function normaliseMessages(request: ChatRequest, rules: ContentRules): Normalised {
  const { messages } = request;
  // What is no conversation is for the engine to refuse, in its own words.
  if (!isConversation(messages)) return { request, changes: [] };
  const changes = new Set<string>();
  const tidied = messages.map((message) => tidyMessage(message, rules, changes));
  const turns = mergeTurns(foldSystem(gatherSystem(nameCalls(tidied)), changes));
  const paired = pairResults(turns, changes);
  const seen = mergeTurns(rules.wantsImagesFromUser === true ? moveImages(paired, changes) : paired);
  const ordered = rules.wantsAlternation === true ? foldUsers(seen, changes) : seen;
  const named = rules.wantsShortCallIds === true ? shortenIds(ordered) : ordered;
  if (isSameList(messages, named)) return { request, changes: [...changes] };
  return { request: { ...request, messages: named }, changes: [...changes] };
}

function isConversation(messages: unknown): boolean {
  return Array.isArray(messages) && messages.every(isReadable);
}

function isReadable(message: unknown): boolean {
  if (!isObject(message)) return false;
  const { content, tool_calls: calls } = message;
  const hasContent = content === null || content === undefined || typeof content === 'string' || Array.isArray(content);
  return hasContent && (calls === null || calls === undefined || (Array.isArray(calls) && calls.every(isObject)));
}

function isSameList(before: readonly ChatMessage[], after: readonly ChatMessage[]): boolean {
  return before.length === after.length && before.every((message, index) => message === after[index]);
}
