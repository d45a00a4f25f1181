/** Makes a Python environment with one MLX server in it: by uv where it is, else by Python's own venv and pip. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '#src/engines/environment.ts';
import type { InstallStep } from '#src/engines/install-source.ts';
import { type ProgramEnd, runProgram } from '#src/engines/run-program.ts';
import { Fault } from '#src/faults.ts';
import { folderSize } from './folder-size.ts';
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';
import { type Machine, packageSet } from './package-set.ts';
import { type PythonTools, pythonEnvironment } from './python-tools.ts';
import { installTrouble } from './python-trouble.ts';

export type Workshop = {
  readonly environment: Environment;
  readonly machine: Machine;
  readonly tools: PythonTools;
  readonly signal: AbortSignal;
  readonly report: (step: InstallStep) => void;
};

/** An empty folder's name within an environment, for what is only needed while it is made. */
const TEMPORARY = '.making';
/** uv takes seconds; pip on a slow line may take long. */
const INSTALL_MS = 3_600_000;
const ASK_MS = 120_000;
const SIZE_INTERVAL_MS = 1_000;
// Building a package runs its code on this machine, and needs compilers; ready-made ones are unpacked only.
const ONLY_READY_MADE = ['--only-binary', ':all:'] as const;
const WITHOUT_PYTHON =
  'Install uv, or Python 3.12 with its venv module (on Debian and Ubuntu: apt install python3 python3-venv).';

/** The version that is the newest for this machine's Python. Asks the package index; installs nothing. */
export async function newestVersion(kind: MlxKind, folder: string, workshop: Workshop): Promise<string> {
  const { packageName } = MLX_PROGRAMS[kind];
  const { tools, environment, signal } = workshop;
  const wish = join(folder, 'wish.txt');
  await writeFile(wish, `${packageName}\n`);
  const python = tools.python?.executable;
  if (!tools.uv && !python) throw withoutPython();
  const asked = tools.uv
    ? [tools.uv, 'pip', 'compile', '--no-header', '--no-annotate', '--quiet', ...pythonOption(tools)]
    : [python ?? 'python3', '-m', 'pip', 'install', '--dry-run', '--ignore-installed', '-r'];
  const env = { ...pythonEnvironment(environment), TMPDIR: folder };
  const argv = tools.uv
    ? [...asked, ...ONLY_READY_MADE, '--no-deps', wish]
    : [...asked, wish, '--no-deps', ...ONLY_READY_MADE];
  const end = await runProgram(argv, { env, boundMs: ASK_MS, signal, cwd: folder });
  if (end.kind !== 'exited' || end.code !== 0) throw installTrouble(end, packageName);
  const pattern = new RegExp(`\\b${packageName.replaceAll('-', '[-_]')}(?:==|-)(\\d[A-Za-z0-9.]*)`, 'gi');
  const version = [...end.stdout.matchAll(pattern)].at(-1)?.[1];
  if (version) return version.replace(/\.$/, '');
  throw new Fault('install-failed', `The newest version of ${packageName} could not be read from the answer.`);
}

/**
 * Fills `folder`, which must not be there, with an environment that has this version. Rejects with a Fault, or with the
 * signal's reason; what is in the folder then is for the caller to remove.
 */
export async function buildEnvironment(
  kind: MlxKind,
  version: string,
  folder: string,
  workshop: Workshop,
): Promise<void> {
  const { tools, environment, machine, signal, report } = workshop;
  const set = packageSet(kind, version, machine);
  const { packageName, sizeBytes } = MLX_PROGRAMS[kind];
  const making = join(folder, TEMPORARY);
  const env = pythonEnvironment(environment);
  const meter = new Meter(folder, sizeBytes, report);
  const run = async (argv: readonly string[], cwd: string): Promise<void> => {
    const heard = { onLine: (line: string) => meter.hear(line), signal, boundMs: INSTALL_MS };
    const end: ProgramEnd = await runProgram(argv, { env: { ...env, TMPDIR: cwd }, cwd, ...heard });
    if (end.kind !== 'exited' || end.code !== 0) throw installTrouble(end, packageName);
  };
  using _ = meter.start(`Making a Python environment for ${packageName} ${version}`);
  await mkdir(folder, { mode: 0o700 });
  await makeVenv(folder, tools, run);
  await mkdir(making, { mode: 0o700 });
  await writeFile(join(making, 'requirements.txt'), lines(set.requirements));
  await writeFile(join(making, 'overrides.txt'), lines(set.overrides));
  const python = join(folder, 'bin', 'python');
  const requirements = [...ONLY_READY_MADE, '-r', join(making, 'requirements.txt')];
  meter.hear(`Downloading ${packageName} ${version}`);
  const pip = [python, '-m', 'pip', 'install', '--no-input'];
  // Only uv can leave packages out; pip brings it as a package like any other.
  const uv = tools.uv ?? (set.overrides.length > 0 ? join(folder, 'bin', 'uv') : null);
  if (tools.uv === null && uv !== null) await run([...pip, ...ONLY_READY_MADE, 'uv'], making);
  const overrides = set.overrides.length > 0 ? ['--override', join(making, 'overrides.txt')] : [];
  await run(
    uv ? [uv, 'pip', 'install', '--python', python, ...overrides, ...requirements] : [...pip, ...requirements],
    making,
  );
  for (const { name, text } of set.modules) await writeFile(join(await sitePackages(folder), name), text);
  await rm(making, { recursive: true, force: true });
}

