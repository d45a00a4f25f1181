/**
 * Whether a value is what a JSON schema says. Keywords that are not known say nothing, and neither do `format`s.
 * Pure, and bounded whatever the schema is: it came from a client.
 */
import { isObject, type JsonObject } from '#src/json.ts';
import { matches } from './bounded-pattern.ts';
import { pointedAt } from './references.ts';

/** One way in which a value is not what it should be. */
export type Violation = {
  /** Where: `edits[0].path`; empty for the whole. */
  readonly path: string;
  /** What belongs there, in words: `a whole number`. */
  readonly expected: string;
  /** What is there, shortened. */
  readonly found: string;
};

const VIOLATIONS_MAX = 10;
const STEPS_MAX = 50_000;
const DEPTH_MAX = 200;
const FOUND_CHARACTERS_MAX = 80;

type Check = { readonly root: JsonObject; steps: number; violations: Violation[] };

/** What is wrong with the value; empty when nothing is. At most ten violations, in the order of the value. */
export function validate(schema: unknown, value: unknown): readonly Violation[] {
  const check: Check = { root: isObject(schema) ? schema : {}, steps: 0, violations: [] };
  examine(check, schema, value, '', 0);
  return check.violations.slice(0, VIOLATIONS_MAX);
}

/** A violation as a clause: `edits[0].path should be a string, not 5`. */
export function violationText({ path, expected, found }: Violation): string {
  return `${path === '' ? 'The whole' : `\`${path}\``} should be ${expected}, not ${found}`;
}

function examine(check: Check, schema: unknown, value: unknown, path: string, depth: number): void {
  check.steps += 1;
  if (check.steps > STEPS_MAX || depth > DEPTH_MAX || check.violations.length >= VIOLATIONS_MAX) return;
  if (schema === false) {
    fail(check, path, 'absent', value);
    return;
  }
  if (!isObject(schema)) return;
  if (typeof schema.$ref === 'string') {
    const target = pointedAt(check.root, schema.$ref);
    if (target && target !== schema) examine(check, target, value, path, depth + 1);
  }
  if (!hasType(schema.type, value)) {
    fail(check, path, typeWords(schema.type), value);
    return;
  }
  checkChoice(check, schema, value, path);
  checkCombined(check, schema, value, path, depth);
  if (typeof value === 'string') checkText(check, schema, value, path);
  else if (typeof value === 'number') checkNumber(check, schema, value, path);
  else if (Array.isArray(value)) checkList(check, schema, value, path, depth);
  else if (isObject(value)) checkObject(check, schema, value, path, depth);
}

function fail(check: Check, path: string, expected: string, value: unknown): void {
  const text = value === undefined ? 'missing' : JSON.stringify(value);
  const found = text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}…` : text;
  check.violations.push({ path, expected, found });
}

/** Whether a part would fit, without saying why not. */
function fits(check: Check, schema: unknown, value: unknown, depth: number): boolean {
  const inner: Check = { root: check.root, steps: check.steps, violations: [] };
  examine(inner, schema, value, '', depth + 1);
  check.steps = inner.steps;
  return inner.violations.length === 0;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
  object: 'an object',
  array: 'a list',
};

function typeWords(type: unknown): string {
  const names: readonly unknown[] = Array.isArray(type) ? type : [type];
  return names.map((name) => (typeof name === 'string' && TYPE_WORDS[name]) || String(name)).join(' or ');
}

function hasType(type: unknown, value: unknown): boolean {
  if (Array.isArray(type)) return type.length === 0 || type.some((each) => hasType(each, value));
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'number':
      return typeof value === 'number';
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value);
    case 'null':
      return value === null;
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    default:
      // `any`, `file`, `STRING` … are no types of JSON Schema.
      return true;
  }
}

function checkChoice(check: Check, schema: JsonObject, value: unknown, path: string): void {
  if (Array.isArray(schema.enum) && schema.enum.length > 0 && !schema.enum.some((each) => isSame(each, value))) {
    fail(check, path, `one of ${JSON.stringify(schema.enum).slice(0, 200)}`, value);
  }
  if ('const' in schema && !isSame(schema.const, value)) fail(check, path, JSON.stringify(schema.const), value);
}

function isSame(one: unknown, other: unknown): boolean {
  return Bun.deepEquals(one, other, true);
}

function checkCombined(check: Check, schema: JsonObject, value: unknown, path: string, depth: number): void {
  const { allOf, anyOf, oneOf, not } = schema;
  if (Array.isArray(allOf)) for (const part of allOf) examine(check, part, value, path, depth + 1);
  if (Array.isArray(anyOf) && anyOf.length > 0) checkAlternatives(check, anyOf, value, path, depth);
  if (Array.isArray(oneOf) && oneOf.length > 0) {
    const count = oneOf.filter((part) => fits(check, part, value, depth)).length;
    if (count === 0) checkAlternatives(check, oneOf, value, path, depth);
    else if (count > 1) fail(check, path, 'of one of the kinds only', value);
  }
  if (not !== undefined && fits(check, not, value, depth)) fail(check, path, 'something else', value);
  if (schema.if !== undefined) {
    const branch = fits(check, schema.if, value, depth) ? schema.then : schema.else;
    if (branch !== undefined) examine(check, branch, value, path, depth + 1);
  }
}

