/** What the seed's `/api/backend-versions` says: the same field names, read from the engines as they are now. */
import type { InstalledEngine } from './engine.ts';
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

/** llama.cpp, from the engine in use, the last look for updates and the installation under way. */
export function llamaCppVersion(
  engine: InstalledEngine | null,
  updates: UpdateCheck,
  installing: { readonly isRunning: boolean; readonly log: readonly string[]; readonly trouble: string | null },
): BackendVersion {
  const current = engine?.version ?? null;
  return {
    name: 'llama.cpp',
    current,
    latest: updates.latest,
    update_available: isNewer(updates.latest, current),
    install_method: engine === null ? 'not_found' : engine.origin === 'homebrew' ? 'brew' : 'other',
    updating: installing.isRunning,
    update_log: installing.log.slice(-50),
    error: installing.trouble ?? updates.trouble,
  };
}

/** The seed's other backend, which this Flow does not start. */
export const mlxVersion = (): BackendVersion => ({
  name: 'mlx-openai-server',
  current: null,
  latest: null,
  update_available: false,
  install_method: 'not_found',
  updating: false,
  update_log: [],
  error: null,
});

/** Whether release `latest` (`b11434`) is newer than `current`; false when either does not tell. */
export function isNewer(latest: string | null, current: string | null): boolean {
  const [newest, present] = [buildNumber(latest), buildNumber(current)];
  return newest !== null && present !== null && newest > present;
}

function buildNumber(version: string | null): number | null {
  const match = /^b(\d+)/.exec(version ?? '');
  return match ? Number(match[1]) : null;
}
