/** Models in the Hugging Face cache: `models--owner--name/snapshots/<revision>/…`, links to `blobs`. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { mlxModelIn, modelsIn } from './folder-models.ts';
import type { Findings, FoundModel, Passed } from './found-model.ts';
import { smallFileOrNull } from './small-file.ts';
import { type WalkOptions, walkModels } from './walk.ts';

const PREFIX = 'models--';
const REF_BYTES_MAX = 1_000;
/** Repositories keep quantisations in folders, one or two deep. */
const SNAPSHOT_DEPTH_MAX = 4;
const SNAPSHOTS_MAX = 20;

/** What the cache at `hub` holds; the revision that `main` stands for comes first, then the newest. */
export async function huggingFaceModels(hub: string, options: Omit<WalkOptions, 'depthMax'>): Promise<Findings> {
  const models: FoundModel[] = [];
  const passed: Passed[] = [];
  const folders = await readdir(hub).catch(() => []);
  for (const folder of folders.filter((name) => name.startsWith(PREFIX)).toSorted()) {
    const repository = folder.slice(PREFIX.length).replace('--', '/');
    for (const snapshot of await snapshotsOf(join(hub, folder))) {
      const seen = await walkModels(snapshot, { ...options, depthMax: SNAPSHOT_DEPTH_MAX }, (walked) => {
        const facts = { place: 'huggingface', repository } as const;
        // Deeper ones are parts of something else: the eyes of a painter, the pooling of an embedder.
        const mlx = walked.path === snapshot ? walked.mlx : [];
        for (const found of [
          modelsIn(walked.gguf, facts),
          mlxModelIn(walked.path, mlx, { ...facts, name: basename(repository) }),
        ]) {
          models.push(...found.models);
          passed.push(...found.passed);
        }
      });
      passed.push(...seen);
    }
  }
  return { models, passed };
}

async function snapshotsOf(repository: string): Promise<string[]> {
  const root = join(repository, 'snapshots');
  const names = await readdir(root).catch(() => []);
  const main = smallFileOrNull(join(repository, 'refs', 'main'), REF_BYTES_MAX)?.trim() ?? null;
  const dated = await Promise.all(
    names.map(async (name) => ({
      path: join(root, name),
      isMain: name === main,
      atMs: (await stat(join(root, name)).catch(() => null))?.mtimeMs ?? 0,
    })),
  );
  return dated
    .toSorted((a, b) => Number(b.isMain) - Number(a.isMain) || b.atMs - a.atMs)
    .slice(0, SNAPSHOTS_MAX)
    .map(({ path }) => path);
}
