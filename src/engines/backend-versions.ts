/** What the seed's `/api/backend-versions` says: the same field names, read from the engines as they are now. */
import { isNewer } from './compare-versions.ts';
import type { InstalledEngine } from './engine.ts';
import type { InstallWatch } from './install-source.ts';
import type { UpdateCheck } from './shelf.ts';

export type BackendVersion = {
  readonly name: string;
  readonly current: string | null;
  readonly latest: string | null;
  readonly update_available: boolean;
  readonly install_method: 'brew' | 'other' | 'not_found';
  readonly updating: boolean;
  /** At most the last 50 lines. */
  readonly update_log: readonly string[];
  readonly error: string | null;
};

/** One backend, from the engine in use, the last look for updates and the installation under way. */
export function backendVersion(
  name: string,
  engine: InstalledEngine | null,
  updates: UpdateCheck,
  { progress, log, isRunning }: Pick<InstallWatch, 'progress' | 'log' | 'isRunning'>,
): BackendVersion {
  const current = engine?.version ?? null;
  const trouble = progress?.phase === 'failed' ? progress.message : null;
  return {
    name,
    current,
    latest: updates.latest,
    update_available: isNewer(updates.latest, current),
    install_method: engine === null ? 'not_found' : engine.origin === 'homebrew' ? 'brew' : 'other',
    updating: isRunning,
    update_log: log.slice(-50),
    error: trouble ?? updates.trouble,
  };
}

/** The seed's name of its one MLX server, where none is installed yet. */
export const noMlxVersion: BackendVersion = {
  name: 'mlx-openai-server',
  current: null,
  latest: null,
  update_available: false,
  install_method: 'not_found',
  updating: false,
  update_log: [],
  error: null,
};
