/**
 * Content blocks that carry something to read, as parts of an OpenAI message: text, images, documents, search results.
 */
import type { ContentPart } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { type JsonObject, stringOrNull } from '#src/json.ts';
import type { Findings } from './findings.ts';

const PDF_OMITTED = 'a PDF document was left out: only its text could be given to a local model';

/** Content that is a string or a list of blocks, as parts. `null` and absence are no parts at all. */
export function readParts(content: unknown, path: string, findings: Findings): readonly ContentPart[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return listAt(content, path).flatMap((block, index) => readBlock(block, `${path}.${index}`, findings));
}

/** One block as parts; none when it is of a kind that no local model can read, which is then noted. */
export function readBlock(value: unknown, path: string, findings: Findings): readonly ContentPart[] {
  const block = objectAt(value, path);
  const type = nameAt(block.type, `${path}.type`);
  switch (type) {
    case 'text':
      return [{ type: 'text', text: stringAt(block.text, `${path}.text`) }];
    case 'image':
      return [readImage(block.source, `${path}.source`)];
    case 'document':
      return readDocument(block, path, findings);
    case 'search_result':
      return readSearchResult(block, path, findings);
    case 'tool_reference':
      return readToolReference(block.tool_name, `${path}.tool_name`, findings);
    case 'compaction':
      return readParts(block.content, `${path}.content`, findings);
    default:
      findings.notes.add(`a block of type ${type} was left out: it means nothing to a local model`);
      return [];
  }
}

/** The image as an engine takes it; an address in the network is passed on for the gateway to judge. */
function readImage(value: unknown, path: string): ContentPart {
  const source = objectAt(value, path);
  switch (source.type) {
    case 'base64': {
      const mediaType = nameAt(source.media_type, `${path}.media_type`);
      const data = nameAt(source.data, `${path}.data`);
      return { type: 'image_url', image_url: { url: `data:${mediaType};base64,${data}` } };
    }
    case 'url':
      return { type: 'image_url', image_url: { url: nameAt(source.url, `${path}.url`) } };
    default:
      throw invalid(`${path}.type`, 'base64 or url is required; Flow keeps no uploaded files');
  }
}

function readDocument(block: JsonObject, path: string, findings: Findings): readonly ContentPart[] {
  const source = objectAt(block.source, `${path}.source`);
  const title = stringOrNull(block.title);
  const context = stringOrNull(block.context);
  switch (source.type) {
    case 'text':
      return enclosed([{ type: 'text', text: stringAt(source.data, `${path}.source.data`) }], title, context);
    case 'content':
      return enclosed(readParts(source.content, `${path}.source.content`, findings), title, context);
    case 'base64':
      findings.notes.add(PDF_OMITTED);
      return [{ type: 'text', text: title === null ? '[PDF omitted]' : `[PDF omitted: ${title}]` }];
    default:
      throw invalid(`${path}.source.type`, 'text, content or base64 is required; Flow fetches no documents');
  }
}

function enclosed(parts: readonly ContentPart[], title: string | null, context: string | null): readonly ContentPart[] {
  const opening = title === null ? '<document>' : `<document title="${title.replaceAll('"', '&quot;')}">`;
  const lead: readonly ContentPart[] = context === null ? [] : [{ type: 'text', text: context }];
  return [{ type: 'text', text: opening }, ...lead, ...parts, { type: 'text', text: '</document>' }];
}

function readSearchResult(block: JsonObject, path: string, findings: Findings): readonly ContentPart[] {
  const title = stringOrNull(block.title) ?? '';
  const source = stringOrNull(block.source) ?? '';
  const heading: ContentPart = { type: 'text', text: `[${title}](${source})` };
  return [heading, ...readParts(block.content, `${path}.content`, findings)];
}

function readToolReference(value: unknown, path: string, findings: Findings): readonly ContentPart[] {
  const name = nameAt(value, path);
  findings.toolReferences.add(name);
  return [{ type: 'text', text: `Tool ${name} is now available.` }];
}
