/** Which files go with a model that is deleted: its own, and none that another model needs. Looks, changes nothing. */
import { realpathSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { isProjectorName, partsOf } from './local-file.ts';
import type { Model, ModelId } from './model.ts';

/** A file that stays, because these models need it. */
export type NeededFile = { readonly path: string; readonly usedBy: readonly ModelId[] };

export type OwnFiles = {
  /** What may go; all of it lies in one folder. */
  readonly paths: readonly string[];
  readonly needed: readonly NeededFile[];
};

/**
 * The files of a model: its shards and the projector beside them, or its folder. A file of which `others` need any part
 * stays, and so do all shards when one of them is needed.
 */
export function ownFiles(model: Model, others: readonly Model[]): OwnFiles {
  const uses = others.flatMap((other) => filesUsedBy(other).map((path) => ({ id: other.id, path: realOrSame(path) })));
  const usersOf = (path: string): ModelId[] => {
    const real = realOrSame(path);
    const isOf = (used: string): boolean => used === real || used.startsWith(real + sep);
    return [...new Set(uses.filter(({ path: used }) => isOf(used)).map(({ id }) => id))];
  };
  const main = model.format === 'mlx' ? [model.path] : partsOf(model.path);
  const needed = [...main, ...projectorOf(model)]
    .map((path) => ({ path, usedBy: usersOf(path) }))
    .filter(({ usedBy }) => usedBy.length > 0);
  const stays = new Set(needed.map(({ path }) => path));
  const isMainNeeded = main.some((path) => stays.has(path));
  const paths = isMainNeeded ? [] : [...main, ...projectorOf(model).filter((path) => !stays.has(path))];
  return { paths, needed };
}

/** All files that a model is started with. */
function filesUsedBy({ path, format, config }: Model): string[] {
  const { mmproj_path, draft_model_path, chat_template_file } = config.launch;
  const main = format === 'gguf' && path !== '' ? partsOf(path) : [path];
  const draft = draft_model_path ? partsOf(draft_model_path) : [];
  return [...main, ...draft, mmproj_path, chat_template_file].flatMap((one) => (one ? [one] : []));
}

/** A projector that lies elsewhere was put there by somebody else. */
function projectorOf({ path, format, config }: Model): string[] {
  const projector = config.launch.mmproj_path ?? '';
  const isBeside = format === 'gguf' && projector !== '' && dirname(projector) === dirname(path);
  return isBeside && isProjectorName(projector) ? [projector] : [];
}

function realOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
