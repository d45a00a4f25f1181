/**
 * Content blocks that carry something to read, as parts of an OpenAI message: text, images, documents, search results.
 * And what may stand among them: tools that join and leave, and what only Anthropic can make use of.
 */
import type { ContentPart } from '#src/dialects/chat-request.ts';
import { DOCUMENT_END, documentBegin, omittedPdf, PDF_LEFT_OUT } from '#src/dialects/documents.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { type JsonObject, stringOrNull } from '#src/json.ts';
import type { Findings } from './findings.ts';
import { addTool, readToolReference, readToolSearch, removeTool } from './tool-changes.ts';

const NO_FETCHING = 'Flow fetches nothing for a request';
const NO_FILES = 'Flow keeps no uploaded files';
/** Calls of tools that run at Anthropic, and what came of them, in histories that began there. */
const SERVER_BLOCK = /^(?:server_tool_use|mcp_tool_(?:use|result|listing)|container_upload|\w+_tool_result)$/;

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
      return [{ type: 'text', text: readToolReference(block.tool_name, `${path}.tool_name`, findings) }];
    case 'tool_search_tool_result':
      readToolSearch(block.content, `${path}.content`, findings);
      return [];
    case 'tool_addition':
      addTool(block.tool, `${path}.tool`, findings);
      return [];
    case 'tool_removal':
      removeTool(block.tool, `${path}.tool`, findings);
      return [];
    case 'compaction':
      return readCompaction(block, path, findings);
    default:
      findings.notes.add(`a block of type ${type} was left out: ${whyLeftOut(type)}`);
      return [];
  }
}

function whyLeftOut(type: string): string {
  return SERVER_BLOCK.test(type) ? 'its tool runs at Anthropic only' : 'it means nothing to a local model';
}

/** The image as an engine takes it: with its bytes. An address would have to be fetched on a stranger's word. */
function readImage(value: unknown, path: string): ContentPart {
  const source = objectAt(value, path);
  switch (source.type) {
    case 'base64': {
      const mediaType = nameAt(source.media_type, `${path}.media_type`);
      const data = nameAt(source.data, `${path}.data`);
      return { type: 'image_url', image_url: { url: `data:${mediaType};base64,${data}` } };
    }
    case 'url': {
      const url = nameAt(source.url, `${path}.url`);
      if (/^data:/i.test(url)) return { type: 'image_url', image_url: { url } };
      throw invalid(`${path}.url`, `${NO_FETCHING}; send the image itself, as base64`);
    }
    default:
      throw invalid(`${path}.type`, `base64 is required; ${NO_FILES}`);
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
      findings.notes.add(PDF_LEFT_OUT);
      return [{ type: 'text', text: omittedPdf(title) }];
    case 'url':
      throw invalid(`${path}.source.url`, `${NO_FETCHING}; send the text of the document`);
    default:
      throw invalid(`${path}.source.type`, `text, content or base64 is required; ${NO_FILES}`);
  }
}

function enclosed(parts: readonly ContentPart[], title: string | null, context: string | null): readonly ContentPart[] {
  const lead: readonly ContentPart[] = context === null ? [] : [{ type: 'text', text: context }];
  return [{ type: 'text', text: documentBegin(title) }, ...lead, ...parts, { type: 'text', text: DOCUMENT_END }];
}

function readSearchResult(block: JsonObject, path: string, findings: Findings): readonly ContentPart[] {
  const title = stringOrNull(block.title) ?? '';
  const source = stringOrNull(block.source) ?? '';
  const heading: ContentPart = { type: 'text', text: `[${title}](${source})` };
  return [heading, ...readParts(block.content, `${path}.content`, findings)];
}

/** The summary that stands for what was said before, and the tools that came and went in it. */
function readCompaction(block: JsonObject, path: string, findings: Findings): readonly ContentPart[] {
  for (const [index, change] of listAt(block.tool_changes ?? [], `${path}.tool_changes`).entries()) {
    readBlock(change, `${path}.tool_changes.${index}`, findings);
  }
  return readParts(block.content, `${path}.content`, findings);
}