/** Says what is wrong with the alternative that the value comes nearest to: the one with the right type. */
function checkAlternatives(check: Check, parts: readonly unknown[], value: unknown, path: string, depth: number): void {
  if (parts.some((part) => fits(check, part, value, depth))) return;
  const near = parts.filter((part) => !isObject(part) || hasType(part.type, value));
  const [only] = near;
  if (near.length === 1) examine(check, only, value, path, depth + 1);
  else
    fail(check, path, near.length === 0 ? alternativeWords(parts) : 'of one of the kinds that the schema lists', value);
}

function alternativeWords(parts: readonly unknown[]): string {
  return [...new Set(parts.map((part) => typeWords(isObject(part) ? part.type : part)))].join(' or ');
}

function checkText(check: Check, schema: JsonObject, value: string, path: string): void {
  const { minLength, maxLength, pattern } = schema;
  // Characters as people count them are code points; counting is only needed near the bounds.
  const length = () => [...value].length;
  if (typeof minLength === 'number' && length() < minLength)
    fail(check, path, `at least ${minLength} characters long`, value);
  if (typeof maxLength === 'number' && value.length > maxLength && length() > maxLength) {
    fail(check, path, `at most ${maxLength} characters long`, value);
  }
  if (typeof pattern === 'string' && matches(pattern, value) === false) {
    fail(check, path, `a text that matches ${pattern.slice(0, 200)}`, value);
  }
}

function checkNumber(check: Check, schema: JsonObject, value: number, path: string): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const isAbove = exclusiveMinimum === true;
  const isBelow = exclusiveMaximum === true;
  if (typeof minimum === 'number' && (isAbove ? value <= minimum : value < minimum)) {
    fail(check, path, isAbove ? `above ${minimum}` : `at least ${minimum}`, value);
  }
  if (typeof maximum === 'number' && (isBelow ? value >= maximum : value > maximum)) {
    fail(check, path, isBelow ? `below ${maximum}` : `at most ${maximum}`, value);
  }
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum)
    fail(check, path, `above ${exclusiveMinimum}`, value);
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum)
    fail(check, path, `below ${exclusiveMaximum}`, value);
  if (typeof multipleOf === 'number' && multipleOf > 0 && !isMultiple(value, multipleOf)) {
    fail(check, path, `a multiple of ${multipleOf}`, value);
  }
}

/** 0.3 is a multiple of 0.1, though floating point divides it into 2.9999999999999996. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return !Number.isFinite(times) || Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times));
}

function checkList(check: Check, schema: JsonObject, list: readonly unknown[], path: string, depth: number): void {
  const { minItems, maxItems, uniqueItems, contains } = schema;
  if (typeof minItems === 'number' && list.length < minItems) fail(check, path, `a list of at least ${minItems}`, list);
  if (typeof maxItems === 'number' && list.length > maxItems) fail(check, path, `a list of at most ${maxItems}`, list);
  if (uniqueItems === true && new Set(list.map((each) => JSON.stringify(each))).size < list.length) {
    fail(check, path, 'a list without repetition', list);
  }
  // Before 2020, a tuple stood in `items`, and what follows it in `additionalItems`.
  const tuple: unknown = Array.isArray(schema.items) ? schema.items : schema.prefixItems;
  const first: readonly unknown[] = Array.isArray(tuple) ? tuple : [];
  const rest: unknown = Array.isArray(schema.items) ? schema.additionalItems : schema.items;
  for (const [at, each] of list.entries()) {
    const part = at < first.length ? first[at] : rest;
    if (part !== undefined) examine(check, part, each, `${path}[${at}]`, depth + 1);
  }
  if (contains !== undefined && schema.minContains !== 0 && !list.some((each) => fits(check, contains, each, depth))) {
    fail(check, path, 'a list that contains what the schema asks for', list);
  }
}

function checkObject(check: Check, schema: JsonObject, value: JsonObject, path: string, depth: number): void {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const byPattern = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {});
  const { minProperties, maxProperties, additionalProperties, propertyNames } = schema;
  const names = Object.keys(value);
  checkRequired(check, schema, value, path);
  if (typeof minProperties === 'number' && names.length < minProperties)
    fail(check, path, `an object with at least ${minProperties} entries`, value);
  if (typeof maxProperties === 'number' && names.length > maxProperties)
    fail(check, path, `an object with at most ${maxProperties} entries`, value);
  for (const name of names) {
    check.steps += 1 + byPattern.length;
    if (check.steps > STEPS_MAX) return;
    const inner = path === '' ? name : `${path}.${name}`;
    const parts = byPattern.filter(([pattern]) => matches(pattern, name) !== false).map(([, part]) => part);
    if (Object.hasOwn(properties, name)) parts.push(properties[name]);
    if (parts.length === 0 && additionalProperties !== undefined) parts.push(additionalProperties);
    for (const part of parts) examine(check, part, value[name], inner, depth + 1);
    if (propertyNames !== undefined && !fits(check, propertyNames, name, depth))
      fail(check, inner, 'another name', name);
  }
  const dependent = isObject(schema.dependentSchemas) ? schema.dependentSchemas : {};
  for (const [name, part] of Object.entries(dependent)) {
    if (Object.hasOwn(value, name)) examine(check, part, value, path, depth + 1);
  }
}

function checkRequired(check: Check, schema: JsonObject, value: JsonObject, path: string): void {
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  const dependent = isObject(schema.dependentRequired) ? schema.dependentRequired : {};
  const needed = Object.entries(dependent).flatMap(([name, names]) =>
    Object.hasOwn(value, name) && Array.isArray(names) ? names : [],
  );
  for (const name of [...required, ...needed]) {
    if (typeof name !== 'string' || Object.hasOwn(value, name)) continue;
    fail(check, path === '' ? name : `${path}.${name}`, 'given', undefined);
  }
}
