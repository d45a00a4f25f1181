/** `/api/engines`, and the seed's `/api/backend-versions`, `/api/check-updates` and `/api/update-backend`. */

import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { percentDecoded } from '#src/percent.ts';
import { type BackendVersion, backendVersion, noMlxVersion } from './backend-versions.ts';
import type { StartedKind } from './engine.ts';
import type { InstallSourceName } from './install-source.ts';
import { isMlxKind, MLX_KINDS } from './mlx/kinds.ts';
import type { MlxShelf } from './mlx/shelf.ts';
import { allShelves, overview, progressOnWire, type Shelves, shelfOf, shelfWith, usable } from './overview.ts';

export type EngineRoutesParts = Shelves;

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
    .get('/api/engines', () => overview(shelves), access('read'))
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
    )
    .get('/api/backend-versions', () => backendVersions(shelves), access('read'))
    .post(
      '/api/check-updates',
      async () => {
        shelves.engines.checkUpdates();
        for (const shelf of await inUse(shelves)) shelf.checkUpdates();
        return { status: 'checking' };
      },
      access('manage'),
    )
    .post(
      '/api/update-backend/:backend',
      async ({ params, set }) => {
        const name = params.backend === 'llamacpp' ? 'llama.cpp' : await mlxName(params.backend, shelves);
        startInstall(name, name === 'llama.cpp' ? null : 'newest', shelves);
        set.status = 202;
        return { status: 'updating' };
      },
      access('manage'),
    );

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

async function backendVersions(shelves: Shelves) {
  const { engines } = shelves;
  const llamacpp = backendVersion('llama.cpp', await usable(engines), engines.updates, engines.installer);
  return { llamacpp, mlx: await mlxVersion(shelves) };
}

/** The seed knew one MLX server: it is the one that text models get. */
async function mlxVersion(shelves: Shelves): Promise<BackendVersion> {
  const [shelf] = [...(await inUse(shelves)), ...shelves.mlx.shelves.filter(({ installer }) => installer.progress)];
  return shelf ? backendVersion(shelf.kind, await usable(shelf), shelf.updates, shelf.installer) : noMlxVersion;
}

/** Shelves of MLX that have an engine, in the order that text models get them. */
async function inUse({ mlx }: Shelves): Promise<readonly MlxShelf[]> {
  const found = await Promise.all(mlx.shelves.map(async (shelf) => ((await usable(shelf)) ? [shelf] : [])));
  return found.flat();
}

async function mlxName(backend: string, shelves: Shelves): Promise<StartedKind> {
  if (backend === 'mlx') return (await inUse(shelves))[0]?.kind ?? MLX_KINDS[0];
  if (isMlxKind(backend)) return backend;
  const hint = `Known are llamacpp, mlx, ${MLX_KINDS.join(', ')}.`;
  throw new Fault('invalid-request', `There is no backend \`${backend}\` to update.`, { hint });
}
