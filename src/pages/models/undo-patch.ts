/** What takes a change of a model's settings back. Pure. */
import { isObject, type JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';

/**
 * The patch (JSON Merge Patch, RFC 7396) that makes `after` to `before` again; null when they are the same. Only what
 * differs is in it, so that what others change meanwhile stays.
 */
export function undoPatch(before: Model, after: Model): JsonObject | null {
  const patch = inverse(settingsOf(before), settingsOf(after));
  return Object.keys(patch).length === 0 ? null : patch;
}

function settingsOf({ config, aliases }: Model): JsonObject {
  return { ...config, aliases };
}

function inverse(before: JsonObject, after: JsonObject): JsonObject {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const entries = [...names].flatMap((name): (readonly [string, unknown])[] => {
    const [was, is] = [before[name], after[name]];
    if (Bun.deepEquals(was, is)) return [];
    if (was === undefined) return [[name, null]];
    return [[name, isObject(was) && isObject(is) ? inverse(was, is) : was]];
  });
  return Object.fromEntries(entries);
}
