/** Changes to a model's configuration from outside: what may be in them, and what becomes of the whole. Pure. */
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { Behaviour } from './behaviour.ts';
import { editDistance } from './distance.ts';
import { choices, readOverrides } from './launch.ts';
import { LaunchOverrides, ModelConfig } from './model.ts';

/** Names of a behaviour's fields; people also write them beside the other parts of a configuration. */
export const BEHAVIOUR_FIELDS = Object.keys(Behaviour.properties);
const CONFIG_FIELDS = Object.keys(ModelConfig.properties);
const NAME_CHARACTERS_MAX = 60;

/** A configuration after a patch. Throws Fault('invalid-request') that names the first field that is wrong. */
export function configWith(config: ModelConfig, patch: unknown): ModelConfig {
  if (!isObject(patch)) throw new Fault('invalid-request', 'A configuration is a JSON object.');
  refuseUnknown(patch, CONFIG_FIELDS, '');
  const { launch, behaviour, ...rest } = patch;
  const patched: unknown = {
    ...config,
    ...rest,
    launch: launchWith(config.launch, launch),
    behaviour: behaviourWith(config.behaviour, behaviour),
  };
  return checked(ModelConfig, patched, '');
}

/** A behaviour after a patch: key by key, where null takes one away (as in JSON Merge Patch, RFC 7396). */
export function behaviourWith(behaviour: Behaviour, patch: unknown): Behaviour {
  if (patch === undefined) return behaviour;
  if (patch === null) return {};
  if (!isObject(patch)) throw new Fault('invalid-request', 'behaviour is a JSON object.');
  refuseUnknown(patch, BEHAVIOUR_FIELDS, 'behaviour.');
  return checked(Behaviour, withoutEmpty(mergePatch(behaviour, patch)), 'behaviour.');
}

/** Launch settings after a patch, field by field; null takes a field back to its default. */
export function launchWith(launch: LaunchOverrides, patch: unknown): LaunchOverrides {
  if (patch === undefined) return launch;
  if (!isObject(patch)) throw new Fault('invalid-request', 'launch is a JSON object of launch settings.');
  refuseUnknown(patch, Object.keys(LaunchOverrides.properties), 'launch.');
  return readOverrides(
    Object.fromEntries(Object.entries({ ...launch, ...patch }).filter(([, value]) => value !== null)),
  );
}

/**
 * The patch of a body in which a behaviour's fields stand beside the others: `{"temperature": 0.6}`. Where a field
 * stands in both places, the one that differs from the present value is meant, so that a configuration that was read
 * and changed in one place can be sent back whole. Throws Fault('invalid-request') when both differ.
 */
export function nestedPatch(body: JsonObject, present: Behaviour): JsonObject {
  const flat = Object.entries(body).filter(([name]) => BEHAVIOUR_FIELDS.includes(name));
  const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !BEHAVIOUR_FIELDS.includes(name)));
  refuseUnknown(rest, [...CONFIG_FIELDS, 'aliases'], '', [...CONFIG_FIELDS, 'aliases', ...BEHAVIOUR_FIELDS]);
  if (flat.length === 0) return rest;
  const nested = isObject(rest.behaviour) ? rest.behaviour : {};
  const now: JsonObject = present;
  const chosen = flat.filter(([name, value]) => {
    if (!Object.hasOwn(nested, name)) return true;
    const isFlatNew = !Bun.deepEquals(value ?? undefined, now[name]);
    const isNestedNew = !Bun.deepEquals(nested[name] ?? undefined, now[name]);
    if (isFlatNew && isNestedNew && !Bun.deepEquals(value, nested[name])) {
      throw new Fault('invalid-request', `${name} and behaviour.${name} say different things.`, {
        details: { field: name },
      });
    }
    return isFlatNew;
  });
  return { ...rest, behaviour: { ...nested, ...Object.fromEntries(chosen) } };
}

/** Throws Fault('invalid-request') for the first name that is none of those known, with the nearest of them. */
export function refuseUnknown(
  value: JsonObject,
  known: readonly string[],
  place: string,
  offered: readonly string[] = known,
): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const name = unknown.slice(0, NAME_CHARACTERS_MAX);
  const [nearest] = [...offered].sort((one, other) => distance(name, one) - distance(name, other));
  throw new Fault('invalid-request', `There is no field "${place}${name}"; the nearest is "${place}${nearest}".`, {
    details: { field: `${place}${name}`, nearest: nearest ?? null },
  });
}

/** A name that was only begun is nearer than any that is spelled otherwise. */
function distance(name: string, known: string): number {
  return known.startsWith(name) ? 0 : editDistance(name, known);
}

function mergePatch(target: unknown, patch: JsonObject): JsonObject {
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = isObject(value) ? mergePatch(merged[name], value) : value;
  }
  return merged;
}

/** What was emptied key by key is as if it had never been chosen. */
function withoutEmpty(behaviour: JsonObject): JsonObject {
  const isEmpty = (value: unknown): boolean =>
    (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(behaviour).filter(([, value]) => !isEmpty(value)));
}

/** Throws Fault('invalid-request') that names the place of the first thing that is wrong. */
function checked<Schema extends TSchema>(schema: Schema, value: unknown, place: string) {
  if (Value.Check(schema, value)) return value;
  const [wrong] = Value.Errors(schema, value);
  const field = `${place}${(wrong?.path ?? '').slice(1).replaceAll('/', '.')}`.slice(0, NAME_CHARACTERS_MAX);
  const reason = wrong ? wrong.message.toLowerCase() : 'expected something else';
  throw new Fault('invalid-request', `${field} is not as it must be: ${reason}${choices(wrong?.schema)}.`, {
    details: { field },
  });
}
