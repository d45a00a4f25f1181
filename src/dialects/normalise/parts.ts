/** One part of a message's content: its words, whatever it is called, and what a model cannot take. */
import type { ContentPart, TextPart } from '#src/dialects/chat-request.ts';
import { DOCUMENT_END, documentBegin, omittedPdf, PDF_LEFT_OUT } from '#src/dialects/documents.ts';
import { isObject, stringOrNull } from '#src/json.ts';
import type { ContentRules } from './content.ts';

const ATTRIBUTION = 'x-anthropic-billing-header:';
const ATTRIBUTION_LEFT_OUT = 'the attribution line was left out (strip_attribution): it spoils the prompt cache';
const NO_VISION = '[image omitted: the model has no vision]';
const IMAGES_LEFT_OUT = 'images left out: the model has no vision';
const DATA_URL = /^data:([^;,]*)[^,]*;base64,/i;

/** A text as a part. */
export function textPart(text: string): TextPart {
  return { type: 'text', text };
}

/** The text of a part, or null when it is none. */
export function textOf(part: ContentPart): string | null {
  return isObject(part) && part.type === 'text' ? stringOrNull(part.text) : null;
}

/** The first line of a system text, when it is the attribution; and the blank lines after it. */
export function withoutAttribution(text: string, changes: Set<string>): string {
  if (!text.startsWith(ATTRIBUTION)) return text;
  changes.add(ATTRIBUTION_LEFT_OUT);
  const end = text.indexOf('\n');
  return end === -1 ? '' : text.slice(end).replace(/^\n+/, '');
}

/** The part in its one form; the same object when it already had it. */
export function tidyPart(
  part: ContentPart | string,
  isStripped: boolean,
  rules: ContentRules,
  changes: Set<string>,
): ContentPart {
  if (typeof part === 'string') return textPart(part);
  if (!isObject(part)) return part;
  const { cache_control, ...uncached }: ContentPart & { readonly cache_control?: unknown } = part;
  if (isImage(part) && !rules.hasVision) {
    changes.add(IMAGES_LEFT_OUT);
    return textPart(NO_VISION);
  }
  const text = spokenText(part, changes);
  if (text === null) return asImage(cache_control === undefined ? part : uncached);
  const kept = isStripped ? withoutAttribution(text, changes) : text;
  return part.type === 'text' && kept === text && Object.keys(part).length === 2 ? part : textPart(kept);
}

/** Whether it is an image, in either of OpenAI's spellings. */
export function isImage(part: ContentPart): boolean {
  return isObject(part) && (part.type === 'image_url' || part.type === 'input_image');
}

/** An image whose address is a plain text, as some clients write it; engines want it in an object. */
function asImage(part: ContentPart): ContentPart {
  if (!isImage(part) || !('image_url' in part) || typeof part.image_url !== 'string') return part;
  return { type: 'image_url', image_url: { url: part.image_url } };
}

/** The words of a part, whatever it is called: a refusal part of an old answer is refused by llama-server. */
function spokenText(part: ContentPart, changes: Set<string>): string | null {
  switch (part.type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return stringOrNull(part.text);
    case 'refusal':
      return 'refusal' in part ? stringOrNull(part.refusal) : null;
    case 'file':
      return 'file' in part && isObject(part.file) ? fileText(part.file, changes) : null;
    default:
      return null;
  }
}

/** A text file as a document. What is neither text nor PDF is left for the engine to refuse. */
function fileText(file: { readonly [field: string]: unknown }, changes: Set<string>): string | null {
  const data = stringOrNull(file.file_data) ?? '';
  const url = DATA_URL.exec(data);
  const type = url?.[1] ?? '';
  const name = stringOrNull(file.filename);
  if (type === 'application/pdf') {
    changes.add(PDF_LEFT_OUT);
    return omittedPdf(name);
  }
  if (!/^text\/|^application\/(?:\w+\+)?json$/.test(type)) return null;
  const text = Buffer.from(data.slice(url?.[0].length), 'base64').toString();
  return `${documentBegin(name)}\n${text}\n${DOCUMENT_END}`;
}
