/** What a complete download becomes: a registered model, with what belongs to it. */
import { dirname, join, sep } from 'node:path';
import type { Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import type { DownloadRecord } from './record.ts';

/** The model that came of it, and what there is to say; null when there is none. */
export type Entry = { readonly modelId: string | null; readonly note: string | null };

export interface Library {
  /** Throws a Fault when what was fetched is no model. */
  enter(record: DownloadRecord): Entry;
  /** Whether the file belongs to a model that Flow fetched from this repository. */
  mayReplace(path: string, repository: string): boolean;
}

/** Enters downloads into the list of models. */
export function openLibrary(registry: Registry): Library {
  return {
    enter: (record) => enter(registry, record),
    mayReplace: (path, repository) =>
      registry
        .list()
        .some((model) => model.isManaged && model.hfId === repository && folderOf(model) === dirname(path)),
  };
}

function enter(registry: Registry, record: DownloadRecord): Entry {
  const main = record.files.find(({ role }) => role === 'model');
  if (!main) return { modelId: null, note: null };
  const path = record.format === 'mlx' ? join(record.root, ...record.repository.split('/')) : main.target;
  const origin = { hfId: record.repository, isManaged: record.files.every((file) => file.isFetched) };
  const { model, isNew } = registry.registerLocal(path, undefined, origin);
  if (!isNew && registry.isReplaced(model)) registry.refresh(model.id);
  attach(registry, model.id, record);
  return { modelId: model.id, note: null };
}

function folderOf({ format, path }: Model): string {
  return format === 'mlx' ? path : dirname(path);
}

/** A projector in the model's folder is found by registration; one that was not, and a draft, are named here. */
function attach(registry: Registry, modelId: string, record: DownloadRecord): void {
  const { launch } = registry.need(modelId).config;
  const targetOf = (role: 'projector' | 'draft') => record.files.find((file) => file.role === role)?.target;
  const projector = targetOf('projector');
  const draftFile = targetOf('draft');
  const draft = draftFile && record.format === 'mlx' ? dirname(draftFile) : draftFile;
  const isOurs = (path: string | undefined): boolean => !path || path.startsWith(record.root + sep);
  const patch = {
    ...(projector && isOurs(launch.mmproj_path) && launch.mmproj_path !== projector ? { mmproj_path: projector } : {}),
    ...(draft ? { draft_model_path: draft } : {}),
  };
  if (Object.keys(patch).length > 0) registry.updateConfig(modelId, { launch: patch });
}
