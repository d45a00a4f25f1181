/**
 * What is to change in a configuration, said without regard to how the file is written. The editors of the formats
 * (`jsonc.ts`, `toml.ts`, `yaml.ts`) perform it on the text; here it is performed on the parsed value, which is what
 * the edited text must then turn out to say.
 */
import { isObject, type Json, type JsonObject } from '#src/json.ts';

/** One step into a document: a key of a mapping, or the entry of a list whose field `where` is the text `is`. */
export type Step = string | { readonly where: string; readonly is: string };

/** The value that a place shall have. With `isDefault` it is set only where nothing stands yet. */
export type Change = {
  readonly at: readonly Step[];
  readonly value: Json;
  readonly isDefault?: boolean;
};

/** What changes hands on the way back: a value to put again, or `undefined` for a place that was not there. */
export type Restoration = { readonly at: readonly Step[]; readonly value: unknown };

/** Changes for all the leaves of `value` under `at`, so that what somebody added beside them stays. */
export function changesOf(at: readonly Step[], value: JsonObject): Change[] {
  return Object.entries(value).flatMap(([key, child]) =>
    isObject(child) ? changesOf([...at, key], child) : [{ at: [...at, key], value: jsonOf(child) }],
  );
}

/** A value that was read as JSON, as such; what is none becomes null. */
export function jsonOf(value: unknown): Json {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return value;
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  return isObject(value) ? value : null;
}

/** What stands at a place; `undefined` for nothing. */
export function valueAt(root: unknown, at: readonly Step[]): unknown {
  return at.reduce<unknown>((value, step) => childOf(value, step), root);
}

function childOf(value: unknown, step: Step): unknown {
  if (typeof step === 'string') return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  return Array.isArray(value) ? value[entryIndex(value, step)] : undefined;
}

/** The place of the entry that a step means; -1 for none. */
export function entryIndex(list: readonly unknown[], step: Exclude<Step, string>): number {
  return list.findIndex((entry) => isObject(entry) && entry[step.where] === step.is);
}

/** The document with one value set; missing mappings and entries on the way are made. */
export function withValue(root: unknown, at: readonly Step[], value: unknown): unknown {
  const [step, ...rest] = at;
  if (step === undefined) return value;
  const child = withValue(childOf(root, step), rest, value);
  if (typeof step === 'string') return { ...(isObject(root) ? root : {}), [step]: child };
  const list: readonly unknown[] = Array.isArray(root) ? root : [];
  const index = entryIndex(list, step);
  const entry = isObject(child) ? { [step.where]: step.is, ...child } : child;
  return index < 0 ? [...list, entry] : list.map((old, place) => (place === index ? entry : old));
}

/** The document without what stands at a place. */
export function withoutValue(root: unknown, at: readonly Step[]): unknown {
  const [step, ...rest] = at;
  if (step === undefined || childOf(root, step) === undefined) return root;
  if (typeof step === 'string') {
    if (!isObject(root)) return root;
    if (rest.length > 0) return { ...root, [step]: withoutValue(root[step], rest) };
    return Object.fromEntries(Object.entries(root).filter(([key]) => key !== step));
  }
  if (!Array.isArray(root)) return root;
  const index = entryIndex(root, step);
  if (rest.length === 0) return root.filter((_, place) => place !== index);
  return root.map((entry, place) => (place === index ? withoutValue(entry, rest) : entry));
}

/** Whether two parsed values say the same. The order of keys says nothing. */
export function isSame(one: unknown, other: unknown): boolean {
  return Bun.deepEquals(one, other, true);
}

/** A step as people write it. */
export function pathText(at: readonly Step[]): string {
  return at.map((step) => (typeof step === 'string' ? step : `[${step.where}=${step.is}]`)).join('.');
}

/** The value with all that its way still lacks round it: mappings, and entries with the field they are known by. */
export function nested(rest: readonly Step[], value: Json): Json {
  const [step, ...further] = rest;
  if (step === undefined) return value;
  const inner = nested(further, value);
  if (typeof step === 'string') return { [step]: inner };
  return [isObject(inner) ? { [step.where]: step.is, ...inner } : inner];
}
