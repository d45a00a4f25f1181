/** JSON values, and the few checks that reading unknown JSON needs. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: unknown };

/** Whether a value is a JSON object (not null, not an array). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value of a text in JSON; null when it is no JSON. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The JSON object that a text is; null when it is anything else. */
export function objectOrNull(text: string): JsonObject | null {
  const value = jsonOrNull(text);
  return isObject(value) ? value : null;
}

/** A text in JSON as a person reads it, on many lines; what is no JSON stays as it is. */
export function indentedJson(text: string): string {
  const value = jsonOrNull(text);
  return value === null ? text : JSON.stringify(value, null, 2);
}

/** The string, or null when it is anything else. */
export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The finite number, or null when it is anything else. */
export function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Whether a value says anything: null is how several clients write "your default". */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
