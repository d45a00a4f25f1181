/** `$ref` as llama.cpp can follow it: by a plain name, to something that exists, and not in a circle. */
import { isObject, type JsonObject } from '#src/json.ts';
import { ANY, type Rule, relaxed, spend, type Walk, without } from './walk.ts';

const PLAIN = /^#\/(\$defs|definitions)\/([A-Za-z0-9_.-]+)$/;
const DEPTH_MAX = 50;

/** A reference that cannot be followed stands for any value; one written otherwise is given a name. */
export const references: Rule = (walk, node, path) => {
  const { $ref: reference } = node;
  if (reference === undefined) return node;
  const target = typeof reference === 'string' ? lookUp(walk, reference) : null;
  if (typeof reference !== 'string' || !target || comesBack(walk, target, reference)) {
    relaxed(walk, path, '$ref');
    const rest = without(node, '$ref');
    return Object.keys(rest).length > 0 ? rest : ANY;
  }
  if (isAtHome(walk, reference)) return node;
  return { ...node, $ref: `#/$defs/${nameFor(walk, reference, target)}` };
};

/** Whether the engine finds it under the name it was called by. */
function isAtHome(walk: Walk, reference: string): boolean {
  const [, container, name] = PLAIN.exec(reference) ?? [];
  if (container === undefined || name === undefined) return false;
  const definitions = walk.root[container];
  return walk.named.has(name) || (isObject(definitions) && Object.hasOwn(definitions, name));
}

/** What a local reference points at; null when that is nothing, or far away. */
export function lookUp(walk: Walk, reference: string): JsonObject | null {
  const known = walk.targets.get(reference);
  if (known !== undefined) return known;
  const target = pointedAt(walk.root, reference);
  walk.targets.set(reference, target);
  return target;
}

/** The name of a schema under `$defs`: a new one the first time. `key` is how it was referred to. */
export function nameFor(walk: Walk, key: string, target: JsonObject): string {
  const known = walk.names.get(key);
  if (known) return known;
  const taken = isObject(walk.root.$defs) ? walk.root.$defs : {};
  let number = walk.names.size + 1;
  while (Object.hasOwn(taken, `schema-${number}`)) number += 1;
  const name = `schema-${number}`;
  walk.names.set(key, name);
  walk.named.set(name, target);
  walk.targets.set(`#/$defs/${name}`, target);
  return name;
}

/** As `lookUp`, without a walk that remembers. */
export function pointedAt(root: JsonObject, reference: string): JsonObject | null {
  if (reference === '#' || reference === '#/') return root;
  if (!reference.startsWith('#/')) return byName(root, reference.replace(/^#/, ''));
  const steps = reference.slice(2).split('/').map(unescaped);
  let at: unknown = root;
  for (const step of steps) {
    if (Array.isArray(at)) at = at[Number(step)];
    else at = isObject(at) && Object.hasOwn(at, step) ? at[step] : null;
  }
  if (isObject(at)) return at;
  const [container, name] = steps;
  // Generators that nest schemas leave their definitions where they were.
  const isDefinition = steps.length === 2 && (container === '$defs' || container === 'definitions');
  return isDefinition ? (nestedDefinitions(root).get(`${container}/${name}`) ?? null) : null;
}

function unescaped(step: string): string {
  let text = step;
  try {
    text = decodeURIComponent(step);
  } catch {
    // A lone percent sign is part of the name.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** A definition by its `$anchor` or `$id`, or by nothing but its name, as some generators write it. */
function byName(root: JsonObject, name: string): JsonObject | null {
  for (const definitions of [root.$defs, root.definitions]) {
    if (!isObject(definitions)) continue;
    for (const [key, value] of Object.entries(definitions)) {
      if (isObject(value) && (key === name || value.$anchor === name || value.$id === name || value.$id === `#${name}`))
        return value;
    }
  }
  return null;
}

/** Found once for each schema: one with thousands of references that lead nowhere would be searched for each. */
const nested = new WeakMap<JsonObject, ReadonlyMap<string, JsonObject>>();

/** All definitions at any depth, by container and name; of two with one name, the first. */
function nestedDefinitions(root: JsonObject): ReadonlyMap<string, JsonObject> {
  const known = nested.get(root);
  if (known) return known;
  const found = new Map<string, JsonObject>();
  gather(root, found, 0);
  nested.set(root, found);
  return found;
}

function gather(node: unknown, found: Map<string, JsonObject>, depth: number): void {
  if (depth > DEPTH_MAX || typeof node !== 'object' || node === null) return;
  for (const container of ['$defs', 'definitions']) {
    const definitions = isObject(node) ? node[container] : null;
    for (const [name, value] of Object.entries(isObject(definitions) ? definitions : {})) {
      const key = `${container}/${name}`;
      if (isObject(value) && !found.has(key)) found.set(key, value);
    }
  }
  for (const value of Object.values(node)) gather(value, found, depth + 1);
}

/** Whether following it leads back to itself before anything has been written: no grammar can begin like that. */
function comesBack(walk: Walk, target: JsonObject, reference: string): boolean {
  const seen = new Set<string>([reference]);
  const visit = (node: unknown, depth: number): boolean => {
    if (!isObject(node) || depth > DEPTH_MAX) return false;
    // What cannot be looked through is not trusted.
    if (!spend(walk, 1)) return true;
    const { $ref: next, anyOf, oneOf, allOf } = node;
    if (typeof next === 'string') {
      if (next === reference) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return visit(lookUp(walk, next), depth + 1);
    }
    return [anyOf, oneOf, allOf].some((list) => Array.isArray(list) && list.some((each) => visit(each, depth + 1)));
  };
  return visit(target, 0);
}
