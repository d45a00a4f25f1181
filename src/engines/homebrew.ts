/** llama.cpp from Homebrew, where a person has it: then updates and removal are Homebrew's as well. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { type Environment, toolEnvironment } from './environment.ts';
import type { Fetched, InstallRequest, InstallSource } from './install-source.ts';
import { runProgram } from './run-program.ts';

export type HomebrewDeps = {
  readonly environment: Environment;
  /** Where `brew` may be besides `PATH`. */
  readonly homebrewDirs: readonly string[];
};

/** A bottle takes a minute; a build from source, on a system without bottles, much longer. */
const BREW_MS = 3_600_000;

/** The source that asks `brew`. It serves only the newest version, since Homebrew has no other. */
export function homebrew(deps: HomebrewDeps): InstallSource {
  return {
    name: 'homebrew',
    canServe: (version) => version === null && findBrew(deps) !== null,
    fetch: (request) => fetchWithBrew(request, deps),
  };
}

async function fetchWithBrew({ report, signal }: InstallRequest, deps: HomebrewDeps): Promise<Fetched> {
  const brew = findBrew(deps);
  if (brew === null) throw new Fault('install-failed', 'Homebrew is not there.');
  const say = (line: string) => {
    const phase = /pouring|installing/i.test(line) ? 'unpacking' : 'downloading';
    report({ phase, bytes: 0, totalBytes: null, message: `Homebrew: ${line.slice(0, 200)}` });
  };
  say('brew install llama.cpp');
  // Without a terminal nobody could answer a question of its.
  const env = {
    ...toolEnvironment(deps.environment),
    NONINTERACTIVE: '1',
    HOMEBREW_NO_ENV_HINTS: '1',
    HOMEBREW_NO_ASK: '1',
  };
  const end = await runProgram([brew, 'install', 'llama.cpp'], { env, boundMs: BREW_MS, signal, onLine: say });
  if (end.kind !== 'exited' || end.code !== 0) {
    const output = end.kind === 'exited' ? `${end.stdout}\n${end.stderr}` : end.kind;
    throw new Fault('install-failed', `Homebrew could not install llama.cpp: ${lastLine(output)}.`);
  }
  return { kind: 'elsewhere', executable: join(dirname(brew), 'llama-server') };
}

function findBrew({ environment, homebrewDirs }: HomebrewDeps): string | null {
  const onPath = (environment.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'));
  const folder = [...onPath, ...homebrewDirs].find((each) => existsSync(join(each, 'brew')));
  return folder === undefined ? null : join(folder, 'brew');
}

const lastLine = (output: string): string => (output.trim().split('\n').at(-1) ?? '').replace(/\.$/, '').slice(0, 300);
