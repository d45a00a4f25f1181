/** Checks values against the settings' schema, in words for the user. Pure. */
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type JsonObject, numberOrNull, stringOrNull } from '#src/json.ts';
import { type SettingName, Settings } from './settings.ts';

/** All names, in the order of the schema. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(Settings.properties).filter(isSettingName);

/** Whether there is a setting of this name. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(Settings.properties, name);
}

/** What is wrong with a value, as a sentence that names the setting and its bounds; null when it is right. */
export function settingProblem(name: SettingName, value: unknown): string | null {
  const schema: TSchema = Settings.properties[name];
  if (Value.Check(schema, value)) return null;
  return `${name} must be ${wanted(schema)}; it was ${shown(value)}.`;
}

/** What a schema takes, for example `a whole number from 1 to 65535`. */
export function wanted(schema: TSchema): string {
  const rule: JsonObject = schema;
  switch (rule.type) {
    case 'integer':
      return `a whole number${bounds(rule)}`;
    case 'number':
      return `a number${bounds(rule)}`;
    case 'boolean':
      return 'true or false';
    case 'string':
      if (rule.pattern !== undefined) return `text like ${JSON.stringify(rule.default)}`;
      return `text of ${numberOrNull(rule.minLength) ?? 0} to ${numberOrNull(rule.maxLength) ?? 'any number of'} characters`;
    case 'array':
      return `a list of at most ${numberOrNull(rule.maxItems) ?? 'any number of'} texts`;
    default:
      return `one of ${choices(schema).join(', ')}`;
  }
}

/** The values of a schema that is a choice; empty for any other. */
export function choices(schema: TSchema): readonly string[] {
  const options: unknown = schema.anyOf;
  if (!Array.isArray(options)) return [];
  return options.flatMap((option: JsonObject) => stringOrNull(option.const) ?? []);
}

function bounds({ minimum, maximum }: JsonObject): string {
  return ` from ${numberOrNull(minimum) ?? '-∞'} to ${numberOrNull(maximum) ?? '∞'}`;
}

/** Long values are cut: a message is read by people. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
