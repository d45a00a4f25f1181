/** `/api/engines`: what there is, and to install, choose and remove. Updates have doors of their own. */

import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import { percentDecoded } from '#src/percent.ts';
import type { StartedKind } from './engine.ts';
import type { InstallSourceName } from './install-source.ts';
import { isMlxKind } from './mlx/kinds.ts';
import { allShelves, overview, progressOnWire, type Shelves, shelfOf, shelfWith } from './overview.ts';

/** What is told of a kind's updates. */
export type UpdateWord = {
  /** Id of the engine to go back to; null when there is none. */
  readonly rollback_to: string | null;
  /** What came of the last update; null before the first. */
  readonly last_update: JsonObject | null;
};

export type EngineRoutesParts = Shelves & {
  readonly updates: {
    /** Whether Flow looks for newer engines by itself: `off`, `check` or `update`. */
    readonly mode: () => string;
    readonly of: (kind: StartedKind) => UpdateWord;
  };
};

const MlxName = [t.Literal('mlx-lm'), t.Literal('mlx-openai-server'), t.Literal('mlx-vlm')] as const;
const Kind = t.Union([t.Literal('llama.cpp'), ...MlxName]);

/** `llama.cpp` means: from whichever source can. An MLX server without a version is the tested one, or the `newest`. */
const InstallBody = t.Object({
  name: t.Optional(t.Union([Kind, t.Literal('release'), t.Literal('homebrew'), t.Literal('wheel')])),
  version: t.Optional(t.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })),
});
/** Without an id the choice is left to Flow; `name` then says for which kind. */
const ChooseBody = t.Object({ id: t.String({ maxLength: 4096 }), name: t.Optional(Kind) });
const CancelQuery = t.Object({ name: t.Optional(Kind) });

type InstallName = StartedKind | InstallSourceName;

export const engineRoutes = (shelves: EngineRoutesParts) =>
  new Elysia({ name: 'engine-routes' })
    .get('/api/engines', () => overviewWithUpdates(shelves), access('read'))
    .post(
      '/api/engines/install',
      ({ body, set }) => {
        const watch = startInstall(body.name ?? 'llama.cpp', body.version ?? null, shelves);
        set.status = 202;
        return { status: 'installing', install: progressOnWire(watch.progress) };
      },
      { ...access('manage'), body: InstallBody },
    )
    .delete(
      '/api/engines/install',
      ({ query, set }) => {
        const meant = allShelves(shelves).filter(({ kind }) => kind === (query.name ?? kind));
        for (const { installer } of meant) installer.cancel();
        set.status = 202;
        return { status: 'cancelling' };
      },
      { ...access('manage'), query: CancelQuery },
    )
    .post(
      '/api/engines/choose',
      async ({ body: { id, name } }) => {
        const shelf = name || id === '' ? shelfOf(name ?? 'llama.cpp', shelves) : await shelfWith(id, shelves);
        await shelf.choose(id);
        return { status: 'ok', chosen: id, name: shelf.kind };
      },
      { ...access('manage'), body: ChooseBody },
    )
    // Ids of engines that Flow did not install hold slashes.
    .delete(
      '/api/engines/*',
      async ({ params }) => {
        const id = percentDecoded(params['*']);
        if (id === null) throw new Fault('invalid-request', 'The id in the address is not well encoded.');
        await (await shelfWith(id, shelves)).remove(id);
        return { status: 'removed', id };
      },
      access('manage'),
    );

async function overviewWithUpdates({ updates, ...shelves }: EngineRoutesParts) {
  const { kinds, ...first } = await overview(shelves);
  const told = allShelves(shelves).map(({ kind }) => [kind, { ...kinds[kind], ...updates.of(kind) }]);
  return { ...first, ...updates.of('llama.cpp'), auto_update: updates.mode(), kinds: Object.fromEntries(told) };
}

/** Starts it and returns at once. Throws Fault('conflict') during another. */
function startInstall(name: InstallName, version: string | null, shelves: Shelves) {
  const { engines, mlx } = shelves;
  const shelf = isMlxKind(name) ? mlx.shelfOf(name) : null;
  if (shelf) {
    shelf.install(version);
    return shelf.installer;
  }
  const source = name === 'release' || name === 'homebrew' || name === 'wheel' ? name : null;
  engines.install({ source, version });
  return engines.installer;
}
