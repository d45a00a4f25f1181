/** Settings as a file to take along, and what such a file says. Keys and tokens are no settings, so none is in it. */
import { Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { SettingsFile } from '#src/settings/store.ts';
import { SETTING_NAMES } from '#src/settings/validation.ts';

/** What was saved here; what this run has from its command line or environment stays with this run. */
export function exported(settings: Pick<SettingsFile, 'current' | 'origin'>, version: string): JsonObject {
  const saved = SETTING_NAMES.filter((name) => settings.origin(name) === 'file');
  return { flow: version, settings: Object.fromEntries(saved.map((name) => [name, settings.current[name]])) };
}

/** The settings in a text: an export, or the bare content of a `settings.json`. Throws Fault('invalid-request'). */
export function imported(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const reason = cause instanceof Error ? ` (${cause.message})` : '';
    throw new Fault('invalid-request', `That is not JSON${reason}.`, { cause });
  }
  const settings = isObject(value) && isObject(value.settings) ? value.settings : value;
  if (!isObject(settings)) throw new Fault('invalid-request', 'That holds no settings.');
  return settings;
}
