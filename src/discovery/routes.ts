/** `/api/discovery`: models that other programs put on this machine, to be registered in place. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { HeaderCache } from '#src/models/header-cache.ts';
import type { Registry } from '#src/models/registry.ts';
import { discover } from './discover.ts';
import type { FoundModel } from './found-model.ts';
import type { Surroundings } from './places.ts';
import { byRealPath, registerFound } from './register-found.ts';

export type DiscoveryRoutesParts = {
  readonly registry: Registry;
  readonly headers: HeaderCache;
  readonly surroundings: Surroundings;
};

/** A network drive may answer nothing for minutes. */
const WITHIN_MS = 20_000;
const PATHS_MAX = 1_000;
const RegisterBody = t.Object({ paths: t.Array(t.String({ maxLength: 4096 }), { minItems: 1, maxItems: PATHS_MAX }) });

export const discoveryRoutes = (parts: DiscoveryRoutesParts) =>
  new Elysia({ name: 'discovery-routes' })
    .get(
      '/api/discovery',
      async ({ request }) => {
        const { models, passed } = await looked(parts, request.signal);
        const known = byRealPath(parts.registry.list());
        return {
          models: models.map((model) => ({ ...wireFound(model), model_id: known.get(model.realPath)?.id ?? null })),
          total: models.length,
          skipped: passed,
        };
      },
      access('read'),
    )
    .post('/api/discovery', ({ body, request }) => registered(parts, body.paths, request.signal), {
      ...access('manage'),
      body: RegisterBody,
    });

/** What became of a path that was to be registered. */
export type RegisteredPath = {
  readonly path: string;
  readonly status: 'registered' | 'already_registered' | 'refused';
  readonly model_id: string | null;
  readonly message: string | null;
};

/** Only what a look finds again is registered: a path from outside is never taken at its word. */
export async function registered(parts: DiscoveryRoutesParts, paths: readonly string[], signal: AbortSignal) {
  const { models } = await looked(parts, signal);
  const byPath = new Map(models.flatMap((model) => [[model.path, model] as const, [model.realPath, model] as const]));
  const results: RegisteredPath[] = [];
  for (const path of new Set(paths)) {
    // Reading a header holds up the event loop for some milliseconds, so others get their turn between two.
    await Bun.sleep(0);
    const found = byPath.get(path);
    if (!found) {
      results.push({ path, status: 'refused', model_id: null, message: 'It is not among the models that were found.' });
      continue;
    }
    try {
      const { model, isNew } = registerFound(found, parts.registry, parts.headers);
      results.push({ path, status: isNew ? 'registered' : 'already_registered', model_id: model.id, message: null });
    } catch (cause) {
      results.push({ path, status: 'refused', model_id: null, message: asFault(cause).message });
    }
  }
  return { results };
}

/** What is found within a bounded time. Throws Fault('unprocessable') when the folders take longer. */
export async function looked({ surroundings }: Pick<DiscoveryRoutesParts, 'surroundings'>, signal: AbortSignal) {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]);
  try {
    // A disk that hangs answers no question, so the walk over it never comes to look at its signal.
    const over = Promise.withResolvers<never>();
    bounded.addEventListener('abort', () => over.reject(bounded.reason), { once: true });
    return await Promise.race([discover(surroundings, bounded), over.promise]);
  } catch (cause) {
    if (!bounded.aborted) throw cause;
    throw new Fault('unprocessable', `The folders did not answer within ${WITHIN_MS / 1000} s.`, {
      hint: 'A drive may be asleep or gone; try again, or register a file by its path.',
      cause,
    });
  }
}

function wireFound(model: FoundModel) {
  return {
    path: model.path,
    place: model.place,
    format: model.format,
    name: model.name,
    repository: model.repository,
    quantization: model.quantization,
    size_bytes: model.sizeBytes,
    parts: model.parts,
    has_projector: model.projectorPath !== null,
  };
}
