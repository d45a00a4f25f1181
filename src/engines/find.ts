/** Where engines may be on this machine, in the order of preference. */
import { type Dirent, existsSync, readdirSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Environment } from './environment.ts';
import type { Candidate } from './probe.ts';

export type Places = {
  /** The absolute path that `FLOW_LLAMA_SERVER` names; null when it is not set. */
  readonly configured: string | null;
  /** Folder with one folder per installed release. */
  readonly installDir: string;
  /** Its `PATH` is searched. */
  readonly environment: Environment;
  readonly homebrewDirs: readonly string[];
};

/** Where Homebrew links its programs: Apple Silicon, Intel Macs, Linux. */
export const HOMEBREW_DIRS = ['/opt/homebrew/bin', '/usr/local/bin', '/home/linuxbrew/.linuxbrew/bin'] as const;

const PROGRAM = 'llama-server';
/** Release archives hold it at most this deep (`build/bin/llama-server`, the wheel one deeper). */
const DEPTH_MAX = 3;

/**
 * Every program that may be an engine, best first; the same file is named once. A configured one is named even when it
 * is missing.
 */
export function findCandidates(places: Places): Candidate[] {
  const found = [...configured(places), ...installed(places.installDir), ...onPath(places), ...homebrew(places)];
  const seen = new Set<string>();
  return found.filter(({ executable }) => {
    const key = existsSync(executable) ? realpathSync(executable) : executable;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The absolute path of a program as a person names it: by a path, a relative one too, or by its name on `PATH`. */
export function programPath(named: string, environment: Environment): string {
  if (named.includes('/')) return resolve(named);
  return Bun.which(named, { PATH: environment.PATH ?? '' }) ?? resolve(named);
}

/** The llama-server in an unpacked release; null when there is none. Follows no links. */
export function locateProgram(folder: string, depth = 0): string | null {
  const entries = entriesOf(folder);
  const own = entries.find((entry) => entry.name === PROGRAM && entry.isFile());
  if (own) return join(folder, own.name);
  if (depth === DEPTH_MAX) return null;
  for (const entry of entries.filter((each) => each.isDirectory())) {
    const deeper = locateProgram(join(folder, entry.name), depth + 1);
    if (deeper !== null) return deeper;
  }
  return null;
}

function configured(places: Places): Candidate[] {
  const executable = places.configured;
  return executable === null ? [] : [{ id: `path:${executable}`, executable, origin: 'environment' }];
}

function installed(installDir: string): Candidate[] {
  return entriesOf(installDir)
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name)
    .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }))
    .map((id) => {
      const executable = locateProgram(join(installDir, id)) ?? join(installDir, id, PROGRAM);
      return { id, executable, origin: 'installed' };
    });
}

function onPath({ environment, homebrewDirs }: Places): Candidate[] {
  const folders = (environment.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return folders.flatMap((folder) => programIn(folder, homebrewDirs.includes(folder) ? 'homebrew' : 'path'));
}

function homebrew({ homebrewDirs }: Places): Candidate[] {
  return homebrewDirs.flatMap((folder) => programIn(folder, 'homebrew'));
}

function programIn(folder: string, origin: 'path' | 'homebrew'): Candidate[] {
  const executable = join(folder, PROGRAM);
  return existsSync(executable) ? [{ id: `path:${executable}`, executable, origin }] : [];
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
