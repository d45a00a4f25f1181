/** `/api/engines`, and the seed's `/api/backend-versions`, `/api/check-updates` and `/api/update-backend`. */

import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { percentDecoded } from '#src/percent.ts';
import { llamaCppVersion, mlxVersion } from './backend-versions.ts';
import type { Engines } from './engines.ts';
import type { InstallSourceName } from './install-source.ts';
import { overview, progressOnWire, usable } from './overview.ts';

export type EngineRoutesParts = { readonly engines: Engines };

/** `llama.cpp` means: from whichever source can. */
const InstallBody = t.Object({
  name: t.Optional(t.Union([t.Literal('llama.cpp'), t.Literal('release'), t.Literal('homebrew'), t.Literal('wheel')])),
  version: t.Optional(t.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })),
});
const ChooseBody = t.Object({ id: t.String({ maxLength: 4096 }) });

export const engineRoutes = ({ engines }: EngineRoutesParts) =>
  new Elysia({ name: 'engine-routes' })
    .get('/api/engines', () => overview(engines), access('read'))
    .post(
      '/api/engines/install',
      ({ body, set }) => {
        engines.install({ source: sourceName(body.name), version: body.version ?? null });
        set.status = 202;
        return { status: 'installing', install: progressOnWire(engines.installer.progress) };
      },
      { ...access('manage'), body: InstallBody },
    )
    .delete(
      '/api/engines/install',
      ({ set }) => {
        engines.installer.cancel();
        set.status = 202;
        return { status: 'cancelling' };
      },
      access('manage'),
    )
    .post(
      '/api/engines/choose',
      async ({ body }) => {
        await engines.choose(body.id);
        return { status: 'ok', chosen: body.id };
      },
      { ...access('manage'), body: ChooseBody },
    )
    // Ids of engines that Flow did not install hold slashes.
    .delete(
      '/api/engines/*',
      async ({ params }) => {
        const id = percentDecoded(params['*']);
        if (id === null) throw new Fault('invalid-request', 'The id in the address is not well encoded.');
        await engines.remove(id);
        return { status: 'removed', id };
      },
      access('manage'),
    )
    .get('/api/backend-versions', () => backendVersions(engines), access('read'))
    .post(
      '/api/check-updates',
      () => {
        engines.checkUpdates();
        return { status: 'checking' };
      },
      access('manage'),
    )
    .post(
      '/api/update-backend/:backend',
      ({ params, set }) => {
        if (params.backend !== 'llamacpp') throw unknownBackend(params.backend);
        engines.install({ source: null, version: null });
        set.status = 202;
        return { status: 'updating' };
      },
      access('manage'),
    );

async function backendVersions(engines: Engines) {
  const { installer, updates } = engines;
  const progress = installer.progress;
  const trouble = progress?.phase === 'failed' ? progress.message : null;
  const installing = { isRunning: installer.isRunning, log: installer.log, trouble };
  return { llamacpp: llamaCppVersion(await usable(engines), updates, installing), mlx: mlxVersion() };
}

function sourceName(name: 'llama.cpp' | InstallSourceName | undefined): InstallSourceName | null {
  return name === undefined || name === 'llama.cpp' ? null : name;
}

function unknownBackend(name: string): Fault {
  const hint = name === 'mlx' ? 'This Flow starts no MLX server, so there is none to update.' : 'Known is `llamacpp`.';
  return new Fault('invalid-request', `There is no backend \`${name}\` to update.`, { hint });
}
