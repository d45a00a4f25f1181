/** `/api/imports`: models, names and settings from the files of other programs. */
import { isAbsolute, join } from 'node:path';
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { foundSources, type ImportDeskParts, importFrom } from './desk.ts';
import type { ImportReport } from './perform.ts';
import { IMPORT_SOURCES, type ImportSource } from './plan.ts';
import { type FoundSource, findSource, usualPlaces } from './sources.ts';

export type ImportRoutesParts = ImportDeskParts & {
  /** Whether the caller has shown to be the user whom Flow runs for. */
  readonly mayNameAnyFile: (headers: Headers) => boolean;
};

const ImportBody = t.Object({
  source: t.Union(IMPORT_SOURCES.map((source) => t.Literal(source))),
  path: t.Optional(t.Union([t.Null(), t.String({ minLength: 1, maxLength: 4096 })])),
  dry_run: t.Optional(t.Boolean()),
});

export const importRoutes = (parts: ImportRoutesParts) =>
  new Elysia({ name: 'import-routes' })
    .get('/api/imports', () => ({ found: foundSources(parts), sources: IMPORT_SOURCES }), access('read'))
    .post(
      '/api/imports',
      async ({ body, request }) => {
        const source = named(body.source, body.path ?? null, parts, request.headers);
        const isDry = body.dry_run ?? false;
        const report = await importFrom({ kind: 'file', ...source }, parts, { isDry, signal: request.signal });
        return { ...source, dry_run: isDry, ...wireReport(report) };
      },
      { ...access('manage'), body: ImportBody },
    );

/**
 * Which file is meant. What it names is registered, and chat templates are copied, from anywhere on this machine: so
 * only the user whom Flow runs for may say which file that is. The usual places are that user's own.
 */
function named(
  source: ImportSource,
  path: string | null,
  { surroundings, dataDir, mayNameAnyFile }: ImportRoutesParts,
  headers: Headers,
): FoundSource {
  const found = findSource(source, surroundings, dataDir);
  if (path === null || path === found?.path) {
    if (found) return found;
    const places = usualPlaces(source, surroundings, dataDir).slice(0, 3).join(', ');
    throw new Fault('not-found', `There is nothing of ${source} in the usual places.`, {
      hint: `Name its path. Looked for were ${places} and the like.`,
    });
  }
  if (!mayNameAnyFile(headers)) {
    throw new Fault('forbidden', 'Only the user whom Flow runs for may import from a path.', {
      hint: `Run "flow import PATH" on this machine, or put the file in its usual place.`,
    });
  }
  const whole = path === '~' || path.startsWith('~/') ? join(surroundings.home, path.slice(1)) : path;
  if (isAbsolute(whole) && !whole.includes('\0')) return { source, path: whole };
  throw new Fault('invalid-request', 'The path must be absolute.', { details: { field: 'path' } });
}

function wireReport({ models, presets, settings, notTaken }: ImportReport) {
  return {
    models: models.map(({ id, path, hfId, aliases, patch, outcome }) => ({
      id,
      outcome,
      path,
      hf_id: hfId,
      aliases,
      launch: patch.launch,
      behaviour: patch.behaviour,
      variants: patch.variants,
      cooldown_s: patch.cooldownS,
      is_pinned: patch.isPinned,
    })),
    presets,
    settings,
    not_taken: notTaken,
  };
}
