/** Content of items: text, images, files, as parts of a chat message. */
import type { ContentPart } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

/** Content that is a string or a list of parts. `null` and absence are no parts at all. */
export function readContent(content: unknown, path: string, notes: Set<string>): readonly ContentPart[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return listAt(content, path).flatMap((part, index) => readPart(part, `${path}[${index}]`, notes));
}

/** The text of a list of summaries or thoughts. */
export function readTexts(content: unknown, path: string): readonly string[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [content];
  return listAt(content, path).map((part, index) => {
    if (typeof part === 'string') return part;
    return stringAt(objectAt(part, `${path}[${index}]`).text, `${path}[${index}].text`);
  });
}

function readPart(value: unknown, path: string, notes: Set<string>): readonly ContentPart[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }];
  const part = objectAt(value, path);
  const type = nameAt(part.type, `${path}.type`);
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'text':
    case 'summary_text':
    case 'reasoning_text':
      return [{ type: 'text', text: stringAt(part.text, `${path}.text`) }];
    case 'refusal':
      return [{ type: 'text', text: stringAt(part.refusal, `${path}.refusal`) }];
    case 'input_image':
    case 'image_url':
    case 'computer_screenshot':
      return [readImage(part, path)];
    case 'input_file':
      return [readFile(part, path, notes)];
    case 'input_audio':
      return [{ type: 'input_audio', input_audio: objectAt(part.input_audio, `${path}.input_audio`) }];
    default:
      notes.add(`a part of type ${type} was left out: it means nothing to a local model`);
      return [];
  }
}

function readImage(part: JsonObject, path: string): ContentPart {
  const url = stringOrNull(part.image_url) ?? (isObject(part.image_url) ? stringOrNull(part.image_url.url) : null);
  if (url === null) throw invalid(`${path}.image_url`, 'a data: URL is required; Flow keeps no uploaded files');
  refuseRemote(url, `${path}.image_url`);
  return { type: 'image_url', image_url: { url } };
}

/** A text file as its text; of anything else a local model could read nothing. */
function readFile(part: JsonObject, path: string, notes: Set<string>): ContentPart {
  const name = stringOrNull(part.filename);
  const data = stringOrNull(part.file_data);
  if (data === null) {
    throw invalid(`${path}.file_data`, 'base64 data is required; Flow keeps no uploaded files and fetches none');
  }
  refuseRemote(data, `${path}.file_data`);
  const text = textIn(data, name);
  if (text === null) {
    const kind = name ?? /^data:([^;,]*)/i.exec(data)?.[1] ?? 'unnamed';
    notes.add('a file was left out: only the text of text files can be given to a local model');
    return { type: 'text', text: `[file omitted: ${kind}]` };
  }
  const title = name === null ? '' : ` title="${name.replaceAll('"', '&quot;')}"`;
  return { type: 'text', text: `<document${title}>\n${text}\n</document>` };
}

const TEXT_TYPE = /^(text\/|application\/(json|xml|yaml|x-yaml|toml|javascript|x-sh))/i;
const TEXT_NAME =
  /\.(txt|md|markdown|csv|tsv|json|jsonl|xml|ya?ml|toml|ini|log|html?|css|[jt]sx?|py|rb|go|rs|c|h|cpp|sh)$/i;

function textIn(data: string, name: string | null): string | null {
  const url = /^data:([^,]*?)(;base64)?,/i.exec(data);
  const type = url?.[1] ?? '';
  const isText = TEXT_TYPE.test(type) || (name !== null && TEXT_NAME.test(name) && !/pdf/i.test(type));
  if (!isText) return null;
  const payload = url ? data.slice(url[0].length) : data;
  if (url && url[2] === undefined) return decodedOrNull(payload);
  return Buffer.from(payload, 'base64').toString('utf8');
}

function decodedOrNull(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Flow fetches nothing for a request: an address could be one of the inside of the network. */
function refuseRemote(url: string, path: string): void {
  if (/^(https?|file|ftp):/i.test(url.trim())) {
    throw invalid(path, 'a data: URL with base64 is required; Flow fetches nothing for a request');
  }
}
