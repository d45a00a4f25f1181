/** `/api/models` and its like: what is registered, how each is configured, what lies in the models folder. */

import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { percentDecoded } from '#src/percent.ts';
import { configWith, nestedPatch } from './config-patch.ts';
import { isOutdated } from './launch.ts';
import type { Footprint, LaunchOverrides, LaunchSettings, Model, ModelConfig, ModelId } from './model.ts';
import { type ModelScan, shownSkipped } from './model-scan.ts';
import type { Presence } from './presence.ts';
import type { Registry } from './registry.ts';
import type { Removals } from './removals.ts';
import { Turns } from './turns.ts';
import { loadParams, type ModelStatus, modelInfo } from './wire.ts';

export type ModelRoutesParts = {
  readonly registry: Registry;
  readonly removals: Removals;
  readonly presence: Pick<Presence, 'of' | 'fresh'>;
  readonly scan: ModelScan;
  /** The path as it may be registered by this caller; throws a Fault when it may not. */
  readonly placeFor: (path: string, headers: Headers) => string;
  readonly statusOf: (modelId: ModelId) => ModelStatus;
  /** The settings with which it would be started if it were stopped and started now. */
  readonly launchOf: (model: Model) => LaunchSettings;
  /** Whether it runs on another version of its engine than it would be started with now. */
  readonly isEngineReplaced: (modelId: ModelId) => boolean;
  /** What a load would take; may throw a Fault. */
  readonly needOf: (model: Model) => Footprint;
  /** Throws Fault('invalid-request') for launch settings that an engine would be refused. */
  readonly checkLaunch: (launch: LaunchOverrides, model: Model) => void;
  /** A configuration under a preset; throws Fault('not-found'). */
  readonly applyPreset: (config: ModelConfig, presetId: string) => ModelConfig;
  /** What is known of its chat template by now. */
  readonly templateOf: (model: Model) => TemplateWord;
};

/** The seed's words about a chat template. */
export type TemplateWord = {
  /** null = not checked yet, or there is none. */
  readonly template_valid: boolean | null;
  readonly template_errors: readonly string[];
  readonly template_warnings: readonly string[];
  readonly supports_tools: boolean;
};

const RegisterBody = t.Object({
  path: t.Optional(t.String({ maxLength: 4096 })),
  gguf_path: t.Optional(t.String({ maxLength: 4096 })),
  mlx_path: t.Optional(t.String({ maxLength: 4096 })),
  name: t.Optional(t.Union([t.Null(), t.String({ maxLength: 200 })])),
});
const DeleteQuery = t.Object({ files: t.Optional(t.Union([t.Literal('keep'), t.Literal('delete')])) });
const ROOT = '/api/models/';
const CONFIG = '/config';

/** The seed's paths and field names. */
export const modelRoutes = (parts: ModelRoutesParts) =>
  new Elysia({ name: 'model-routes' })
    .get(
      '/api/models',
      async () => {
        await parts.presence.fresh();
        return listed(parts);
      },
      access('read'),
    )
    .post('/api/models/scan', () => scanned(parts), access('manage'))
    .post(
      '/api/register-local',
      ({ body, request }) => {
        const path = body.path ?? body.gguf_path ?? body.mlx_path;
        if (path === undefined) throw new Fault('invalid-request', 'Name the file: `path` is missing.');
        const { model, isNew } = parts.registry.registerLocal(
          parts.placeFor(path, request.headers),
          body.name ?? undefined,
        );
        if (!isNew) return { model_id: model.id, status: 'already_registered' };
        return { model_id: model.id, name: model.name, size_gb: shown(model, parts).size_gb };
      },
      { ...access('manage'), body: RegisterBody },
    )
    .get(
      '/api/models/*',
      async ({ request }) => {
        await parts.presence.fresh();
        const { model, isConfig } = target(request, parts.registry);
        if (!isConfig) return { ...shown(model, parts), config: wireConfig(model) };
        return { config: wireConfig(model), load_params: loadParams(model, parts.statusOf(model.id)) };
      },
      access('read'),
    )
    .put(
      '/api/models/*',
      ({ request, body }) => {
        const { model, isConfig } = target(request, parts.registry);
        if (!isConfig) throw new Fault('not-found', 'Only the `config` of a model can be changed.');
        return { model_id: model.id, config: wireConfig(changed(model, body, parts)) };
      },
      access('manage'),
    )
    .delete(
      '/api/models/*',
      ({ request, query }) => {
        const { model, isConfig } = target(request, parts.registry);
        if (isConfig) {
          parts.registry.resetConfig(model.id);
          return { model_id: model.id, config: {} };
        }
        return { status: 'deleted', model_id: model.id, ...discard(model, query.files ?? 'delete', parts) };
      },
      { ...access('manage'), query: DeleteQuery },
    );

