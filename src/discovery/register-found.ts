/** Registers what was found where it lies. */
import { realpathSync } from 'node:fs';
import type { HeaderCache } from '#src/models/header-cache.ts';
import { inspectLocal } from '#src/models/local-file.ts';
import type { Model } from '#src/models/model.ts';
import type { Registered, Registry } from '#src/models/registry.ts';
import type { FoundModel } from './found-model.ts';

/** The registered models by where their paths really lead, whatever they were registered by. */
export function byRealPath(models: readonly Model[]): ReadonlyMap<string, Model> {
  // What others serve has no path; the empty one would lead to where Flow was started.
  const onDisk = models.filter(({ path }) => path !== '');
  return new Map(onDisk.map((model) => [realPathOrSame(model.path), model]));
}

/**
 * Registers a found model; one that is registered already is answered as it is. Throws the faults of `inspectLocal`:
 * only now is its header read.
 */
export function registerFound(found: FoundModel, registry: Registry, headers: HeaderCache): Registered {
  const held = byRealPath(registry.list()).get(found.realPath);
  if (held) return { model: held, isNew: false };
  const origin = found.repository === null ? {} : { hfId: found.repository };
  if (found.place !== 'ollama') return registry.registerLocal(found.path, undefined, origin);
  const local = inspectLocal(found.path, headers);
  if (found.projectorPath === null) return registry.registerLocal(found.path, found.name, origin);
  // A blob has no name by which the registry could pair it with its projector; the manifest has told.
  const model = registry.add({
    id: found.name,
    name: found.name,
    format: 'gguf',
    path: local.path,
    hfId: found.repository,
    quantization: local.quantization,
    sizeBytes: local.sizeBytes,
    trainedContextTokens: local.trainedContextTokens,
    capabilities: { ...local.capabilities, vision: true },
    isManaged: false,
    config: { launch: { mmproj_path: found.projectorPath } },
  });
  return { model, isNew: true };
}

function realPathOrSame(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
