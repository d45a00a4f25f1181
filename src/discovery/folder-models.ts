/** Makes models of the files of one folder: parts put together, the projector beside them. */
import { basename } from 'node:path';
import { quantizationInName } from '#src/gguf/tensor-types.ts';
import { mlxQuantizationIn } from '#src/hub/mlx-group.ts';
import { missingShards } from '#src/mlx/folder.ts';
import { isLaterShard, isProjectorName } from '#src/models/local-file.ts';
import type { Findings, FoundModel, Passed, Place } from './found-model.ts';
import type { WalkedFile } from './walk.ts';

const SHARD = /-(\d{5})-of-(\d{5})\.gguf$/i;

/** What is the same for all models of a folder; `realPath` follows later, where it is needed. */
export type FolderFacts = { readonly place: Place; readonly repository: string | null };

/** Adapters and importance matrices have the same ending; their names say what they are. */
const NO_MODEL = /(?:^|[-_.])(?:imatrix|lora|adapter)(?:[-_.]|$)/i;

/** The models among a folder's files. Pure; paths are taken as real until somebody looks. */
export function modelsIn(files: readonly WalkedFile[], { place, repository }: FolderFacts): Findings {
  const projectors = files.filter(({ name }) => isProjectorName(name)).toSorted(byName);
  const byFileName = new Map(files.map((file) => [file.name, file]));
  const models: FoundModel[] = [];
  const passed: Passed[] = [];
  for (const file of files.toSorted(byName)) {
    if (isProjectorName(file.name) || isLaterShard(file.name) || NO_MODEL.test(file.name)) continue;
    const parts = partsOf(file, byFileName);
    if (parts === null) {
      passed.push({ path: file.path, reason: 'Parts of this model are missing.' });
      continue;
    }
    const name = file.name.replace(SHARD, '').replace(/\.gguf$/i, '');
    models.push({
      place,
      format: 'gguf',
      path: file.path,
      realPath: file.path,
      contentPath: file.path,
      name,
      repository,
      quantization: quantizationInName(name),
      sizeBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
      parts: parts.length,
      projectorPath: projectors[0]?.path ?? null,
    });
  }
  return { models, passed };
}

/** The MLX model that a folder is, by the weights in it. Pure; `name` is what it goes by. */
export function mlxModelIn(
  folder: string,
  weights: readonly WalkedFile[],
  { place, repository, name }: FolderFacts & { readonly name: string },
): Findings {
  const [first] = weights;
  if (!first) return { models: [], passed: [] };
  if (missingShards(weights.map((file) => file.name)).length > 0) {
    return { models: [], passed: [{ path: folder, reason: 'Parts of this model are missing.' }] };
  }
  const model: FoundModel = {
    place,
    format: 'mlx',
    path: folder,
    realPath: folder,
    contentPath: first.path,
    name,
    repository,
    quantization: mlxQuantizationIn(name),
    sizeBytes: weights.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    parts: weights.length,
    projectorPath: null,
  };
  return { models: [model], passed: [] };
}

/** All parts of a model, or the file alone; null when some are missing. */
function partsOf(file: WalkedFile, files: ReadonlyMap<string, WalkedFile>): WalkedFile[] | null {
  const total = Number(SHARD.exec(file.name)?.[2] ?? 1);
  if (total <= 1) return [file];
  // More parts than there are files cannot all be there, whatever number a name claims.
  if (total > files.size) return null;
  const names = Array.from({ length: total }, (_, index) =>
    basename(file.name).replace(SHARD, (ending) => ending.replace(/^-\d{5}/, `-${String(index + 1).padStart(5, '0')}`)),
  );
  const found = names.flatMap((name) => files.get(name) ?? []);
  return found.length === total ? found : null;
}

function byName(a: WalkedFile, b: WalkedFile): number {
  return a.name < b.name ? -1 : 1;
}
