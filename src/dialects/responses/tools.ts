/**
 * Tools of a Responses request as functions for the model, and the way back: which tool of the client a call means.
 *
 *   function   as it is             → function_call
 *   custom     one string, `input`  → custom_tool_call with the raw text
 *   namespace  `<namespace>__<name>` for each of its tools → the same, with `namespace` and the bare `name`
 *
 * Everything else runs at OpenAI only, or needs an executor that Flow is not; it is left out and said so.
 */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { listAt, nameAt, objectAt } from '#src/dialects/invalid.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

/** How the client knows a tool that the model has called. */
export type ToolFace = {
  readonly kind: 'function' | 'custom';
  readonly name: string;
  readonly namespace: string | null;
};

/** A tool in both of its forms. */
export type Offer = { readonly tool: ChatTool; readonly face: ToolFace };

const SEPARATOR = '__';
/** A grammar above this costs more of the prompt than it helps. */
const GRAMMAR_CHARACTERS_MAX = 2_000;
const RAW_INPUT = 'The text for the tool, exactly as it should get it.';

/** The name under which the model knows a tool. */
export function flatName(namespace: string | null, name: string): string {
  if (namespace === null || namespace === '') return name;
  return namespace.endsWith(SEPARATOR) ? namespace + name : namespace + SEPARATOR + name;
}

/** All tools of a list, in order; of two with the same name the first. */
export function readToolList(value: unknown, path: string, notes: Set<string>): readonly Offer[] {
  return listAt(value ?? [], path).flatMap((item, index) => readTool(item, null, `${path}[${index}]`, notes));
}

function readTool(value: unknown, namespace: string | null, path: string, notes: Set<string>): readonly Offer[] {
  const tool = objectAt(value, path);
  switch (nameAt(tool.type, `${path}.type`)) {
    case 'function':
      return [readFunction(tool, namespace, path)];
    case 'custom':
      return [readCustom(tool, namespace, path)];
    case 'namespace':
      return readNamespace(tool, path, notes);
    default:
      notes.add(`the tool ${String(tool.type)} was left out: a local model has none`);
      return [];
  }
}

/** Flat, as Responses has it; some clients send the nested form of chat completions. */
function readFunction(tool: JsonObject, namespace: string | null, path: string): Offer {
  const own = isObject(tool.function) ? tool.function : tool;
  const name = nameAt(own.name, `${path}.name`);
  const parameters = readSchema(own.parameters ?? { type: 'object', properties: {} }, `${path}.parameters`);
  return {
    tool: {
      type: 'function',
      function: {
        name: flatName(namespace, name),
        ...described(stringOrNull(own.description)),
        parameters,
        ...(own.strict === true ? { strict: true } : {}),
      },
    },
    face: { kind: 'function', name, namespace },
  };
}

function readCustom(tool: JsonObject, namespace: string | null, path: string): Offer {
  const name = nameAt(tool.name, `${path}.name`);
  const words = [stringOrNull(tool.description), rawTextHint(tool.format)].filter((part) => part);
  return {
    tool: {
      type: 'function',
      function: {
        name: flatName(namespace, name),
        description: words.join('\n\n'),
        parameters: {
          type: 'object',
          properties: { input: { type: 'string', description: RAW_INPUT } },
          required: ['input'],
          additionalProperties: false,
        },
      },
    },
    face: { kind: 'custom', name, namespace },
  };
}

/** What OpenAI's models learn from the grammar itself. */
function rawTextHint(format: unknown): string {
  const hint = 'Put the raw text into `input`, unquoted and not wrapped in anything.';
  if (!isObject(format)) return hint;
  const own = isObject(format.grammar) ? format.grammar : format;
  const definition = stringOrNull(own.definition);
  if (definition === null || definition.length > GRAMMAR_CHARACTERS_MAX) return hint;
  return `${hint} It must match this ${stringOrNull(own.syntax) ?? ''} grammar:\n${definition}`;
}

/** The group's description goes with its first tool: functions have no groups. */
function readNamespace(tool: JsonObject, path: string, notes: Set<string>): readonly Offer[] {
  const name = nameAt(tool.name, `${path}.name`);
  const about = stringOrNull(tool.description) ?? '';
  const offers = listAt(tool.tools ?? [], `${path}.tools`).flatMap((item, index) =>
    readTool(item, name, `${path}.tools[${index}]`, notes),
  );
  const [first, ...others] = offers;
  if (first === undefined || about === '') return offers;
  const own = first.tool.function;
  const description = [`${name}: ${about}`, own.description ?? ''].filter((part) => part !== '').join('\n\n');
  return [{ ...first, tool: { type: 'function', function: { ...own, description } } }, ...others];
}

function described(description: string | null): { readonly description?: string } {
  return description === null ? {} : { description };
}

/** A JSON schema without `$schema`, which only costs tokens: templates print the whole schema. */
export function readSchema(value: unknown, path: string): JsonObject {
  const { $schema, ...schema } = objectAt(value, path);
  return schema;
}

/** Which tool of the client a call of the model means. */
export class ToolBook {
  readonly #faces = new Map<string, ToolFace>();
  readonly #bare = new Map<string, ToolFace | null>();

  constructor(offers: readonly Offer[]) {
    for (const { tool, face } of offers) {
      this.#faces.set(tool.function.name, face);
      // Null: more than one group has a tool of this name.
      this.#bare.set(face.name, this.#bare.has(face.name) ? null : face);
    }
  }

  /** Small models forget the group's name; where the rest is unmistakable, it is enough. */
  face(name: string): ToolFace {
    return this.#faces.get(name) ?? this.#bare.get(name) ?? { kind: 'function', name, namespace: null };
  }

  /** The name that the model knows for a tool as the client names it; null when it was not offered. */
  flat(namespace: string | null, name: string): string | null {
    const full = flatName(namespace, name);
    if (this.#faces.has(full)) return full;
    const face = namespace === null ? this.#bare.get(name) : null;
    return face ? flatName(face.namespace, face.name) : null;
  }
}
