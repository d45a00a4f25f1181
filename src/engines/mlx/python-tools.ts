/** The Pythons and the uv of this machine, and the environment that both are run with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, toolEnvironment } from '#src/engines/environment.ts';
import { runProgram } from '#src/engines/run-program.ts';
import { isObject, jsonOrNull } from '#src/json.ts';
import type { Machine } from './package-set.ts';

/** A Python that was asked. */
export type Python = { readonly executable: string; readonly minor: number };

/** What environments are made with. */
export type PythonTools = {
  /** A working uv; null when there is none. */
  readonly uv: string | null;
  /** A Python of a fitting version; null when there is none. */
  readonly python: Python | null;
};

/** A shim that has nothing behind it ends at once; a Python on a cold disk may take seconds. */
const ASK_MS = 15_000;
/** Names that would mix another environment's packages in, or install into another place. */
const MISLEADING = [
  /^(PYTHON|__PYVENV|VIRTUAL_ENV|CONDA_)/,
  /^PIP_(TARGET|USER|PREFIX|ROOT|PYTHON|REQUIRE_|NO_DEPS)/,
  /^UV_(PYTHON$|PROJECT|SYSTEM_PYTHON|TARGET|PREFIX|BREAK_|OVERRIDE|CONSTRAINT|BUILD_CONSTRAINT|EXCLUDE)/,
] as const;
const QUESTION = `import json, platform, sys
print(json.dumps({"executable": getattr(sys, "_base_executable", None) or sys.executable,
  "minor": sys.version_info[1] if sys.version_info[0] == 3 else -1, "machine": platform.machine()}))`;

/** The environment of uv, pip and Python themselves: the user's own with mirrors and proxies, but no other packages. */
export function pythonEnvironment(environment: Environment): Record<string, string> {
  const entries = Object.entries(toolEnvironment(environment)).filter(
    ([name]) => !MISLEADING.some((pattern) => pattern.test(name)),
  );
  return {
    ...Object.fromEntries(entries),
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    PIP_NO_INPUT: '1',
    PIP_USER: '0',
    UV_NO_PROGRESS: '1',
  };
}

/** Looks for uv and for a Python of one of these minor versions, the earliest named first. */
export async function findPythonTools(
  environment: Environment,
  machine: Machine,
  minors: readonly number[],
): Promise<PythonTools> {
  const [uv, python] = await Promise.all([findUv(environment), findPython(environment, machine, minors)]);
  return { uv, python };
}

async function findUv(environment: Environment): Promise<string | null> {
  const env = pythonEnvironment(environment);
  for (const executable of placesOf('uv', environment)) {
    const end = await runProgram([executable, '--version'], { env, boundMs: ASK_MS });
    if (end.kind === 'exited' && end.code === 0) return executable;
  }
  return null;
}

async function findPython(
  environment: Environment,
  machine: Machine,
  minors: readonly number[],
): Promise<Python | null> {
  const env = pythonEnvironment(environment);
  const names = [...minors.map((minor) => `python3.${minor}`), 'python3', 'python'];
  for (const executable of names.flatMap((name) => placesOf(name, environment))) {
    // Apple's own is too old, and only opens a dialogue where the developer tools are missing.
    if (machine.platform === 'darwin' && executable.startsWith('/usr/bin/')) continue;
    const end = await runProgram([executable, '-I', '-c', QUESTION], { env, boundMs: ASK_MS });
    if (end.kind !== 'exited' || end.code !== 0) continue;
    const python = readAnswer(end.stdout, machine);
    if (python && minors.includes(python.minor)) return python;
  }
  return null;
}

function readAnswer(text: string, machine: Machine): Python | null {
  const answer = jsonOrNull(text);
  if (!isObject(answer) || typeof answer.executable !== 'string' || typeof answer.minor !== 'number') return null;
  // Under Rosetta it would fetch packages for Intel.
  if (machine.platform === 'darwin' && answer.machine !== 'arm64') return null;
  return { executable: answer.executable, minor: answer.minor };
}

/** Where a program is: on `PATH`, and where its own installers put it, which a service's `PATH` may not name. */
function placesOf(name: string, environment: Environment): string[] {
  const onPath = (environment.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'));
  const home = environment.HOME ? [join(environment.HOME, '.local/bin')] : [];
  const folders = new Set([...onPath, ...home, '/opt/homebrew/bin', '/usr/local/bin']);
  return [...folders].map((folder) => join(folder, name)).filter((path) => existsSync(path));
}
