/** Refusals of a body, naming the place that is wrong: `messages.3.content.0.type: …`. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';

/** A fault that names the place and what is expected there. */
export function invalid(path: string, expectation: string): Fault {
  return new Fault('invalid-request', `${path}: ${expectation}`, { details: { path } });
}

/** The string at this place. */
export function stringAt(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalid(path, 'a string is required');
  return value;
}

/** The string at this place, which must say something. */
export function nameAt(value: unknown, path: string): string {
  if (stringAt(value, path) === '') throw invalid(path, 'a string of at least one character is required');
  return stringAt(value, path);
}

/** The object at this place. */
export function objectAt(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw invalid(path, 'an object is required');
  return value;
}

/** The list at this place. */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(path, 'a list is required');
  return value;
}