/** The model a path names: `/api/models/{id}` or `/api/models/{id}/config`, the id encoded or not. */
function target(request: Request, registry: Registry): { model: Model; isConfig: boolean } {
  const rest = percentDecoded(new URL(request.url).pathname.slice(ROOT.length));
  if (rest === null) throw new Fault('invalid-request', 'The address holds a percent sign that encodes nothing.');
  const whole = registry.find(rest);
  if (whole) return { model: whole, isConfig: false };
  const isConfig = rest.endsWith(CONFIG);
  return { model: registry.need(isConfig ? rest.slice(0, -CONFIG.length) : rest), isConfig };
}

/**
 * A configuration as people read and write it: the fields of the behaviour also stand beside the others, as they did in
 * the seed. Further names travel with it, although they are a fact of the model.
 */
function wireConfig({ config, aliases }: Model) {
  return { ...config.behaviour, ...config, aliases };
}

/**
 * Takes a partial configuration in. A preset is applied when it is named anew, or named alone; sent back with the rest
 * of a configuration it only says where that came from.
 */
export function changed(
  model: Model,
  body: unknown,
  { registry, checkLaunch, applyPreset }: Pick<ModelRoutesParts, 'registry' | 'checkLaunch' | 'applyPreset'>,
): Model {
  if (!isObject(body)) throw new Fault('invalid-request', 'A configuration is a JSON object.');
  const { preset } = body;
  const isAlone = Object.keys(body).length === 1;
  const isApplied = typeof preset === 'string' && (isAlone || preset !== model.config.preset);
  const aliases = aliasesOrNone(body.aliases);
  return registry.configure(
    model.id,
    (present) => {
      const base = isApplied ? applyPreset(present, preset) : present;
      const { aliases: _aliases, ...patch } = nestedPatch(body, base.behaviour);
      const config = configWith(base, patch);
      if (!Bun.deepEquals(config.launch, present.launch)) checkLaunch(config.launch, model);
      return config;
    },
    aliases,
  );
}

function aliasesOrNone(aliases: unknown): string[] | undefined {
  if (aliases === undefined) return undefined;
  if (Array.isArray(aliases) && aliases.every((alias) => typeof alias === 'string')) return aliases;
  throw new Fault('invalid-request', 'aliases is a list of names.', { details: { field: 'aliases' } });
}

/** Deletes only what Flow put there; any other model just leaves the list. Says what became of the files. */
export function discard(
  model: Model,
  wish: 'keep' | 'delete',
  {
    removals,
    statusOf,
  }: { readonly removals: Pick<Removals, 'remove'>; readonly statusOf: ModelRoutesParts['statusOf'] },
) {
  const { status } = statusOf(model.id);
  // What somebody else runs is only disconnected, and goes on.
  if (model.endpoint === null && status !== 'available' && status !== 'error') {
    throw new Fault('conflict', `${model.id} is ${status}. Unload it first.`);
  }
  const { files, needed, undo } = removals.remove(model.id, wish);
  return {
    files,
    kept_files: needed.map(({ path, usedBy }) => ({ path, used_by: usedBy })),
    undo: undo && { token: undo.token, expires_at: new Date(undo.expiresAtMs).toISOString() },
  };
}

async function scanned(parts: ModelRoutesParts) {
  const { added, skipped } = await parts.scan.scan();
  const found = added.map((model) => {
    const { id, name, backend, size_gb } = shown(model, parts);
    return { id, name, backend, size_gb, path: model.path };
  });
  return { found, total: found.length, skipped: skipped.map(shownSkipped) };
}

/** After a start no header is remembered yet, and each takes some milliseconds to read. */
async function listed(parts: ModelRoutesParts) {
  const turns = new Turns();
  const rows: ReturnType<typeof shown>[] = [];
  for (const { id } of parts.registry.list()) {
    await turns.take();
    // It may have been removed, or changed, while others had their turn.
    const model = parts.registry.find(id);
    if (model) rows.push(shown(model, parts));
  }
  return rows;
}

function shown(model: Model, parts: ModelRoutesParts) {
  const { statusOf, needOf, launchOf, isEngineReplaced, templateOf, presence } = parts;
  const status = statusOf(model.id);
  const running = { model, running: status.launch, launch: launchOf(model) };
  const info = modelInfo(model, status, needOrNull(model, needOf), presence.of(model.id));
  return {
    ...info,
    ...templateOf(model),
    needs_restart: isOutdated({ ...running, isEngineReplaced: isEngineReplaced(model.id) }),
  };
}

/** A file that is gone or damaged is told when it is loaded; a listing only leaves the number out. */
function needOrNull(model: Model, needOf: (model: Model) => Footprint): Footprint | null {
  try {
    return needOf(model);
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}
