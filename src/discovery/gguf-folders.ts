/** Models in plain folders: LM Studio's `publisher/repository/file.gguf`, and llama.cpp's flat download cache. */
import { basename, dirname, join, relative, sep } from 'node:path';
import { objectOrNull, stringOrNull } from '#src/json.ts';
import { mlxModelIn, modelsIn } from './folder-models.ts';
import type { Findings, FoundModel, Passed } from './found-model.ts';
import { lmStudioFolders, lmStudioSettings, type Surroundings } from './places.ts';
import { smallFileOrNull } from './small-file.ts';
import { type WalkOptions, walkModels } from './walk.ts';

const SETTINGS_BYTES_MAX = 1 << 20;
const LM_STUDIO_DEPTH_MAX = 6;

/** What LM Studio keeps, in the folder that its settings name and in the usual ones. */
export async function lmStudioModels(
  surroundings: Surroundings,
  options: Omit<WalkOptions, 'depthMax'>,
): Promise<Findings> {
  const models: FoundModel[] = [];
  const passed: Passed[] = [];
  for (const root of lmStudioFolders(surroundings, chosenFolder(surroundings))) {
    const seen = await walkModels(root, { ...options, depthMax: LM_STUDIO_DEPTH_MAX }, ({ path, gguf, mlx }) => {
      const [publisher, repository] = relative(root, path).split(sep);
      const isNamed = publisher !== undefined && publisher !== '' && repository !== undefined;
      const facts = { place: 'lm-studio', repository: isNamed ? `${publisher}/${repository}` : null } as const;
      for (const found of [modelsIn(gguf, facts), mlxModelIn(path, mlx, { ...facts, name: basename(path) })]) {
        models.push(...found.models);
        passed.push(...found.passed);
      }
    });
    passed.push(...seen);
  }
  return { models, passed };
}

/** What llama.cpp downloaded into its own cache: one folder for all, so its place says nothing of a projector. */
export async function llamaCppModels(root: string, options: Omit<WalkOptions, 'depthMax'>): Promise<Findings> {
  const models: FoundModel[] = [];
  const passed: Passed[] = [];
  const seen = await walkModels(root, { ...options, depthMax: 1 }, ({ gguf }) => {
    const found = modelsIn(gguf, { place: 'llama.cpp', repository: null });
    models.push(...found.models.map((model) => ({ ...model, projectorPath: null })));
    passed.push(...found.passed);
  });
  return { models, passed: [...passed, ...seen] };
}

/** The downloads folder a person has chosen in LM Studio; null when none was. */
export function chosenFolder(surroundings: Surroundings): string | null {
  const { pointer, usual } = lmStudioSettings(surroundings);
  const home = smallFileOrNull(pointer, SETTINGS_BYTES_MAX)?.trim() ?? '';
  const text = smallFileOrNull(join(home === '' ? usual : home, 'settings.json'), SETTINGS_BYTES_MAX);
  const named = stringOrNull(objectOrNull(text ?? '')?.downloadsFolder);
  if (named !== null) return named;
  return home === '' || basename(dirname(home)) === '' ? null : join(home, 'models');
}
