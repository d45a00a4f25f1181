/** Installs one kind of MLX server: one installation at a time, with any number of waiters. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import type { InstalledEngine } from '#src/engines/engine.ts';
import type { Environment } from '#src/engines/environment.ts';
import { InstallJournal, installFault } from '#src/engines/install-journal.ts';
import type { Bringer, InstallProgress, InstallStep, InstallWatch } from '#src/engines/install-source.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { askServer } from './ask-server.ts';
import { buildEnvironment, newestVersion, type Workshop } from './build-environment.ts';
import { folderSize } from './folder-size.ts';
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';
import { MANIFEST, type Manifest, readManifest } from './manifest.ts';
import { type Machine, unsupported } from './package-set.ts';
import { findPythonTools } from './python-tools.ts';

export type PythonInstallerDeps = {
  readonly kind: MlxKind;
  /** Folder with one environment per kind and version; made when needed. */
  readonly installDir: string;
  readonly environment: Environment;
  readonly machine: Machine;
  readonly bus: Bus;
  readonly clock: Clock;
};

/** The newest that the package index has, or one by its number. */
export type VersionWish = { readonly newest: true } | { readonly newest: false; readonly version: string };

type Asking = Pick<PythonInstallerDeps, 'kind' | 'environment' | 'machine'>;

type Running = { readonly wish: string; readonly promise: Promise<InstalledEngine>; readonly abort: AbortController };

/** Folders that are being removed. */
const GOING_PREFIX = '.going-';
/** As Python numbers releases; nothing that could be read as a path or an option. */
const VERSION = /^\d[A-Za-z0-9.]{0,40}$/;

/** Makes environments. One that is listed is complete and was tried; a half-made one is swept by the next. */
export class PythonInstaller implements InstallWatch {
  readonly #deps: PythonInstallerDeps;
  readonly #journal: InstallJournal;
  #bringer: Bringer | null = null;
  #running: Running | null = null;

  constructor(deps: PythonInstallerDeps) {
    this.#deps = deps;
    this.#journal = new InstallJournal({ engine: deps.kind, bus: deps.bus, clock: deps.clock });
  }

  get progress(): InstallProgress | null {
    return this.#journal.progress;
  }

  get log(): readonly string[] {
    return this.#journal.log;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  onProgress(listener: (progress: InstallProgress) => void): () => void {
    return this.#journal.onProgress(listener);
  }

  cancel(): void {
    this.#running?.abort.abort();
  }

  /** Removes what a Flow that was killed in the midst of an installation has left; nothing while one is under way. */
  async sweep(): Promise<void> {
    if (!this.isRunning && existsSync(this.#deps.installDir)) await sweep(this.#deps.installDir, this.#deps.kind);
  }

  /** Joins the installation under way, whatever it brings, or starts one of the tested version. */
  join(): Promise<InstalledEngine> {
    const { version } = MLX_PROGRAMS[this.#deps.kind];
    return this.#running?.promise ?? this.start({ newest: false, version });
  }

  /**
   * Starts an installation, or joins the one for the same version. Throws Fault('conflict') while another version is
   * being installed; rejects with a Fault.
   */
  start(wish: VersionWish): Promise<InstalledEngine> {
    const name = wish.newest ? 'the newest version' : wish.version;
    if (this.#running?.wish === name) return this.#running.promise;
    if (this.#running) {
      throw new Fault('conflict', `${this.#deps.kind}: ${this.#running.wish} is being installed already.`, {
        hint: 'Wait for it or cancel it.',
      });
    }
    if (!wish.newest && !VERSION.test(wish.version)) {
      throw new Fault('invalid-request', `"${wish.version.slice(0, 60)}" is no version such as 1.2.3.`);
    }
    const abort = new AbortController();
    this.#journal.begin();
    const promise = this.#install(wish, abort.signal).finally(() => {
      this.#running = null;
    });
    // Whoever asked may have left; the failure is in `progress` as well.
    promise.catch(() => {});
    this.#running = { wish: name, promise, abort };
    return promise;
  }

  async #install(wish: VersionWish, signal: AbortSignal): Promise<InstalledEngine> {
    this.#bringer = null;
    try {
      this.#tell({ phase: 'looking', bytes: 0, totalBytes: null, message: 'Looking for Python and uv' });
      const engine = await this.#brought(wish, signal);
      const message = `${this.#deps.kind} ${engine.version ?? ''} is installed`;
      this.#tell({ phase: 'done', bytes: 0, totalBytes: null, message });
      return engine;
    } catch (cause) {
      const fault = signal.aborted
        ? new Fault('cancelled', 'The installation was cancelled.', { cause })
        : installFault(cause);
      this.#tell({ phase: 'failed', bytes: 0, totalBytes: null, message: fault.message });
      throw fault;
    }
  }

  async #brought(wish: VersionWish, signal: AbortSignal): Promise<InstalledEngine> {
    const { kind, installDir, machine, environment } = this.#deps;
    const reason = unsupported(machine);
    if (reason !== null) throw new Fault('install-failed', reason);
    await mkdir(installDir, { recursive: true, mode: 0o700 });
    await sweep(installDir, kind);
    const tools = await findPythonTools(environment, machine, MLX_PROGRAMS[kind].pythons);
    signal.throwIfAborted();
    this.#bringer = tools.uv ? 'uv' : 'pip';
    const workshop = { environment, machine, tools, signal, report: (step: InstallStep) => this.#tell(step) };
    const version = wish.newest ? await this.#newest(workshop) : wish.version;
    const folder = join(installDir, `${kind}-${version}`);
    const present = readManifest(join(folder, MANIFEST));
    if (present) {
      const answer = await askServer(kind, scriptIn(folder, kind), { environment, folder, signal });
      if (answer.outcome === 'works') return engineIn(folder, kind, present);
      await removeFolder(folder);
    }
    return await this.#made(version, folder, workshop);
  }

  async #newest(workshop: Workshop): Promise<string> {
    const { kind } = this.#deps;
    const message = `Asking for the newest version of ${MLX_PROGRAMS[kind].packageName}`;
    this.#tell({ phase: 'looking', bytes: 0, totalBytes: null, message });
    return await inPassing((folder) => newestVersion(kind, folder, workshop));
  }

