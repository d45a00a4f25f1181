/** `allOf`, `anyOf` and `oneOf` beside properties: llama.cpp reads one of the two and forgets the other. */
import { isObject, type JsonObject } from '#src/json.ts';
import { mentionsReference } from './bounds.ts';
import { lookUp, nameFor } from './references.ts';
import { ANY, propertiesOf, type Rule, relaxed, spend, telling, type Walk, without } from './walk.ts';

const HOPS_MAX = 10;
/** They say nothing about the value. */
const ANNOTATIONS = new Set(['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly']);
/** What a part of `allOf` may not bring along: the engine ignores it, or it is only true of the part. */
const LEFT_OUT = new Set(['if', 'then', 'else', 'not', '$id', '$schema', '$anchor', '$defs', 'definitions']);

/**
 * The engine makes every property of every part of an `allOf` required, and of parts that are no objects it makes an
 * object. One schema that says all of it at once is taken rightly.
 */
export const conjunction: Rule = (walk, node, path) => {
  const { allOf } = node;
  if (allOf === undefined) return node;
  const base = without(node, 'allOf');
  if (!Array.isArray(allOf)) return base;
  const [only] = allOf;
  const isNamed = allOf.length === 1 && isObject(only) && typeof only.$ref === 'string';
  if (isNamed && Object.keys(base).every((key) => ANNOTATIONS.has(key))) return { ...only, ...base };
  return once(walk, node, () => {
    const seen = new Set<JsonObject>();
    const merged = allOf.reduce<JsonObject>((sum, part) => merge(walk, sum, part, seen), base);
    if (spend(walk, 0)) return merged;
    relaxed(walk, path, 'allOf');
    return ANY;
  });
};

/** Parts may hold the very schema they are parts of: what has been put together before is referred to by a name. */
function once(walk: Walk, node: JsonObject, combine: () => JsonObject): JsonObject {
  if (!mentionsReference(node)) return combine();
  const key = JSON.stringify(node);
  const known = walk.combined.get(key);
  if (known) return { $ref: `#/$defs/${nameFor(walk, key, known)}` };
  const combined = combine();
  walk.combined.set(key, combined);
  return combined;
}

function merge(walk: Walk, into: JsonObject, part: unknown, seen: Set<JsonObject>): JsonObject {
  const schema = followed(walk, part);
  if (!schema || seen.has(schema)) return into;
  seen.add(schema);
  // The properties are copied with each part.
  const size = Object.keys(propertiesOf(into)).length + Object.keys(propertiesOf(schema)).length;
  if (!spend(walk, 1 + size)) return into;
  const result: Record<string, unknown> = { ...into };
  for (const [key, value] of Object.entries(schema)) {
    if (LEFT_OUT.has(key) || key === 'allOf') continue;
    if (key === 'properties' && isObject(value)) result.properties = { ...value, ...propertiesOf(result) };
    else if (key === 'required' && Array.isArray(value)) result.required = union(result.required, value);
    else if (key === 'enum' && Array.isArray(value)) result.enum = intersection(result.enum, value);
    // Each part closes itself; together they are open to each other's properties.
    else if (key === 'additionalProperties' && value === false) continue;
    else if (!(key in result)) result[key] = value;
  }
  const parts: readonly unknown[] = Array.isArray(schema.allOf) ? schema.allOf : [];
  return parts.reduce<JsonObject>((merged, each) => merge(walk, merged, each, seen), result);
}

/**
 * Beside `properties`, the engine reads the alternatives alone: of `anyOf: [{required: ['a']}, …]` it makes "any value
 * at all". And what only a branch knows (`then`, `else`, an alternative) could not be written. So the branches'
 * properties are all offered, and which of them belong together is checked afterwards.
 */
export const alternatives: Rule = (walk, node, path) => {
  if (!isObject(node.properties)) return node;
  const choice = choices(node.oneOf) ?? choices(node.anyOf);
  const conditional = [
    node.then,
    node.else,
    ...Object.values(isObject(node.dependentSchemas) ? node.dependentSchemas : {}),
  ];
  if (!choice && conditional.every((branch) => branch === undefined)) return node;
  return once(walk, node, () => offered(walk, node, path, { choice, conditional }));
};

type Branches = { readonly choice: readonly unknown[] | null; readonly conditional: readonly unknown[] };

function offered(walk: Walk, node: JsonObject, path: string, { choice, conditional }: Branches): JsonObject {
  const known = propertiesOf(node);
  // The schemas that the branches have for a name, by their text.
  const added = new Map<string, Map<string, unknown>>();
  for (const branch of [...(choice ?? []), ...conditional]) {
    const schema = followed(walk, branch);
    for (const [name, value] of Object.entries(schema ? propertiesOf(schema) : {})) {
      if (Object.hasOwn(known, name) || !spend(walk, 1)) continue;
      const alike = added.get(name) ?? new Map<string, unknown>();
      added.set(name, alike.set(JSON.stringify(value), value));
    }
  }
  if (!choice && added.size === 0) return node;
  const news = [...added].map(([name, schemas]) => [name, oneOfThem([...schemas.values()])] as const);
  const widened = { ...node, properties: { ...known, ...Object.fromEntries(news) } };
  if (!choice) return widened;
  relaxed(walk, path, node.oneOf === undefined ? 'anyOf' : 'oneOf');
  const rest = without(widened, 'anyOf', 'oneOf');
  const needs = choice.map((branch) => followed(walk, branch)?.required);
  return needs.every((names) => Array.isArray(names))
    ? telling(rest, `needs ${needs.map(listed).join(', or ')}`)
    : rest;
}

function choices(value: unknown): readonly unknown[] | null {
  return Array.isArray(value) && value.length > 0 ? value : null;
}

function listed(names: unknown): string {
  return Array.isArray(names) ? names.join(' and ') : '';
}

function oneOfThem(schemas: readonly unknown[]): unknown {
  return schemas.length === 1 ? schemas[0] : { anyOf: schemas };
}

/** The schema itself, with a reference followed once or more. */
function followed(walk: Walk, part: unknown): JsonObject | null {
  let schema = isObject(part) ? part : null;
  for (let hops = 0; schema && typeof schema.$ref === 'string' && hops < HOPS_MAX; hops += 1) {
    schema = lookUp(walk, schema.$ref);
  }
  return schema && schema.$ref === undefined ? schema : null;
}

function union(one: unknown, other: readonly unknown[]): readonly unknown[] {
  return [...new Set([...(Array.isArray(one) ? one : []), ...other])];
}

function intersection(one: unknown, other: readonly unknown[]): readonly unknown[] {
  if (!Array.isArray(one)) return other;
  const texts = new Set(other.map((value) => JSON.stringify(value)));
  return one.filter((value) => texts.has(JSON.stringify(value)));
}
