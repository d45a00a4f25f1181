/** Ollama's conversation as OpenAI chat messages. */
import type { ChatMessage, ChatTool, Content, ContentPart, ToolCall } from '#src/dialects/chat-request.ts';
import { invalid, listAt, nameAt, objectAt, stringAt } from '#src/dialects/invalid.ts';
import { isGiven, isObject, type Json, type JsonObject, stringOrNull } from '#src/json.ts';
import { readImages } from './images.ts';

/** Calls of the last assistant turn that no result has answered yet. */
type Open = { readonly id: string; readonly name: string }[];

/**
 * Ollama's calls have no ids, or ids that old clients drop: results are matched by the name of the tool, else by order.
 * The ids given here depend on the place alone, so that the same conversation is the same prompt.
 */
export function readMessages(value: unknown): readonly ChatMessage[] {
  let open: Open = [];
  return listAt(value, 'messages').map((item, index) => {
    const path = `messages.${index}`;
    const message = objectAt(item, path);
    const role = nameAt(message.role, `${path}.role`);
    const content = contentOf(message, path);
    switch (role) {
      case 'assistant': {
        const calls = readCalls(message.tool_calls, `${path}.tool_calls`, index);
        if (calls.length > 0) open = calls.map((call) => ({ id: call.id, name: call.function.name }));
        const thinking = stringOrNull(message.thinking) ?? '';
        return {
          role,
          content,
          ...(thinking === '' ? {} : { reasoning_content: thinking }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        };
      }
      case 'tool':
        return readResult(message, content, open, index);
      case 'system':
      case 'developer':
      case 'user':
        return { role: role === 'developer' ? 'system' : role, content };
      default:
        throw invalid(`${path}.role`, 'system, user, assistant or tool is required');
    }
  });
}

function contentOf(message: JsonObject, path: string): Content {
  const { content } = message;
  const images = readImages(message.images, `${path}.images`);
  // Some clients send OpenAI's parts here; the gateway judges what they hold.
  const parts = Array.isArray(content) ? content.map((part, at) => partAt(part, `${path}.content.${at}`)) : null;
  const text = parts === null && isGiven(content) ? stringAt(content, `${path}.content`) : '';
  if (parts === null && images.length === 0) return text;
  const words: readonly ContentPart[] = parts ?? (text === '' ? [] : [{ type: 'text', text }]);
  return [...words, ...images];
}

function partAt(value: unknown, path: string): ContentPart {
  const part = objectAt(value, path);
  return { ...part, type: nameAt(part.type, `${path}.type`) };
}

function readCalls(value: unknown, path: string, turn: number): readonly ToolCall[] {
  if (!isGiven(value)) return [];
  return listAt(value, path).map((item, index) => {
    const place = `${path}.${index}`;
    const call = objectAt(item, place);
    const made = objectAt(call.function, `${place}.function`);
    const name = nameAt(made.name, `${place}.function.name`);
    const id = stringOrNull(call.id) || `call_${turn}_${index}`;
    return { id, type: 'function', function: { name, arguments: argumentsOf(made.arguments, place) } };
  });
}

/** An object there; clients that came from OpenAI send its text. */
function argumentsOf(value: unknown, place: string): string {
  if (!isGiven(value)) return '{}';
  if (typeof value === 'string') return value === '' ? '{}' : value;
  return JSON.stringify(objectAt(value, `${place}.function.arguments`));
}

function readResult(message: JsonObject, content: Content, open: Open, index: number): ChatMessage {
  const name = stringOrNull(message.tool_name) ?? stringOrNull(message.name);
  const given = stringOrNull(message.tool_call_id) || null;
  const isMeant = (call: Open[number]) => (given === null ? call.name === name : call.id === given);
  const at = Math.max(0, open.findIndex(isMeant));
  const [answered] = open.splice(at, 1);
  const id = given ?? answered?.id ?? `call_${index}`;
  const called = name ?? answered?.name ?? null;
  return { role: 'tool', tool_call_id: id, ...(called === null ? {} : { name: called }), content };
}

/** The tools, in OpenAI's shape already; `$schema` only costs tokens, since templates print the whole schema. */
export function readTools(value: unknown): readonly ChatTool[] {
  if (!isGiven(value)) return [];
  return listAt(value, 'tools').map((item, index) => {
    const place = `tools.${index}`;
    const made = objectAt(objectAt(item, place).function, `${place}.function`);
    const description = stringOrNull(made.description);
    return {
      type: 'function',
      function: {
        name: nameAt(made.name, `${place}.function.name`),
        ...(description === null ? {} : { description }),
        parameters: schemaOf(made.parameters),
      },
    };
  });
}

function schemaOf(parameters: unknown): Json {
  if (!isObject(parameters)) return { type: 'object', properties: {} };
  const { $schema, ...schema } = parameters;
  return schema;
}
