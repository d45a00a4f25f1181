/** Keeps the definitions of tools apart: llama.cpp knows each name once, whatever tool it came with. */
import type { ChatTool } from '#src/dialects/chat-request.ts';
import { isObject, type JsonObject } from '#src/json.ts';

const CONTAINERS = ['$defs', 'definitions'] as const;

/**
 * Two tools that both define `#/$defs/Item` would both get the first one's. So a definition whose name is taken by
 * another gets a name of its own, and so does everything the tool refers to. The same list when there is no such one.
 */
export function ownNames(tools: readonly ChatTool[]): readonly ChatTool[] {
  const taken = new Map<string, string>();
  return tools.map((tool, at) => {
    const { parameters } = tool.function;
    if (!isObject(parameters) || !CONTAINERS.some((container) => isObject(parameters[container]))) return tool;
    const meaning = JSON.stringify([parameters.$defs, parameters.definitions]);
    const clashes = names(parameters).some(({ rule, name }) => {
      const known = taken.get(rule);
      return known !== undefined && known !== `${name} ${meaning}`;
    });
    if (!clashes && areDistinct(parameters)) {
      for (const { rule, name } of names(parameters)) taken.set(rule, `${name} ${meaning}`);
      return tool;
    }
    return { ...tool, function: { ...tool.function, parameters: renamed(parameters, at) } };
  });
}

/** The definitions of a schema; `rule` is what the engine's grammar calls them, which is not always distinct. */
function names(schema: JsonObject): readonly { readonly rule: string; readonly name: string }[] {
  return CONTAINERS.flatMap((container) => {
    const definitions = schema[container];
    return isObject(definitions) ? Object.keys(definitions).map((name) => ruleOf(container, name)) : [];
  });
}

function ruleOf(container: string, name: string): { readonly rule: string; readonly name: string } {
  return { rule: `${container}/${name}`.replace(/[^a-zA-Z0-9-]+/g, '-'), name };
}

function areDistinct(schema: JsonObject): boolean {
  const rules = names(schema).map(({ rule }) => rule);
  return new Set(rules).size === rules.length;
}

/** All definitions under `$defs`, by the number of the tool and of the definition. */
function renamed(schema: JsonObject, tool: number): JsonObject {
  const fresh = new Map<string, string>();
  for (const container of CONTAINERS) {
    const definitions = schema[container];
    for (const name of isObject(definitions) ? Object.keys(definitions) : []) {
      fresh.set(`#/${container}/${name}`, `tool-${tool}-schema-${fresh.size}`);
    }
  }
  const moved: Record<string, unknown> = {};
  for (const container of CONTAINERS) {
    const definitions = schema[container];
    for (const [name, value] of Object.entries(isObject(definitions) ? definitions : {})) {
      moved[fresh.get(`#/${container}/${name}`) ?? name] = redirected(value, fresh);
    }
  }
  const { $defs: _defs, definitions: _definitions, ...rest } = schema;
  return {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, redirected(value, fresh)])),
    $defs: moved,
  };
}

function redirected(value: unknown, fresh: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((each) => redirected(each, fresh));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = key === '$ref' && typeof inner === 'string' ? fresh.get(inner) : undefined;
      return [key, name === undefined ? redirected(inner, fresh) : `#/$defs/${name}`];
    }),
  );
}
