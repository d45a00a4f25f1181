/** When an idle model unloads by itself. Pure. */
import type { ModelConfig } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';

/**
 * How long a model stays loaded without requests, in ms; null = for ever. The model's own choice wins over the global
 * one; pin and switch win over both.
 */
export function cooldownMs(config: ModelConfig, settings: Settings): number | null {
  if (config.is_pinned || !settings.jit_cooldown_enabled) return null;
  const seconds = config.cooldown_s ?? settings.jit_cooldown_seconds;
  return seconds === 0 ? null : seconds * 1000;
}
