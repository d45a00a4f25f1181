/** Anthropic's system and messages as OpenAI chat messages. */
import type { ChatMessage, ContentPart, ToolCall } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { readBlock, readParts } from './blocks.ts';
import type { Findings } from './findings.ts';
import { engineToolId } from './tool-id.ts';

/** The top-level system text as a message; none when there is none. */
export function readSystem(system: unknown, findings: Findings): readonly ChatMessage[] {
  const parts = readParts(system, 'system', findings);
  return parts.length === 0 ? [] : [{ role: 'system', content: parts }];
}

/** The conversation. One of Anthropic's messages may become several: results of tools are messages of their own. */
export function readMessages(messages: unknown, findings: Findings): readonly ChatMessage[] {
  const list = listAt(messages, 'messages');
  if (list.length === 0) throw invalid('messages', 'at least one message is required');
  return list.flatMap((value, index) => {
    const path = `messages.${index}`;
    const message = objectAt(value, path);
    switch (message.role) {
      case 'user':
        return readUser(message.content, `${path}.content`, findings);
      case 'assistant':
        return readAssistant(message.content, `${path}.content`, findings);
      case 'system':
        return readLateSystem(message.content, `${path}.content`, findings);
      default:
        throw invalid(`${path}.role`, 'user, assistant or system is required');
    }
  });
}

function readUser(content: unknown, path: string, findings: Findings): readonly ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }];
  const results: ChatMessage[] = [];
  const parts: ContentPart[] = [];
  for (const [index, block] of listAt(content, path).entries()) {
    const place = `${path}.${index}`;
    if (isObject(block) && block.type === 'tool_result') results.push(readToolResult(block, place, findings));
    else parts.push(...readBlock(block, place, findings));
  }
  // Results come first: they answer the assistant's calls, what the user says comes after them.
  const hasWords = parts.length > 0 || results.length === 0;
  return hasWords ? [...results, { role: 'user', content: parts }] : results;
}

function readToolResult(block: JsonObject, path: string, findings: Findings): ChatMessage {
  const id = nameAt(block.tool_use_id, `${path}.tool_use_id`);
  const parts = readParts(block.content, `${path}.content`, findings);
  const content = block.is_error === true ? marked(parts) : parts;
  return { role: 'tool', tool_call_id: engineToolId(id), content };
}

/** OpenAI's tool message has no flag for errors, so the words must say it; most tools' own words do. */
function marked(parts: readonly ContentPart[]): readonly ContentPart[] {
  const [first, ...rest] = parts;
  if (first === undefined || first.type !== 'text') return [{ type: 'text', text: 'Error:' }, ...parts];
  const text = typeof first.text === 'string' ? first.text : '';
  if (/^\s*(<tool_use_error>|error\b)/i.test(text)) return parts;
  return [{ type: 'text', text: `Error: ${text}` }, ...rest];
}

function readAssistant(content: unknown, path: string, findings: Findings): readonly ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'assistant', content }];
  const parts: ContentPart[] = [];
  const thoughts: string[] = [];
  const calls: ToolCall[] = [];
  for (const [index, value] of listAt(content, path).entries()) {
    const place = `${path}.${index}`;
    const block = objectAt(value, place);
    switch (block.type) {
      case 'thinking':
        thoughts.push(stringAt(block.thinking, `${place}.thinking`));
        break;
      case 'redacted_thinking':
        findings.notes.add('redacted thinking was left out: only Anthropic can read it');
        break;
      case 'tool_use':
        calls.push(readToolUse(block, place));
        break;
      default:
        parts.push(...readBlock(block, place, findings));
    }
  }
  const reasoning = thoughts.filter((thought) => thought !== '').join('\n');
  // A turn that was all server tools leaves nothing behind; an empty answer in its place would only confuse.
  if (parts.length === 0 && calls.length === 0 && reasoning === '') return [];
  return [
    {
      role: 'assistant',
      content: parts,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

function readToolUse(block: JsonObject, path: string): ToolCall {
  const id = nameAt(block.id, `${path}.id`);
  const name = nameAt(block.name, `${path}.name`);
  const input = objectAt(block.input ?? {}, `${path}.input`);
  return { id: engineToolId(id), type: 'function', function: { name, arguments: JSON.stringify(input) } };
}

function readLateSystem(content: unknown, path: string, findings: Findings): readonly ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'system', content }];
  const parts = listAt(content, path).flatMap((block, index) => readBlock(block, `${path}.${index}`, findings));
  return parts.length === 0 ? [] : [{ role: 'system', content: parts }];
}
