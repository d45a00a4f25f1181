/** What an engine is sent: the client's body without what would steer the engine itself. Pure. */
import type { ChatRequest } from '#src/dialects/chat-request.ts';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { JsonBody } from './json-body.ts';

/**
 * Fields dropped from every body: another agent's slot, adapters, a negative `n_discard` (CVE-2026-21869), and chat
 * templates, which are programs (vLLM's CVE-2026-115918). All other unknown fields pass.
 */
export const STEERING_FIELDS = ['id_slot', 'lora', 'n_discard', 'chat_template'] as const;
const GRAMMAR_CHARACTERS_MAX = 64 * 1024;

/** The parts that differ from what the client sent. */
export type Changes = { readonly set: JsonObject; readonly drop: readonly string[] };

/**
 * The text to send. The client's own text when nothing differs. What is only set is appended: of two equal keys all
 * engines take the last (as `JSON.parse` does, so we and they read the same), and a body of 8 MB is not written anew.
 */
export function engineText({ text, body }: JsonBody, { set, drop }: Changes): string {
  const present = [...drop, ...STEERING_FIELDS].filter((name) => Object.hasOwn(body, name));
  const news = Object.entries(set).filter(([name, value]) => body[name] !== value);
  if (present.length === 0 && news.length === 0) return text;
  if (present.length > 0 || Object.keys(body).length === 0 || news.some(([, value]) => typeof value === 'object')) {
    return JSON.stringify({ ...without(body, present), ...set });
  }
  const end = text.lastIndexOf('}');
  return `${text.slice(0, end)},${JSON.stringify(Object.fromEntries(news)).slice(1)}`;
}

/** The canonical request of a translated dialect as the engine takes it. */
export function translatedText(request: ChatRequest, set: JsonObject): string {
  return JSON.stringify({ ...without(request, STEERING_FIELDS), ...set });
}

/** Fields of our own making as the engine takes them. */
export function fieldsText(fields: JsonObject): string {
  return JSON.stringify(without(fields, STEERING_FIELDS));
}

/** OpenAI's newer name for the limit of the answer, as what every engine understands. */
export function limitChanges(body: JsonObject): Changes {
  const limit = body.max_completion_tokens;
  if (limit === undefined) return { set: {}, drop: [] };
  const isLimited = body.max_tokens !== undefined && body.max_tokens !== null;
  return { set: isLimited || limit === null ? {} : { max_tokens: limit }, drop: ['max_completion_tokens'] };
}

/**
 * Refuses what would make an engine fetch an address or compile a huge grammar. Only `data:` URLs hold media: an engine
 * that fetches `http://169.254…` or `file:///etc/passwd` for a stranger is a hole in the machine.
 */
export function refuseDanger(body: JsonObject): void {
  for (const name of ['grammar', 'json_schema'] as const) {
    const value = body[name];
    const length = typeof value === 'string' ? value.length : value === undefined ? 0 : JSON.stringify(value).length;
    if (length > GRAMMAR_CHARACTERS_MAX) {
      throw new Fault(
        'invalid-request',
        `${name} is ${length} characters long; ${GRAMMAR_CHARACTERS_MAX} are allowed.`,
      );
    }
  }
  const messages: readonly unknown[] = Array.isArray(body.messages) ? body.messages : [];
  for (const [at, message] of messages.entries()) {
    const parts: readonly unknown[] = isObject(message) && Array.isArray(message.content) ? message.content : [];
    for (const [place, part] of parts.entries()) refuseRemote(part, `messages[${at}].content[${place}]`);
  }
}

function refuseRemote(part: unknown, path: string): void {
  if (!isObject(part)) return;
  for (const [name, value] of Object.entries(part)) {
    if (!name.endsWith('_url')) continue;
    const url = stringOrNull(value) ?? (isObject(value) ? stringOrNull(value.url) : null);
    if (url === null || /^data:/i.test(url.trim())) continue;
    const shown = JSON.stringify(url.slice(0, 60));
    throw new Fault('invalid-request', `${path}.${name} is ${shown}; Flow fetches nothing for a request.`, {
      hint: 'Send the media itself, as a data: URL with base64.',
    });
  }
}

/** The body without some of its fields. */
export function without(body: JsonObject, names: readonly string[]): JsonObject {
  if (!names.some((name) => Object.hasOwn(body, name))) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}