  /** Made at its final place, since Python environments cannot be moved; it counts from its manifest on. */
  async #made(version: string, folder: string, workshop: Workshop): Promise<InstalledEngine> {
    const { kind, environment, clock } = this.#deps;
    try {
      await buildEnvironment(kind, version, folder, workshop);
      this.#tell({ phase: 'testing', bytes: 0, totalBytes: null, message: 'Testing whether it runs here' });
      const { signal } = workshop;
      const answer = await askServer(kind, scriptIn(folder, kind), { environment, folder, signal });
      if (answer.outcome === 'broken') {
        throw new Fault('install-failed', `What was fetched does not run here: ${answer.reason}`);
      }
      const sizeBytes = await folderSize(folder);
      const manifest: Manifest = { ...answer.facts, kind, installedAtMs: clock.wallMs(), sizeBytes };
      const temporary = join(folder, `${MANIFEST}.new`);
      await writeFile(temporary, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600, flush: true });
      signal.throwIfAborted();
      await rename(temporary, join(folder, MANIFEST));
      return engineIn(folder, kind, manifest);
    } catch (cause) {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      throw cause;
    }
  }

  #tell(step: InstallStep): void {
    this.#journal.tell(this.#bringer, step);
  }
}

/** The engine of an environment that Flow made. */
export function engineIn(folder: string, kind: MlxKind, { version }: Pick<Manifest, 'version'>): InstalledEngine {
  const id = folder.slice(folder.lastIndexOf('/') + 1);
  return { kind, id, version, executable: scriptIn(folder, kind), origin: 'installed', libraryPath: null };
}

/** The console script of a kind in an environment. */
function scriptIn(folder: string, kind: MlxKind): string {
  return join(folder, 'bin', MLX_PROGRAMS[kind].script);
}

/** Removes an environment: at once from the list, then from the disk. */
export async function removeFolder(folder: string): Promise<void> {
  const cut = folder.lastIndexOf('/') + 1;
  const going = `${folder.slice(0, cut)}${GOING_PREFIX}${folder.slice(cut)}-${Date.now().toString(36)}`;
  await rename(folder, going);
  await rm(going, { recursive: true, force: true });
}

/** Lends an empty folder. */
async function inPassing<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'flow-'));
  try {
    return await act(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Asks for the newest version in passing; installs nothing. Rejects with a Fault. */
export async function askNewest(deps: Asking, signal: AbortSignal): Promise<string> {
  const { kind, environment, machine } = deps;
  const reason = unsupported(machine);
  if (reason !== null) throw new Fault('install-failed', reason);
  const tools = await findPythonTools(environment, machine, MLX_PROGRAMS[kind].pythons);
  const workshop = { environment, machine, tools, signal, report: () => {} };
  return await inPassing((folder) => newestVersion(kind, folder, workshop));
}

/** What an installation of this kind leaves when Flow is killed in its midst. */
async function sweep(installDir: string, kind: MlxKind): Promise<void> {
  const names = await readdir(installDir);
  const isHalfMade = (name: string) =>
    name.startsWith(`${kind}-`) && readManifest(join(installDir, name, MANIFEST)) === null;
  const leftovers = names.filter((name) => name.startsWith(`${GOING_PREFIX}${kind}-`) || isHalfMade(name));
  await Promise.all(leftovers.map((name) => rm(join(installDir, name), { recursive: true, force: true })));
}
