/** When an idle model unloads by itself. Pure. */
import type { ModelConfig } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { KeepAlive } from './lease.ts';

/**
 * How long a model stays loaded without requests, in ms; null = for ever. A pin wins over all, then what a request
 * asked for this time (`keep`), then the switch, the model's own choice, and the global one.
 */
export function cooldownMs(config: ModelConfig, settings: Settings, keep: KeepAlive): number | null {
  if (config.is_pinned || keep === 'forever') return null;
  if (keep !== 'default') return keep * 1000;
  if (!settings.jit_cooldown_enabled) return null;
  const seconds = config.cooldown_s ?? settings.jit_cooldown_seconds;
  return seconds === 0 ? null : seconds * 1000;
}
