/** Values of settings as text in a form and as words for people, and back. Pure. */
import type { TSchema } from '@sinclair/typebox';
import { type JsonObject, numberOrNull } from '#src/json.ts';
import { type SettingName, Settings } from '#src/settings/settings.ts';
import { choices } from '#src/settings/validation.ts';

/** How a setting is filled in. */
export type FieldKind = 'switch' | 'number' | 'choice' | 'list' | 'text';

/** The kind of input that a setting's schema asks for. */
export function kindOf(name: SettingName): FieldKind {
  const schema: TSchema = Settings.properties[name];
  switch (schema.type) {
    case 'boolean':
      return 'switch';
    case 'integer':
    case 'number':
      return 'number';
    case 'array':
      return 'list';
    default:
      return choices(schema).length > 0 ? 'choice' : 'text';
  }
}

/** A value as a form holds it: `on` and `off`, one line for each entry of a list. */
export function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.map(String).join('\n');
  return value === undefined || value === null ? '' : String(value);
}

/** What a form holds, as a value for the schema to judge; a text that is no number stays text, so that it is named. */
export function valueFrom(name: SettingName, text: string): unknown {
  switch (kindOf(name)) {
    case 'switch':
      return text === 'on';
    case 'number':
      return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
    case 'list':
      return linesOf(text);
    case 'text':
      return text.trim();
    case 'choice':
      return text;
  }
}

/** A value in words. */
export function wordsOf(value: unknown, unit: string | undefined): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).join(', ');
  if (typeof value === 'number') return unit === undefined ? String(value) : `${value} ${unit}`;
  return value === '' ? 'empty' : textOf(value);
}

/** The bounds of a number; null where there is none. */
export function boundsOf(name: SettingName): { min: number | null; max: number | null; isWhole: boolean } {
  const rule: JsonObject = Settings.properties[name];
  return { min: numberOrNull(rule.minimum), max: numberOrNull(rule.maximum), isWhole: rule.type === 'integer' };
}

function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
