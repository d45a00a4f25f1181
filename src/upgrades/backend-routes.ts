/** The seed's `/api/backend-versions`, `/api/check-updates` and `/api/update-backend`: an update goes its whole way. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { type BackendVersion, backendVersion, noMlxVersion } from '#src/engines/backend-versions.ts';
import type { StartedKind } from '#src/engines/engine.ts';
import { isMlxKind, MLX_KINDS } from '#src/engines/mlx/kinds.ts';
import type { MlxShelf } from '#src/engines/mlx/shelf.ts';
import { type Shelves, usable, type WatchedShelf } from '#src/engines/overview.ts';
import { Fault } from '#src/faults.ts';
import { stringOrNull } from '#src/json.ts';
import type { Upgrades } from './upgrades.ts';
import type { UpdateProgress } from './wire.ts';

export type BackendRoutesParts = Shelves & { readonly upgrades: Upgrades };

/** The routes. */
export const backendRoutes = (parts: BackendRoutesParts) =>
  new Elysia({ name: 'backend-routes' })
    .get(
      '/api/backend-versions',
      async () => ({ llamacpp: await versionOf(parts.engines, parts.upgrades), mlx: await mlxVersion(parts) }),
      access('read'),
    )
    .post(
      '/api/check-updates',
      async () => {
        parts.engines.checkUpdates();
        for (const shelf of await inUse(parts)) shelf.checkUpdates();
        return { status: 'checking' };
      },
      access('manage'),
    )
    .post(
      '/api/update-backend/:backend',
      async ({ params, set }) => {
        const kind = await kindOf(params.backend, parts);
        parts.upgrades.start({ kind, version: null, model: null });
        set.status = 202;
        return { status: 'updating' };
      },
      access('manage'),
    );

/** What is told of one backend, with the words of its update where there was one. */
async function versionOf(shelf: WatchedShelf, { progress, records }: Upgrades): Promise<BackendVersion> {
  const version = backendVersion(shelf.kind, await usable(shelf), shelf.updates, shelf.installer);
  if (progress?.kind === shelf.kind) {
    return { ...version, updating: true, update_log: [...version.update_log, ...linesOf(progress)].slice(-50) };
  }
  const last = records.reportOf(shelf.kind);
  const words = stringOrNull(last?.message);
  if (last === null || words === null || version.updating) return version;
  const hasFailed = last.outcome === 'failed' || last.outcome === 'inconclusive';
  return {
    ...version,
    update_log: [...version.update_log, words].slice(-50),
    error: version.error ?? (hasFailed ? words : null),
  };
}

function linesOf({ message, steps }: UpdateProgress): readonly string[] {
  return [message, ...steps.map(({ name, outcome, words }) => `${name} ${outcome}: ${words}`)];
}

/** The seed knew one MLX server: it is the one that text models get. */
async function mlxVersion(parts: BackendRoutesParts): Promise<BackendVersion> {
  const [shelf] = [...(await inUse(parts)), ...parts.mlx.shelves.filter(({ installer }) => installer.progress)];
  return shelf ? await versionOf(shelf, parts.upgrades) : noMlxVersion;
}

/** Shelves of MLX that have an engine, in the order that text models get them. */
async function inUse({ mlx }: Shelves): Promise<readonly MlxShelf[]> {
  const found = await Promise.all(mlx.shelves.map(async (shelf) => ((await usable(shelf)) ? [shelf] : [])));
  return found.flat();
}

async function kindOf(backend: string, shelves: Shelves): Promise<StartedKind> {
  if (backend === 'llamacpp') return 'llama.cpp';
  if (backend === 'mlx') return (await inUse(shelves))[0]?.kind ?? MLX_KINDS[0];
  if (isMlxKind(backend)) return backend;
  const hint = `Known are llamacpp, mlx, ${MLX_KINDS.join(', ')}.`;
  throw new Fault('invalid-request', `There is no backend \`${backend}\` to update.`, { hint });
}
