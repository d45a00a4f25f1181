/** One message by itself: role, content and field spellings in one form. */
import type { ChatMessage, Content, ContentPart, TextPart, ToolCall } from '#src/dialects/chat-request.ts';
import { isObject, stringOrNull } from '#src/json.ts';

/** What the model at the other end, and its owner, want of content. */
export type ContentRules = {
  /** Leave out the billing line that Claude Code puts first: it differs per session and spoils the prefix cache. */
  readonly stripAttribution: boolean;
  /** Whether the model sees images; else a note takes their place. */
  readonly hasVision: boolean;
};

/** Fields that clients send beside those of `ChatMessage`, and that have one spelling too many. */
type Spelled = ChatMessage & {
  readonly cache_control?: unknown;
  readonly reasoning?: unknown;
  readonly reasoning_text?: unknown;
};

const ATTRIBUTION = 'x-anthropic-billing-header:';
const NO_VISION = '[image omitted: the model has no vision]';
const IMAGES_LEFT_OUT = 'images left out: the model has no vision';
const SYSTEM_SEPARATOR = '\n\n';
const SEPARATOR = '\n';

/** The message in its one form; the same object when it already had it. Adds to `changes` what a user should know. */
export function tidyMessage(message: ChatMessage, rules: ContentRules, changes: Set<string>): ChatMessage {
  const role = message.role === 'developer' ? 'system' : message.role;
  const content = tidyContent(message.content, role, rules, changes);
  const { cache_control, ...uncached }: Spelled = message;
  const named = cache_control === undefined ? message : uncached;
  const spoken = role === 'assistant' ? tidyAssistant(named) : named;
  if (spoken === message && role === message.role && content === message.content) return message;
  return { ...spoken, role, content };
}

/** Joins texts that are not empty; texts of a list of parts and texts of merged messages go through here. */
export function joinTexts(texts: readonly string[], separator: string): string {
  return texts.filter((text) => text !== '').join(separator);
}

/** A text as a part. */
export function textPart(text: string): TextPart {
  return { type: 'text', text };
}

/** The text of a part, or null when it is none. */
export function textOf(part: ContentPart): string | null {
  return isObject(part) && part.type === 'text' ? stringOrNull(part.text) : null;
}

function tidyContent(content: Content | undefined, role: string, rules: ContentRules, changes: Set<string>): Content {
  if (content === null || content === undefined) return '';
  const isStripped = rules.stripAttribution && role === 'system';
  if (typeof content === 'string') return isStripped ? withoutAttribution(content) : content;
  const separator = role === 'system' ? SYSTEM_SEPARATOR : SEPARATOR;
  const tidied = content.map((part) => tidyPart(part, isStripped, rules, changes));
  return collapse(joinNeighbours(tidied, separator), content);
}

/** The first line of a system text, when it is the attribution; and the blank lines after it. */
function withoutAttribution(text: string): string {
  if (!text.startsWith(ATTRIBUTION)) return text;
  const end = text.indexOf('\n');
  return end === -1 ? '' : text.slice(end).replace(/^\n+/, '');
}

function tidyPart(
  part: ContentPart | string,
  isStripped: boolean,
  rules: ContentRules,
  changes: Set<string>,
): ContentPart {
  if (typeof part === 'string') return textPart(part);
  if (!isObject(part)) return part;
  const { cache_control, ...uncached }: ContentPart & { readonly cache_control?: unknown } = part;
  if (part.type === 'image_url' && !rules.hasVision) {
    changes.add(IMAGES_LEFT_OUT);
    return textPart(NO_VISION);
  }
  const text = spokenText(part);
  if (text === null) return cache_control === undefined ? part : uncached;
  const kept = isStripped ? withoutAttribution(text) : text;
  return part.type === 'text' && kept === text && Object.keys(part).length === 2 ? part : textPart(kept);
}

/** The words of a part, whatever it is called: a refusal part of an old answer is refused by llama-server. */
function spokenText(part: ContentPart): string | null {
  switch (part.type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return stringOrNull(part.text);
    case 'refusal':
      return 'refusal' in part ? stringOrNull(part.refusal) : null;
    default:
      return null;
  }
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

/** Thoughts under one name, calls with their arguments as text, no empty list of calls. */
function tidyAssistant(message: Spelled): ChatMessage {
  return tidyCalls(tidyThoughts(message));
}

function tidyThoughts(message: Spelled): ChatMessage {
  const { reasoning, reasoning_text, ...kept } = message;
  if (typeof message.reasoning_content === 'string') return message;
  const thoughts = stringOrNull(reasoning) ?? stringOrNull(reasoning_text);
  return thoughts === null ? message : { ...kept, reasoning_content: thoughts };
}

function tidyCalls(message: ChatMessage): ChatMessage {
  const { tool_calls: calls, ...kept } = message;
  if (calls === undefined) return message;
  if (calls === null) return kept;
  if (calls.length === 0) return kept;
  const tidied = calls.map(tidyCall);
  return tidied.every((call, index) => call === calls[index]) ? message : { ...message, tool_calls: tidied };
}

// Some clients keep the arguments as an object, as their model once gave them.
function tidyCall(call: ToolCall): ToolCall {
  if (!isObject(call.function)) return call;
  const given: unknown = call.function.arguments;
  if (typeof given === 'string') return call;
  return { ...call, function: { ...call.function, arguments: JSON.stringify(given ?? {}) } };
}
