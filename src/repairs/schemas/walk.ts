/** What the rules of relaxing share: one walk through one schema. */
import { isObject, type JsonObject } from '#src/json.ts';

/** One walk through one schema. */
export type Walk = {
  /** The schema as it came: references are looked up in it. */
  readonly root: JsonObject;
  /** `path: what`, in the order found; never more than RELAXATIONS_MAX. */
  readonly relaxations: string[];
  /** Schemas that must get a name, because the engine cannot find them where they are: name → the original. */
  readonly named: Map<string, JsonObject>;
  /** The names given, by the reference as it was written, or by the text of the schema that got one. */
  readonly names: Map<string, string>;
  /** What references were found to point at. */
  readonly targets: Map<string, JsonObject | null>;
  /** Schemas that were put together, by the text of what they were put together from. */
  readonly combined: Map<string, JsonObject>;
  /** Steps of what can take longer than the schema is long: putting together, and looking for circles. */
  steps: number;
};

/** A rule takes a schema and gives it back as the engine takes it: the same object when there is nothing to do. */
export type Rule = (walk: Walk, node: JsonObject, path: string) => JsonObject;

/** Any value at all: the engine takes `{}` for "an object", and `true` not at all. */
export const ANY: JsonObject = { description: 'Any value.' };

const RELAXATIONS_MAX = 50;
/** Some ten milliseconds. Definitions that each hold all others would take the cube of their number. */
const STEPS_MAX = 50_000;

/** A new walk. */
export function walkThrough(root: JsonObject): Walk {
  return {
    root,
    relaxations: [],
    named: new Map(),
    names: new Map(),
    targets: new Map(),
    combined: new Map(),
    steps: 0,
  };
}

/** Takes so many steps; false when there are none left. */
export function spend(walk: Walk, steps: number): boolean {
  walk.steps += steps;
  return walk.steps <= STEPS_MAX;
}

/** Notes what was relaxed, for the header. */
export function relaxed(walk: Walk, path: string, what: string): void {
  const entry = path === '' ? what : `${path}: ${what}`;
  if (walk.relaxations.length < RELAXATIONS_MAX && !walk.relaxations.includes(entry)) walk.relaxations.push(entry);
}

/** A schema without some keywords. */
export function without(node: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(node).filter(([key]) => !keys.includes(key)));
}

/** A schema whose description says what its keywords no longer do, so that the model still reads it. */
export function telling(node: JsonObject, what: string): JsonObject {
  const { description } = node;
  return { ...node, description: typeof description === 'string' ? `${description} (${what})` : `(${what})` };
}

/** The schemas of an object's properties; empty when there are none. */
export function propertiesOf(node: JsonObject): JsonObject {
  return isObject(node.properties) ? node.properties : {};
}

/** The path of a part, for people: `edits[].path`. */
export function under(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
