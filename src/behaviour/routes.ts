/** `/api/presets`: named choices of behaviour, for scripts and the dashboard. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { BEHAVIOUR_FIELDS, refuseUnknown } from '#src/models/config-patch.ts';
import { readLoadRequest } from '#src/models/launch.ts';
import type { Model } from '#src/models/model.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { PresetBook, PresetWish } from './preset-book.ts';
import { type Preset, suits } from './presets.ts';

export type PresetRoutesParts = {
  readonly presets: PresetBook;
  /** Throws Fault('model-not-found'). */
  readonly needModel: (modelId: string) => Model;
  readonly traits: (model: Model) => ModelTraits;
};

const Body = t.Object({
  name: t.Optional(t.String({ maxLength: 1_000 })),
  config: t.Optional(t.Union([t.Null(), t.Record(t.String(), t.Unknown())])),
  load_params: t.Optional(t.Union([t.Null(), t.Record(t.String(), t.Unknown())])),
});
const Named = t.Object({ id: t.String({ maxLength: 200 }) });

/** The seed's paths and field names; `?model=` adds which presets suit that model. */
export const presetRoutes = ({ presets, needModel, traits }: PresetRoutesParts) =>
  new Elysia({ name: 'preset-routes' })
    .get(
      '/api/presets',
      ({ query }) => {
        const family = query.model === undefined ? undefined : traits(needModel(query.model)).family;
        return { presets: presets.list().map((preset) => wirePreset(preset, presets, family)) };
      },
      { ...access('read'), query: t.Object({ model: t.Optional(t.String({ maxLength: 300 })) }) },
    )
    .post('/api/presets', ({ body }) => wirePreset(presets.add(wishOf(body)), presets), {
      ...access('manage'),
      body: Body,
    })
    .put('/api/presets/:id', ({ params, body }) => wirePreset(presets.update(params.id, wishOf(body)), presets), {
      ...access('manage'),
      body: Body,
      params: Named,
    })
    .delete(
      '/api/presets/:id',
      ({ params }) => {
        presets.remove(params.id);
        return { status: 'deleted' };
      },
      { ...access('manage'), params: Named },
    );

function wirePreset(preset: Preset, presets: PresetBook, family?: string | null) {
  const { id, name, isBuiltin, description, behaviour, families } = preset;
  const launch = presets.launchOf(preset);
  return {
    id,
    name,
    builtin: isBuiltin,
    description,
    config: behaviour,
    ...(Object.keys(launch).length === 0 ? {} : { load_params: launch }),
    families,
    ...(family === undefined ? {} : { suits: suits(preset, family) }),
  };
}

/** A preset's configuration is a behaviour, its fields side by side or under `behaviour`. */
function wishOf({ name, config, load_params }: typeof Body.static): PresetWish {
  return {
    ...(name === undefined ? {} : { name }),
    ...(config === undefined ? {} : { behaviour: behaviourOf(config ?? {}) }),
    // Presets written for MLX engines hold fields that ours have no use for.
    ...(load_params === undefined ? {} : { launch: readLoadRequest(load_params ?? {}).overrides }),
  };
}

function behaviourOf(config: JsonObject): JsonObject {
  refuseUnknown(config, [...BEHAVIOUR_FIELDS, 'behaviour'], 'config.');
  const { behaviour, ...flat } = config;
  return { ...(isObject(behaviour) ? behaviour : {}), ...flat };
}
