/** `/api/engines/update` and `/api/engines/rollback`. The seed's names for it: `backend-routes.ts`. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { isNewer } from '#src/engines/compare-versions.ts';
import type { StartedKind } from '#src/engines/engine.ts';
import type { EngineShelf } from '#src/engines/shelf.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { Upgrades } from './upgrades.ts';
import { progressWire } from './wire.ts';

export type UpgradeRoutesParts = {
  readonly upgrades: Upgrades;
  readonly settings: () => Pick<Settings, 'engine_auto_update'>;
  /** Throws Fault('model-not-found'). */
  readonly needModel: (name: string) => Model;
};

const Kind = t.Union([
  t.Literal('llama.cpp'),
  t.Literal('mlx-lm'),
  t.Literal('mlx-openai-server'),
  t.Literal('mlx-vlm'),
]);
const UpdateBody = t.Object({
  name: t.Optional(Kind),
  version: t.Optional(t.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })),
  model: t.Optional(t.String({ minLength: 1, maxLength: 200 })),
});
const RollbackBody = t.Object({ name: t.Optional(Kind) });

/** The routes. */
export const upgradeRoutes = ({ upgrades, settings, needModel }: UpgradeRoutesParts) =>
  new Elysia({ name: 'upgrade-routes' })
    .get('/api/engines/update', () => overview(upgrades, settings().engine_auto_update), access('read'))
    .post(
      '/api/engines/update',
      ({ body, set }) => {
        const { name = 'llama.cpp', version = null } = body;
        const model = body.model === undefined ? null : modelFor(name, needModel(body.model));
        upgrades.start({ kind: name, version, model });
        set.status = 202;
        return { status: 'updating', progress: progressOf(upgrades) };
      },
      { ...access('manage'), body: UpdateBody },
    )
    .delete(
      '/api/engines/update',
      ({ set }) => {
        void upgrades.cancel();
        set.status = 202;
        return { status: 'cancelling' };
      },
      access('manage'),
    )
    .post(
      '/api/engines/rollback',
      async ({ body }) => {
        const { kind, id, version } = await upgrades.rollback(body.name ?? 'llama.cpp');
        return { status: 'ok', name: kind, chosen: id, version };
      },
      { ...access('manage'), body: RollbackBody },
    );

/** What each kind has, and how far an update is. */
async function overview(upgrades: Upgrades, autoUpdate: Settings['engine_auto_update']) {
  const engines = await Promise.all(upgrades.shelves.map(async (shelf) => [shelf.kind, await shown(shelf, upgrades)]));
  return {
    updating: upgrades.progress !== null,
    progress: progressOf(upgrades),
    auto_update: autoUpdate,
    engines: Object.fromEntries(engines),
  };
}

async function shown(shelf: EngineShelf, { records }: Upgrades) {
  const present = await shelf.chosen().catch(() => null);
  const { latest, isChecking, trouble } = shelf.updates;
  return {
    chosen: present?.id ?? null,
    version: present?.version ?? null,
    rollback_to: records.formerOf(shelf.kind),
    latest,
    update_available: isNewer(latest, present?.version ?? null),
    checking: isChecking,
    error: trouble,
    last: records.reportOf(shelf.kind),
  };
}

function progressOf({ progress }: Upgrades) {
  return progress === null ? null : progressWire(progress);
}

function modelFor(kind: StartedKind, model: Model): Model {
  const format = kind === 'llama.cpp' ? 'gguf' : 'mlx';
  if (model.format === format && model.endpoint === null) return model;
  throw new Fault('invalid-request', `${model.id} is not a model that ${kind} could serve.`);
}
