/** JSON Schema in words that people read: types as TypeScript writes them, bounds as a note. Pure. */
import { COMPONENTS } from '#src/api-description/shape.ts';
import { isObject, type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import type { FieldData } from '#views/api/operation.tsx';

const WORDS_MAX = 12;

/** The type, for example `{ id: string, size?: number }[]`. */
export function shapeWords(schema: unknown): string {
  if (!isObject(schema)) return 'unknown';
  if (typeof schema.$ref === 'string') return schema.$ref.slice(COMPONENTS.length);
  if (Array.isArray(schema.enum)) return choices(schema.enum);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.anyOf)) return [...new Set(schema.anyOf.map(shapeWords))].join(' | ');
  if (Array.isArray(schema.type)) return schema.type.join(' | ');
  switch (schema.type) {
    case 'array':
      return listWords(shapeWords(schema.items));
    case 'object':
      return objectWords(schema);
    default:
      return stringOrNull(schema.type) ?? 'unknown';
  }
}

/** The fields of an object, or the one nameless value that anything else is. */
export function fieldsOf(schema: JsonObject): readonly FieldData[] {
  if (!isObject(schema.properties)) return [];
  const required: readonly unknown[] = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties).map(([name, field]) => ({
    name,
    isRequired: required.includes(name),
    shape: shapeWords(field),
    note: isObject(field) ? noteOf(field) : '',
  }));
}

/** What a schema says beyond its type. */
export function noteOf(schema: JsonObject): string {
  const { minimum, maximum, minLength, maxLength, maxItems, pattern, description } = schema;
  const bounds = [
    between(numberOrNull(minimum), numberOrNull(maximum), ''),
    between(numberOrNull(minLength) || null, numberOrNull(maxLength), ' characters'),
    between(null, numberOrNull(maxItems), ' items'),
    typeof pattern === 'string' ? `like ${pattern}` : '',
  ];
  const said = stringOrNull(description) ?? '';
  return [said, ...bounds].filter((part) => part !== '').join('; ');
}

function choices(words: readonly unknown[]): string {
  const shown = words.slice(0, WORDS_MAX).map((word) => JSON.stringify(word));
  return words.length > WORDS_MAX ? `${shown.join(' | ')} | …` : shown.join(' | ');
}

function listWords(item: string): string {
  return item.includes(' | ') && !item.startsWith('{') ? `(${item})[]` : `${item}[]`;
}

function objectWords({ properties, required, additionalProperties }: JsonObject): string {
  if (!isObject(properties))
    return isObject(additionalProperties) ? `{ [name]: ${shapeWords(additionalProperties)} }` : '{}';
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const fields = Object.entries(properties).map(([name, field]) => {
    return `${name}${needed.includes(name) ? '' : '?'}: ${shapeWords(field)}`;
  });
  return `{ ${fields.join(', ')} }`;
}

function between(least: number | null, most: number | null, unit: string): string {
  if (least === null && most === null) return '';
  if (least === null) return `at most ${most}${unit}`;
  return most === null ? `at least ${least}${unit}` : `${least} to ${most}${unit}`;
}
