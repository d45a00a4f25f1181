/** The settings of a Flow that nobody has configured. */
import { Value } from '@sinclair/typebox/value';
import { Settings } from '#src/settings/settings.ts';

export function sampleSettings(parts: Partial<Settings> = {}): Settings {
  const defaults = Value.Default(Settings, { models_dir: '/models', ...parts });
  if (!Value.Check(Settings, defaults))
    throw new Error('The defaults of the settings do not satisfy their own schema.');
  return Object.freeze(defaults);
}
