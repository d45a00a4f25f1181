/** Asks an installed MLX server whether it runs here, which version it is, and which options it knows. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Environment, engineEnvironment } from '#src/engines/environment.ts';
import { type ProgramEnd, runProgram } from '#src/engines/run-program.ts';
import { isObject, jsonOrNull, stringOrNull } from '#src/json.ts';
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';
import type { ServerFacts } from './manifest.ts';
import { readOptions } from './options.ts';

export type ServerAnswer =
  | { readonly outcome: 'works'; readonly facts: ServerFacts }
  /** `reason` is one sentence. */
  | { readonly outcome: 'broken'; readonly reason: string };

/** The first start of a new environment compiles some thousand files; later ones take two seconds. */
const ASK_MS = 180_000;
const COMPLAINT_LENGTH_MAX = 300;
const QUESTION = `import importlib.metadata as metadata, json, platform, sys
def version(name):
    try: return metadata.version(name)
    except Exception: return None
print(json.dumps({"version": version(sys.argv[1]), "mlx": version("mlx"), "python": platform.python_version()}))`;
const SUM = 'import mlx.core as mx; print("sum", (mx.array([1, 2]) + mx.array([3, 4])).tolist())';

/**
 * Runs the server's help and a sum in MLX, side by side. Rejects only when `signal` aborts. `folder` is where they are
 * run: some servers write log files where they are started.
 */
export async function askServer(
  kind: MlxKind,
  script: string,
  { environment, folder, signal }: { environment: Environment; folder: string; signal?: AbortSignal },
): Promise<ServerAnswer> {
  const program = MLX_PROGRAMS[kind];
  const python = pythonOf(script);
  if (python === null) return { outcome: 'broken', reason: 'The Python that it was made for is gone.' };
  const run = { env: askingEnvironment(environment), boundMs: ASK_MS, cwd: folder, ...(signal ? { signal } : {}) };
  const questions = [
    runProgram([script, ...program.help], run),
    runProgram([python, '-I', '-c', QUESTION, program.packageName], run),
    runProgram([python, '-I', '-c', SUM], run),
  ] as const;
  // All have ended before anybody may remove the folder that they write compiled files to.
  await Promise.allSettled(questions);
  const [help, names, sum] = await Promise.all(questions);
  if (help.kind !== 'exited' || help.code !== 0) return { outcome: 'broken', reason: complaint(help) };
  if (sum.kind !== 'exited' || !sum.stdout.includes('sum [4, 6]')) return { outcome: 'broken', reason: complaint(sum) };
  const options = Object.fromEntries(
    [...readOptions(help.stdout)].map(([name, values]) => [name, values && [...values]]),
  );
  if (!('--port' in options)) return { outcome: 'broken', reason: 'It runs, but has no option --port.' };
  const said = names.kind === 'exited' ? jsonOrNull(names.stdout) : null;
  const word = (name: string) => (isObject(said) ? stringOrNull(said[name]) : null);
  return {
    outcome: 'works',
    facts: { version: word('version'), mlx: word('mlx'), python: word('python'), options },
  };
}

/** The Python of a console script: what its first line names, else the one beside it; null when it is not there. */
export function pythonOf(script: string): string | null {
  const named = /^#!(\/\S+)/.exec(firstLine(script))?.[1];
  if (named !== undefined && /\/python[\d.]*$/.test(named)) return existsSync(named) ? named : null;
  try {
    const beside = join(dirname(realpathSync(script)), 'python');
    return existsSync(beside) ? beside : null;
  } catch {
    return null;
  }
}

/** The environment of a server that is only asked: nothing of another Python, and no network. */
function askingEnvironment(environment: Environment): Record<string, string> {
  return {
    ...engineEnvironment(environment, null),
    PYTHONNOUSERSITE: '1',
    PYTHONUNBUFFERED: '1',
    HF_HUB_OFFLINE: '1',
    // Help texts are wrapped to the terminal's width.
    COLUMNS: '200',
    NO_COLOR: '1',
  };
}

function firstLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').slice(0, 1_000).split('\n', 1)[0] ?? '';
  } catch {
    return '';
  }
}

function complaint(end: ProgramEnd): string {
  switch (end.kind) {
    case 'timed-out':
      return `It did not answer within ${ASK_MS / 1000} s.`;
    case 'not-started':
      return end.code === 'ENOENT' ? 'There is no such program.' : `It cannot be executed (${end.code}).`;
    case 'killed':
      return end.signal === 'SIGILL'
        ? 'It needs CPU instructions that this machine does not have.'
        : `It crashed when it was tried (${end.signal}).`;
    default:
      return words(end.code, `${end.stdout}\n${end.stderr}`);
  }
}

/** A traceback says in its last line what is wrong. */
function words(code: number, output: string): string {
  const system = /version [`']((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(output);
  if (system) return `This system is older than it needs (${system[1]} is missing).`;
  const lines = output.trim().split('\n');
  const last = lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? '';
  const said = last === '' ? '.' : `: ${last.trim().slice(0, COMPLAINT_LENGTH_MAX)}`;
  return `It ended with code ${code} when it was tried${said}`;
}
