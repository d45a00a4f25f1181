/** `/api/settings`: the values for scripts, and with `?detail=1` all that a form needs. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Settings } from './settings.ts';
import type { SettingsFile } from './store.ts';
import { SETTING_NAMES } from './validation.ts';

export type SettingsRoutesParts = {
  readonly settings: Pick<SettingsFile, 'current' | 'origin' | 'defaultOf' | 'update' | 'refresh'>;
};

/** The seed's twelve come first, so that a person who looks finds what was always there. */
const SEED_NAMES: readonly (keyof Settings)[] = [
  'models_dir',
  'port',
  'default_ctx_size',
  'default_flash_attn',
  'default_cache_type_k',
  'default_cache_type_v',
  'default_gpu_layers',
  'default_n_parallel',
  'auto_update_backends',
  'jit_enabled',
  'jit_cooldown_enabled',
  'jit_cooldown_seconds',
];

export const settingsRoutes = ({ settings }: SettingsRoutesParts) =>
  new Elysia({ name: 'settings-routes' })
    .get(
      '/api/settings',
      async ({ query }) => {
        await settings.refresh();
        return query.detail ? detailed(settings) : inOrder(settings.current);
      },
      { ...access('read'), query: t.Object({ detail: t.Optional(t.String({ maxLength: 5 })) }) },
    )
    .put('/api/settings', async ({ body }) => saved(await settings.update(body)), access('manage'))
    .patch('/api/settings', async ({ body }) => saved(await settings.update(body)), access('manage'));

function saved(settings: Settings) {
  return { status: 'ok', settings: inOrder(settings) };
}

function inOrder(settings: Settings): Record<string, unknown> {
  const names = [...SEED_NAMES, ...SETTING_NAMES.filter((name) => !SEED_NAMES.includes(name))];
  return Object.fromEntries(names.map((name) => [name, settings[name]]));
}

function detailed(settings: SettingsRoutesParts['settings']) {
  const fields = Object.keys(inOrder(settings.current)).flatMap((key) => SETTING_NAMES.filter((name) => name === key));
  return {
    settings: fields.map((name) => {
      const origin = settings.origin(name);
      return {
        name,
        value: settings.current[name],
        default: settings.defaultOf(name),
        origin,
        locked: origin === 'flag' || origin === 'environment',
        schema: Settings.properties[name],
      };
    }),
  };
}
