/** MLX servers that somebody else installed: of the Python that was named, and on `PATH`. They are used in place. */
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '#src/engines/environment.ts';
import type { Candidate } from '#src/engines/probe.ts';
import { pythonOf } from './ask-server.ts';
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';

export type ServerPlaces = {
  /** The absolute path of the Python that FLOW_MLX_PYTHON names; null when it is not set. */
  readonly python: string | null;
  /** Its `PATH` is searched. */
  readonly environment: Environment;
  readonly homebrewDirs: readonly string[];
};

/**
 * What may be a server of this kind, best first, each file once. The named Python counts only when it has this server
 * or is missing itself: then whoever named it should hear of it.
 */
export function findServers(kind: MlxKind, { python, environment, homebrewDirs }: ServerPlaces): Candidate[] {
  const { script } = MLX_PROGRAMS[kind];
  const onPath = (environment.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'));
  const elsewhere = [...new Set([...onPath, ...homebrewDirs])].flatMap((folder): Candidate[] => {
    const executable = join(folder, script);
    const origin = homebrewDirs.includes(folder) ? 'homebrew' : 'path';
    return existsSync(executable) ? [{ id: `path:${executable}`, executable, origin }] : [];
  });
  const seen = new Set<string>();
  return [...named(python, script), ...elsewhere].filter(({ executable }) => {
    const key = existsSync(executable) ? realpathSync(executable) : executable;
    return seen.has(key) ? false : Boolean(seen.add(key));
  });
}

function named(python: string | null, script: string): Candidate[] {
  if (python === null) return [];
  const executable = join(dirname(python), script);
  const isMeant = existsSync(executable) || !existsSync(python);
  return isMeant ? [{ id: `path:${executable}`, executable, origin: 'environment' }] : [];
}

/**
 * What changes when another version is installed in its place: the script's, and that of the folder that every package
 * leaves its name in. Null when the script is gone.
 */
export function stampOf(executable: string): string | null {
  try {
    const { mtimeMs, size } = statSync(executable);
    return [realpathSync(executable), mtimeMs, size, ...packageTimes(executable)].join(' ');
  } catch {
    return null;
  }
}

function packageTimes(executable: string): number[] {
  const python = pythonOf(executable);
  if (python === null) return [];
  const library = join(dirname(dirname(python)), 'lib');
  return readdirSync(library)
    .filter((name) => name.startsWith('python3'))
    .map((name) => statSync(join(library, name, 'site-packages'), { throwIfNoEntry: false })?.mtimeMs ?? 0);
}
