/** Imports as they are asked for, by the API and by pages: from a file in a known place, or from text. */

import type { Surroundings } from '#src/discovery/places.ts';
import { looked } from '#src/discovery/routes.ts';
import { confined } from './confine.ts';
import { type Chosen, EVERYTHING, type ImportReport, type ImportServices, performImport } from './perform.ts';
import { IMPORT_SOURCES, type ImportPlan } from './plan.ts';
import { type FoundSource, findSource, readSource, readText, type TextSource } from './sources.ts';

/** Where a plan comes from. Text may name only what `checkPlace` lets pass, and reads nothing of the environment. */
export type Origin =
  | ({ readonly kind: 'file' } & FoundSource)
  | {
      readonly kind: 'text';
      readonly source: TextSource;
      readonly text: string;
      /** Where relative paths of the text begin. */
      readonly folder: string;
      /** Throws a Fault for a path that this caller may not register. */
      readonly checkPlace: (path: string) => unknown;
    };

export type ImportDeskParts = ImportServices & {
  readonly surroundings: Surroundings;
  readonly dataDir: string;
};

export type ImportWish = {
  readonly isDry: boolean;
  readonly signal: AbortSignal;
  /** What of it is taken; absent = everything. */
  readonly chosen?: Chosen;
};

/** The configurations that lie in their usual places. */
export function foundSources({ surroundings, dataDir }: ImportDeskParts): readonly FoundSource[] {
  return IMPORT_SOURCES.flatMap((source) => findSource(source, surroundings, dataDir) ?? []);
}

/** Reads, checks, and unless `isDry` takes over. Throws Fault('not-found' or 'unprocessable') for bad files. */
export async function importFrom(
  origin: Origin,
  parts: ImportDeskParts,
  { isDry, signal, chosen = EVERYTHING }: ImportWish,
): Promise<ImportReport> {
  return performImport(await planOf(origin, parts, signal), parts, isDry, chosen);
}

async function planOf(origin: Origin, parts: ImportDeskParts, signal: AbortSignal): Promise<ImportPlan> {
  const found = async () => (await looked(parts, signal)).models;
  if (origin.kind === 'file') return readSource(origin, { ...parts, found });
  const { source, text, folder, checkPlace } = origin;
  // Whoever pastes a text must not have our variables put into it, and told back among what was not found.
  return confined(await readText(source, text, { folder, environment: {}, found }), checkPlace);
}
