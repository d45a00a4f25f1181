/** Schemas as they are published: what only Elysia or TypeBox needs is left out. Pure. */
import { isObject, type JsonObject } from '#src/json.ts';
import { schemaOf } from './shape.ts';

/** A shape, or the schema that a route checks, as JSON Schema. */
export function published(shape: string | JsonObject): JsonObject {
  return typeof shape === 'string' ? schemaOf(shape) : plainSchema(shape);
}

/**
 * A TypeBox schema as JSON Schema: choices of one value become an `enum`, and a number that may come as text (as in a
 * query) a number.
 */
export function plainSchema(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  const own = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, plainPart(name, value)]));
  if (!Array.isArray(anyOf)) return own;
  const options = anyOf.filter(isObject);
  if (options.some((option) => option.format === 'numeric')) {
    return { ...own, ...plainSchema(options.find((option) => option.format !== 'numeric') ?? {}) };
  }
  const words = options.flatMap((option) => (typeof option.const === 'string' ? [option.const] : []));
  if (words.length === options.length) return { ...own, type: 'string', enum: words };
  return { ...own, anyOf: options.map(plainSchema) };
}

function plainPart(name: string, value: unknown): unknown {
  if (name === 'properties' || name === 'patternProperties') {
    const schemas = isObject(value) ? Object.entries(value) : [];
    return Object.fromEntries(schemas.map(([key, schema]) => [key, isObject(schema) ? plainSchema(schema) : schema]));
  }
  if (name === 'items' || name === 'additionalProperties') return isObject(value) ? plainSchema(value) : value;
  return value;
}
