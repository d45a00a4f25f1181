/** Bounds of lengths, counts and whole numbers as llama.cpp's grammar can take them. */
import { isObject, type JsonObject } from '#src/json.ts';
import { grammarPattern } from './grammar-pattern.ts';
import { type Rule, relaxed, telling, without } from './walk.ts';

/** From 2,000 copies on (MAX_REPETITION_THRESHOLD) a grammar is refused; a list has one more for its commas. */
const COUNT_MAX = 1_998;
/** Every whole number up to here is exact; beyond, the engine's 64 bits overflow and its grammar never ends. */
const WHOLE_MAX = Number.MAX_SAFE_INTEGER;
/** A bound alone on one side must have fewer digits than the sixteen that the engine counts down from. */
const LONE_MAX = 1e14;

const COUNTS = [
  { least: 'minLength', most: 'maxLength', unit: 'characters' },
  { least: 'minItems', most: 'maxItems', unit: 'items' },
] as const;

/** `maxLength: 100000` unfolds to as many rules; a least above the most sends the engine into an endless loop. */
export const counts: Rule = (walk, node, path) => {
  let result = node;
  const drop = (key: string, words: string) => {
    const hadNumber = typeof node[key] === 'number';
    relaxed(walk, path, key);
    result = without(result, key);
    if (hadNumber) result = telling(result, `${words} ${node[key]}`);
  };
  for (const { least, most, unit } of COUNTS) {
    const [min, max] = [node[least], node[most]];
    const isContrary = typeof min === 'number' && typeof max === 'number' && min > max;
    if (min !== undefined && (isContrary || !isCount(min))) drop(least, `${unit}, at least:`);
    if (max !== undefined && (isContrary || !isCount(max))) drop(most, `${unit}, at most:`);
  }
  return result;
};

const WHOLE_BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;

/** Only whole numbers have their bounds in the grammar; those of other numbers are not read at all. */
export const wholeBounds: Rule = (walk, node, path) => {
  const { type } = node;
  if (type !== 'integer' && !(Array.isArray(type) && type.includes('integer'))) return node;
  let result = node;
  for (const key of WHOLE_BOUNDS) {
    if (node[key] === undefined || isWholeBound(node, key)) continue;
    relaxed(walk, path, key);
    result = without(result, key);
    if (typeof node[key] === 'number') result = telling(result, `${key}: ${node[key]}`);
  }
  return result;
};

/** A regular expression in the engine's spelling, or left to the description. */
export const patterns: Rule = (walk, node, path) => {
  const { pattern } = node;
  if (pattern === undefined) return node;
  const spelled = typeof pattern === 'string' ? grammarPattern(pattern) : null;
  if (spelled === pattern) return node;
  if (spelled !== null) return { ...node, pattern: spelled };
  relaxed(walk, path, 'pattern');
  const rest = without(node, 'pattern');
  return typeof pattern === 'string' ? telling(rest, `pattern: ${pattern}`) : rest;
};

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_MAX;
}

function isWholeBound(node: JsonObject, key: (typeof WHOLE_BOUNDS)[number]): boolean {
  const bound = node[key];
  if (typeof bound !== 'number' || Math.abs(bound) > WHOLE_MAX) return false;
  // The engine cuts fractions off before it adds or takes one.
  if (key.startsWith('exclusive') && !Number.isInteger(bound)) return false;
  const [least, most] = [node.minimum ?? node.exclusiveMinimum, node.maximum ?? node.exclusiveMaximum];
  if (typeof least === 'number' && typeof most === 'number') return least <= most;
  return key.toLowerCase().endsWith('minimum') ? bound <= LONE_MAX : bound >= -LONE_MAX;
}

/** Whether a `$ref` is in it at any depth; the engine follows them even in a `default`. */
export function mentionsReference(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(mentionsReference);
  if (!isObject(value)) return false;
  return '$ref' in value || Object.values(value).some(mentionsReference);
}
