/** `/api/engines`, and the seed's `/api/backend-versions`, `/api/check-updates` and `/api/update-backend`. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { llamaCppVersion, mlxVersion } from './backend-versions.ts';
import type { InstalledEngine } from './engine.ts';
import type { Engines } from './engines.ts';
import type { InstallProgress, InstallSourceName } from './install-source.ts';

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
        const id = decoded(params['*']);
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

async function overview(engines: Engines) {
  const { installed, broken } = await engines.list();
  const chosen = await usable(engines);
  const { isChecking, latest, trouble } = engines.updates;
  return {
    chosen: chosen?.id ?? null,
    installed: installed.map((engine) => ({ ...onWire(engine), is_chosen: engine.id === chosen?.id })),
    broken: broken.map(({ id, executable, origin, reason }) => ({ id, executable, origin, reason })),
    install: progressOnWire(engines.installer.progress),
    is_installing: engines.installer.isRunning,
    updates: { checking: isChecking, latest, error: trouble },
  };
}

const onWire = ({ kind, id, version, executable, origin }: InstalledEngine) => ({
  kind,
  id,
  version,
  executable,
  origin,
});

function progressOnWire(progress: InstallProgress | null) {
  if (!progress) return null;
  const { phase, source, bytes, totalBytes, message } = progress;
  return { phase, source, bytes, total_bytes: totalBytes, message };
}

async function backendVersions(engines: Engines) {
  const { installer, updates } = engines;
  const progress = installer.progress;
  const trouble = progress?.phase === 'failed' ? progress.message : null;
  const installing = { isRunning: installer.isRunning, log: installer.log, trouble };
  return { llamacpp: llamaCppVersion(await usable(engines), updates, installing), mlx: mlxVersion() };
}

/** The engine in use; null also when the one that is named cannot be used, which the list explains. */
async function usable(engines: Engines): Promise<InstalledEngine | null> {
  try {
    return await engines.chosen();
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}

function sourceName(name: 'llama.cpp' | InstallSourceName | undefined): InstallSourceName | null {
  return name === undefined || name === 'llama.cpp' ? null : name;
}

function unknownBackend(name: string): Fault {
  const hint = name === 'mlx' ? 'This Flow starts no MLX server, so there is none to update.' : 'Known is `llamacpp`.';
  return new Fault('invalid-request', `There is no backend \`${name}\` to update.`, { hint });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Fault('invalid-request', 'The id in the address is not well encoded.');
  }
}
