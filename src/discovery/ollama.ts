/** Models that Ollama has pulled: a manifest names the blobs, which are plain GGUF files without an ending. */
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { quantizationInName } from '#src/gguf/tensor-types.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { Findings, FoundModel, Passed } from './found-model.ts';
import { smallFileOrNull } from './small-file.ts';
import { ENTRIES_MAX, type WalkOptions } from './walk.ts';

const MANIFEST_BYTES_MAX = 1 << 20;
/** `host/namespace/model/tag`. */
const MANIFEST_DEPTH = 4;
const DIGEST = /^sha256[:-]([0-9a-f]{64})$/;
const LAYER = 'application/vnd.ollama.image.';

/** What the folder (with `manifests` and `blobs` in it) holds. */
export async function ollamaModels(root: string, options: Omit<WalkOptions, 'depthMax'>): Promise<Findings> {
  const models: FoundModel[] = [];
  const passed: Passed[] = [];
  const manifests = join(root, 'manifests');
  for (const path of await manifestPaths(manifests, options)) {
    options.signal.throwIfAborted();
    const layers = layersOf(smallFileOrNull(path, MANIFEST_BYTES_MAX));
    const name = nameOf(relative(manifests, path).split(sep));
    const reason = layers === null ? 'The manifest cannot be read.' : unfit(layers);
    const weights = layers === null ? null : blobOf(root, layers, 'model');
    const size = weights === null ? null : await fileSize(weights);
    if (reason !== null || layers === null || weights === null || size === null) {
      passed.push({ path, reason: reason ?? 'Its weights are not there.' });
      continue;
    }
    const projector = blobOf(root, layers, 'projector');
    const hasProjector = projector !== null && (await fileSize(projector)) !== null;
    models.push({
      place: 'ollama',
      path: weights,
      realPath: weights,
      contentPath: weights,
      format: 'gguf',
      name,
      repository: name.startsWith('hf.co/') ? (name.slice('hf.co/'.length).split(':')[0] ?? null) : null,
      quantization: quantizationInName(name),
      sizeBytes: size,
      parts: 1,
      projectorPath: hasProjector ? projector : null,
    });
  }
  return { models, passed };
}

async function manifestPaths(root: string, { signal, budget }: Omit<WalkOptions, 'depthMax'>): Promise<string[]> {
  let level = [root];
  for (let depth = 0; depth < MANIFEST_DEPTH; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      signal.throwIfAborted();
      const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
      for (const entry of entries) {
        budget.entries += 1;
        if (budget.entries > ENTRIES_MAX) return [];
        const isWanted = depth === MANIFEST_DEPTH - 1 ? entry.isFile() : entry.isDirectory();
        if (isWanted && !entry.name.startsWith('.')) next.push(join(folder, entry.name));
      }
    }
    level = next;
  }
  return level.toSorted();
}

/** As people write it: without Ollama's own host and library, and without `latest`. */
function nameOf([host = '', namespace = '', model = '', tag = '']: readonly string[]): string {
  const isOwn = host === 'registry.ollama.ai';
  const owner = isOwn && namespace === 'library' ? '' : `${namespace}/`;
  return `${isOwn ? '' : `${host}/`}${owner}${model}${tag === 'latest' ? '' : `:${tag}`}`;
}

function layersOf(text: string | null): readonly JsonObject[] | null {
  try {
    const manifest: unknown = JSON.parse(text ?? '');
    return isObject(manifest) && Array.isArray(manifest.layers) ? manifest.layers.filter(isObject) : null;
  } catch {
    return null;
  }
}

/** Why a manifest is none that Flow could serve; null when it is. */
function unfit(layers: readonly JsonObject[]): string | null {
  const kinds = layers.map((layer) => stringOrNull(layer.mediaType) ?? '');
  if (kinds.includes(`${LAYER}adapter`)) return 'It is an adapter over another model.';
  if (kinds.filter((kind) => kind === `${LAYER}model`).length > 1) return 'It is made of several weight files.';
  if (!kinds.includes(`${LAYER}model`))
    return 'It has no weights in GGUF form: it runs elsewhere, or in another format.';
  return null;
}

/** The path of a layer's blob; null when there is none or its digest is not one. */
function blobOf(root: string, layers: readonly JsonObject[], kind: 'model' | 'projector'): string | null {
  const layer = layers.find(({ mediaType }) => mediaType === LAYER + kind);
  const digest = DIGEST.exec(stringOrNull(layer?.digest) ?? '')?.[1];
  return digest === undefined ? null : join(root, 'blobs', `sha256-${digest}`);
}

async function fileSize(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? found.size : null;
}
