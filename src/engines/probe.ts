/** Asks a program whether it is a llama-server that runs here, which one, and what it can do. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { InstalledEngine } from './engine.ts';
import { type Environment, engineEnvironment } from './environment.ts';
import { type EngineFeatures, readFeatures } from './features.ts';
import { type ProgramEnd, runProgram } from './run-program.ts';

/** A program that may be an engine. */
export type Candidate = Pick<InstalledEngine, 'id' | 'executable' | 'origin'>;

/** A program that is there and does not work, with the reason as one sentence. */
export type BrokenEngine = Candidate & { readonly reason: string };

export type Probe =
  | { readonly outcome: 'works'; readonly engine: InstalledEngine; readonly features: EngineFeatures }
  | { readonly outcome: 'broken'; readonly broken: BrokenEngine };

/** macOS checks a program it has never seen for seconds; a healthy one answers in 10 ms. */
const PROBE_MS = 20_000;

/** Runs `--version` and `--help`. Never throws. */
export async function probe(candidate: Candidate, environment: Environment): Promise<Probe> {
  const beside = librariesBeside(candidate.executable);
  const first = await probeWith(candidate, environment, beside);
  const inherited = environment.LD_LIBRARY_PATH;
  // A person's own build may find its libraries (CUDA's, say) only by the loader path of their shell.
  if (first.outcome === 'works' || !inherited || !first.broken.reason.includes('library')) return first;
  const second = await probeWith(candidate, environment, beside === null ? inherited : `${beside}:${inherited}`);
  return second.outcome === 'works' ? second : first;
}

/**
 * The version a text of `--version` names: `b6710` for `version: 6710 (abc)` and `version: 0.1.0 (build 6710, …)`.
 */
export function readVersion(text: string): string | null {
  const match = /^version: (\S+)(?: \((?:build (\d+), commit )?([0-9a-f]+)\))?/m.exec(text);
  if (!match) return null;
  const [, name = '', build, commit] = match;
  // Builds outside the project's own releases count from 1, which says nothing; their commit does.
  if (build !== undefined && Number(build) > 1) return `b${build}`;
  if (/^\d+$/.test(name)) return Number(name) > 1 ? `b${name}` : (commit ?? name);
  return commit === undefined ? name : `${name}+${commit}`;
}

async function probeWith(candidate: Candidate, environment: Environment, libraryPath: string | null): Promise<Probe> {
  const env = engineEnvironment(environment, libraryPath);
  const broken = (reason: string): Probe => ({ outcome: 'broken', broken: { ...candidate, reason } });
  const version = await runProgram([candidate.executable, '--version'], { env, boundMs: PROBE_MS });
  if (version.kind !== 'exited' || version.code !== 0) return broken(trouble(version));
  // Older builds print it to the error output.
  const name = readVersion(`${version.stdout}\n${version.stderr}`);
  if (name === null) return broken('It runs, but does not say its version as llama-server does.');
  const help = await runProgram([candidate.executable, '--help'], { env, boundMs: PROBE_MS });
  const features = readFeatures(help.kind === 'exited' ? help.stdout : '');
  // The folder of an installed one has the name of its release, which a build from elsewhere cannot say itself.
  const released = candidate.origin === 'installed' && /^b\d+/.test(candidate.id) ? candidate.id : name;
  const engine: InstalledEngine = { ...candidate, kind: 'llama.cpp', version: released, libraryPath };
  return { outcome: 'works', engine, features };
}

const NOT_STARTED: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file.',
  EACCES: 'It may not be executed (no permission).',
  ENOEXEC: 'It is not a program for this kind of machine.',
};

function trouble(end: ProgramEnd): string {
  switch (end.kind) {
    case 'timed-out':
      return `It did not answer \`--version\` within ${PROBE_MS / 1000} s.`;
    case 'not-started':
      return NOT_STARTED[end.code] ?? `It cannot be executed (${end.code}).`;
    case 'killed':
      return end.signal === 'SIGILL'
        ? 'It needs CPU instructions that this machine does not have.'
        : `It crashed when asked for its version (${end.signal}).`;
    default:
      return complaint(end.code, `${end.stderr}\n${end.stdout}`);
  }
}

function complaint(code: number, output: string): string {
  const library = /error while loading shared libraries: ([^:\s]+)|Library not loaded: (\S+)/.exec(output);
  if (library) return `The library ${library[1] ?? library[2]} is missing.`;
  const system = /version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(output);
  if (system) return `This system is older than it needs (${system[1]} is missing).`;
  const last = output.trim().split('\n').at(-1) ?? '';
  return `It ended with code ${code} when asked for its version${last === '' ? '.' : `: ${last.slice(0, 200)}`}`;
}

/** The program's own folder when llama.cpp's libraries lie there, else null. */
function librariesBeside(executable: string): string | null {
  const folder = dirname(executable);
  try {
    return readdirSync(folder).some((name) => /^libllama\b.*\.(so|dylib)/.test(name)) ? folder : null;
  } catch {
    return null;
  }
}
