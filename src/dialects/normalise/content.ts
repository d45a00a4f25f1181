/** One message by itself: role, content and field spellings in one form. */
import type { ChatMessage, Content, ContentPart } from '#src/dialects/chat-request.ts';
import { stringOrNull } from '#src/json.ts';
import { tidyCalls } from './calls.ts';
import { textOf, textPart, tidyPart, withoutAttribution } from './parts.ts';

/** What the model at the other end, and its owner, want of content. */
export type ContentRules = {
  /** Leave out the billing line that Claude Code puts first: it differs per session and spoils the prefix cache. */
  readonly stripAttribution: boolean;
  /** Whether the model sees images; else a note takes their place. */
  readonly hasVision: boolean;
  /** Its template refuses tool call ids that are not nine letters or digits. */
  readonly wantsShortCallIds?: boolean;
  /** Its template refuses a user right after a tool result. */
  readonly wantsAlternation?: boolean;
  /** It sees images in user turns only, not in tool results. */
  readonly wantsImagesFromUser?: boolean;
};

/** Fields that clients send beside those of `ChatMessage`, and that have one spelling too many. */
type Spelled = ChatMessage & {
  readonly cache_control?: unknown;
  readonly reasoning?: unknown;
  readonly reasoning_text?: unknown;
};

/** Roles under their one name; `function` is what results were before there were tools. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ['developer', 'system'],
  ['function', 'tool'],
]);
const SYSTEM_SEPARATOR = '\n\n';
const SEPARATOR = '\n';

/** The message in its one form; the same object when it already had it. Adds to `changes` what a user should know. */
export function tidyMessage(message: ChatMessage, rules: ContentRules, changes: Set<string>): ChatMessage {
  const role = ROLES.get(message.role) ?? message.role;
  const content = tidyContent(message.content, role, rules, changes);
  const { cache_control, ...uncached }: Spelled = message;
  const named = cache_control === undefined ? message : uncached;
  const spoken = role === 'assistant' ? tidyCalls(tidyThoughts(named), changes) : named;
  if (spoken === message && role === message.role && content === message.content) return message;
  return { ...spoken, role, content };
}

/** Joins texts that are not empty; texts of a list of parts and texts of merged messages go through here. */
export function joinTexts(texts: readonly string[], separator: string): string {
  return texts.filter((text) => text !== '').join(separator);
}

function tidyContent(content: Content | undefined, role: string, rules: ContentRules, changes: Set<string>): Content {
  if (content === null || content === undefined) return '';
  const isStripped = rules.stripAttribution && role === 'system';
  if (typeof content === 'string') return isStripped ? withoutAttribution(content, changes) : content;
  const separator = role === 'system' ? SYSTEM_SEPARATOR : SEPARATOR;
  const tidied = content.map((part) => tidyPart(part, isStripped, rules, changes));
  return collapse(joinNeighbours(tidied, separator), content);
}

/** Joins texts that stand side by side and leaves out empty ones. */
export function joinNeighbours(parts: readonly ContentPart[], separator: string): readonly ContentPart[] {
  const joined: ContentPart[] = [];
  let run: ContentPart[] = [];
  const flush = () => {
    const first = run[0];
    if (first !== undefined) {
      joined.push(
        run.length === 1
          ? first
          : textPart(
              joinTexts(
                run.map((part) => textOf(part) ?? ''),
                separator,
              ),
            ),
      );
    }
    run = [];
  };
  for (const part of parts) {
    const text = textOf(part);
    if (text === '') continue;
    if (text !== null) {
      run.push(part);
      continue;
    }
    flush();
    joined.push(part);
  }
  flush();
  return joined;
}

/** One string when there is nothing but text; the very list that came when nothing changed. */
function collapse(parts: readonly ContentPart[], original: readonly ContentPart[]): Content {
  const first = parts[0];
  if (first === undefined) return '';
  if (parts.length === 1) return textOf(first) ?? sameOr(original, parts);
  return sameOr(original, parts);
}

function sameOr(original: readonly ContentPart[], parts: readonly ContentPart[]): readonly ContentPart[] {
  const isSame = original.length === parts.length && original.every((part, index) => part === parts[index]);
  return isSame ? original : parts;
}

/** Thoughts under one name. */
function tidyThoughts(message: Spelled): ChatMessage {
  const { reasoning, reasoning_text, ...kept } = message;
  if (typeof message.reasoning_content === 'string') return message;
  const thoughts = stringOrNull(reasoning) ?? stringOrNull(reasoning_text);
  return thoughts === null ? message : { ...kept, reasoning_content: thoughts };
}