async function makeVenv(
  folder: string,
  tools: PythonTools,
  run: (argv: readonly string[], cwd: string) => Promise<void>,
): Promise<void> {
  // uv brings a Python of its own where it may and none is there.
  if (tools.uv)
    return await run([tools.uv, 'venv', '--no-project', '--allow-existing', ...pythonOption(tools), folder], folder);
  if (!tools.python) throw withoutPython();
  await run([tools.python.executable, '-I', '-m', 'venv', folder], folder);
}

function withoutPython(): Fault {
  return new Fault('install-failed', 'There is neither uv nor a Python that fits.', { hint: WITHOUT_PYTHON });
}

function pythonOption({ python }: PythonTools): string[] {
  return ['--python', python?.executable ?? '3.12'];
}

async function sitePackages(folder: string): Promise<string> {
  const glob = new Bun.Glob('lib/python3.*/site-packages');
  for await (const found of glob.scan({ cwd: folder, onlyFiles: false })) return join(folder, found);
  throw new Fault('install-failed', 'The Python environment has no place for packages.');
}

const lines = (all: readonly string[]): string => all.map((each) => `${each}\n`).join('');

/** Tells how far it is: what is in the folder, and the last thing that was said. */
class Meter {
  readonly #folder: string;
  readonly #totalBytes: number;
  readonly #report: (step: InstallStep) => void;
  #bytes = 0;
  #fetchedBytes = 0;
  #message = '';
  readonly #announced = new Map<string, number>();

  constructor(folder: string, totalBytes: number, report: (step: InstallStep) => void) {
    this.#folder = folder;
    this.#totalBytes = totalBytes;
    this.#report = report;
  }

  /** Looks at the folder every second until it is disposed. */
  start(message: string): Disposable {
    this.hear(message);
    let isLooking = false;
    const look = async () => {
      if (isLooking) return;
      isLooking = true;
      this.#bytes = Math.max(this.#bytes, await folderSize(this.#folder));
      isLooking = false;
      this.#tell();
    };
    const ticking = setInterval(() => void look(), SIZE_INTERVAL_MS);
    return { [Symbol.dispose]: () => clearInterval(ticking) };
  }

  hear(line: string): void {
    const text = line.trim().slice(0, 200);
    if (text === '' || /^(warning|\[notice\]|\+ )/i.test(text)) return;
    this.#message = text;
    this.#count(text);
    this.#tell();
  }

  /** uv fetches into its own cache, and says of each larger package how big it is and when it is there. */
  #count(line: string): void {
    const [, announced = '', size, unit = ''] = /^Downloading (\S+) \(([\d.]+)\s?([KMG])iB\)/.exec(line) ?? [];
    if (size !== undefined) this.#announced.set(announced, Number(size) * (UNITS[unit] ?? 1));
    const fetched = /^Downloaded (\S+)/.exec(line)?.[1];
    if (fetched !== undefined) this.#fetchedBytes += this.#announced.get(fetched) ?? 0;
  }

  #tell(): void {
    const bytes = Math.min(Math.max(this.#bytes, this.#fetchedBytes), this.#totalBytes);
    this.#report({ phase: 'downloading', bytes, totalBytes: this.#totalBytes, message: this.#message });
  }
}

const UNITS: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
