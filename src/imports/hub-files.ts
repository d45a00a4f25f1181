/** Finds what an engine would fetch from the Hub (`-hf owner/name:QUANT`) among the files that are here already. */
import { basename } from 'node:path';
import type { FoundModel } from '#src/discovery/found-model.ts';

/** llama-server takes this quantisation when none is named. */
const USUAL_QUANTIZATION = 'Q4_K_M';

/** The path of a model that was downloaded before, by any program; null when it is not there. */
export function downloadedPath(wanted: string, file: string | null, found: readonly FoundModel[]): string | null {
  const [repository = '', quantization] = wanted.split(':');
  const inRepository = found.filter(
    (model) => model.format === 'gguf' && model.repository?.toLowerCase() === repository.toLowerCase(),
  );
  if (file !== null) return inRepository.find((model) => basename(model.path) === basename(file))?.path ?? null;
  const isOf = (wish: string) => (model: FoundModel) =>
    model.quantization?.toLowerCase() === wish.toLowerCase() || model.name.toLowerCase().endsWith(wish.toLowerCase());
  if (quantization !== undefined) return inRepository.find(isOf(quantization))?.path ?? null;
  return (inRepository.find(isOf(USUAL_QUANTIZATION)) ?? inRepository[0])?.path ?? null;
}

/** The folder of an MLX model that was downloaded before, by any program; null when it is not there. */
export function downloadedFolder(repository: string, found: readonly FoundModel[]): string | null {
  const isMeant = (model: FoundModel): boolean =>
    model.format === 'mlx' && model.repository?.toLowerCase() === repository.toLowerCase();
  return found.find(isMeant)?.path ?? null;
}

/** The repository of `owner/name[:QUANT]`. */
export function repositoryOf(wanted: string): string {
  return wanted.split(':')[0] ?? wanted;
}
