/** Gets an engine: one installation at a time, from the first source that can, with any number of waiters. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { InstalledEngine } from './engine.ts';
import type { Environment } from './environment.ts';
import { locateProgram } from './find.ts';
import { InstallJournal, installFault, ROOM_HINT } from './install-journal.ts';
import type {
  Fetched,
  InstallProgress,
  InstallSource,
  InstallSourceName,
  InstallStep,
  InstallWatch,
} from './install-source.ts';
import { type Candidate, probe } from './probe.ts';

export type InstallerDeps = {
  /** Folder with one folder per installed release; made when needed. */
  readonly installDir: string;
  /** In the order they are tried. */
  readonly sources: readonly InstallSource[];
  readonly environment: Environment;
  readonly bus: Bus;
  readonly clock: Clock;
};

/** What to install: from one source or the first that can, one release or the newest. */
export type InstallWish = { readonly source: InstallSourceName | null; readonly version: string | null };

type Trial = { readonly name: InstallSourceName; readonly fault: Fault };

const STAGING_PREFIX = '.staging-';
const HELP = 'Install llama.cpp by your package manager, or set FLOW_LLAMA_SERVER to a llama-server of yours.';

/** Installs engines. What it puts into its folder is complete and tested, or is not there. */
export class Installer implements InstallWatch {
  readonly #deps: InstallerDeps;
  readonly #journal: InstallJournal;
  #beforeArrival: () => Promise<void> = async () => {};
  #running: { readonly promise: Promise<InstalledEngine>; readonly abort: AbortController } | null = null;

  constructor(deps: InstallerDeps) {
    this.#deps = deps;
    this.#journal = new InstallJournal({ engine: 'llama.cpp', bus: deps.bus, clock: deps.clock });
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

  /** Runs `prepare` before anything is put into the folder; what it throws ends the installation. */
  beforeArrival(prepare: () => Promise<void>): void {
    this.#beforeArrival = prepare;
  }

  /** Removes what a Flow that was killed in the midst of an installation has left; nothing while one is under way. */
  async sweep(): Promise<void> {
    if (this.#running || !existsSync(this.#deps.installDir)) return;
    await removeLeftovers(this.#deps.installDir);
  }

  /** Joins the installation under way, or starts one for the newest release. Never two at a time. */
  join(): Promise<InstalledEngine> {
    return this.#running?.promise ?? this.start({ source: null, version: null });
  }

  /** Starts an installation. Throws Fault('conflict') while one is under way; rejects with what was tried in vain. */
  start(wish: InstallWish): Promise<InstalledEngine> {
    if (this.#running) throw new Fault('conflict', 'An engine is being installed already; wait for it or cancel it.');
    const abort = new AbortController();
    this.#journal.begin();
    const promise = this.#install(wish, abort.signal).finally(() => {
      this.#running = null;
    });
    // Whoever asked may have left; the failure is in `progress` as well.
    promise.catch(() => {});
    this.#running = { promise, abort };
    return promise;
  }

  /** Ends the installation under way; its waiters get Fault('cancelled'). */
  cancel(): void {
    this.#running?.abort.abort();
  }

  async #install(wish: InstallWish, signal: AbortSignal): Promise<InstalledEngine> {
    const fits = ({ name, canServe }: InstallSource) => (wish.source ?? name) === name && canServe(wish.version);
    const sources = this.#deps.sources.filter(fits);
    const trials: Trial[] = [];
    for (const source of sources) {
      try {
        const engine = await this.#installFrom(source, wish.version, signal);
        const message = `llama.cpp ${engine.version ?? ''} is installed`;
        this.#journal.tell(source.name, { phase: 'done', bytes: 0, totalBytes: null, message });
        return engine;
      } catch (cause) {
        if (signal.aborted) return this.#fail(new Fault('cancelled', 'The installation was cancelled.', { cause }));
        trials.push({ name: source.name, fault: installFault(cause) });
      }
    }
    return this.#fail(summary(trials, wish));
  }

  #fail(fault: Fault): never {
    this.#journal.tell(null, { phase: 'failed', bytes: 0, totalBytes: null, message: fault.message });
    throw fault;
  }

  async #installFrom(source: InstallSource, version: string | null, signal: AbortSignal): Promise<InstalledEngine> {
    const { installDir } = this.#deps;
    await mkdir(installDir, { recursive: true, mode: 0o700 });
    await removeLeftovers(installDir);
    await this.#beforeArrival();
    const stagingDir = join(installDir, `${STAGING_PREFIX}${randomBytes(6).toString('hex')}`);
    await mkdir(stagingDir, { mode: 0o700 });
    const report = (step: InstallStep) => this.#journal.tell(source.name, step);
    try {
      const fetched = await source.fetch({ version, stagingDir, report, signal });
      signal.throwIfAborted();
      report({ phase: 'testing', bytes: 0, totalBytes: null, message: 'Testing whether it runs here' });
      return await this.#adopt(fetched, stagingDir);
    } finally {
      await rm(stagingDir, { recursive: true, force: true });
    }
  }

  /** Tests what was fetched, then puts it in place in one step. */
  async #adopt(fetched: Fetched, stagingDir: string): Promise<InstalledEngine> {
    if (fetched.kind === 'elsewhere') {
      const { executable } = fetched;
      return await this.#tested({ id: `path:${executable}`, executable, origin: 'homebrew' });
    }
    await this.#tested(installedCandidate(fetched.id, fetched.folder));
    await secureTree(fetched.folder);
    const place = join(this.#deps.installDir, fetched.id);
    // A former installation of the same release goes away with the staging folder, but not before its place is taken.
    const former = join(stagingDir, 'former');
    await rename(place, former).catch(ignoreMissing);
    await rename(fetched.folder, place).catch(async (cause) => {
      await rename(former, place).catch(ignoreMissing);
      throw cause;
    });
    await syncPath(this.#deps.installDir);
    return await this.#tested(installedCandidate(fetched.id, place));
  }

  async #tested(candidate: Candidate): Promise<InstalledEngine> {
    const result = await probe(candidate, this.#deps.environment);
    if (result.outcome === 'works') return result.engine;
    throw new Fault('install-failed', `What was fetched does not run here: ${result.broken.reason}`);
  }
}

function installedCandidate(id: string, folder: string): Candidate {
  const executable = locateProgram(folder);
  if (executable === null) throw new Fault('install-failed', 'What was fetched has no llama-server in it.');
  return { id, executable, origin: 'installed' };
}

function summary(trials: readonly Trial[], { source, version }: InstallWish): Fault {
  const [only] = trials;
  if (!only) {
    const what = [version, source].filter((part) => part !== null).join(' from ');
    return new Fault('install-failed', `No source has ${what || 'an engine'} for this machine.`, { hint: HELP });
  }
  const tried = trials.map(({ name, fault }) => `${NAMES[name]}: ${fault.message.replace(/\.$/, '')}`).join('; ');
  const isOffline = trials.every(({ fault }) => fault.kind === 'offline');
  const isFull = trials.some(({ fault }) => fault.kind === 'disk-full');
  const kind = isOffline ? 'offline' : isFull ? 'disk-full' : 'install-failed';
  const hint = isFull ? ROOM_HINT : HELP;
  return new Fault(kind, `No engine could be installed. Tried ${tried}.`, { hint, cause: only.fault });
}

const NAMES: { readonly [Name in InstallSourceName]: string } = {
  release: "llama.cpp's release archive",
  homebrew: 'Homebrew',
  wheel: 'the Python wheel',
};

/** What an installation leaves when Flow is killed in its midst. */
async function removeLeftovers(installDir: string): Promise<void> {
  const names = await readdir(installDir);
  const leftovers = names.filter((name) => name.startsWith(STAGING_PREFIX));
  await Promise.all(leftovers.map((name) => rm(join(installDir, name), { recursive: true, force: true })));
}

/** For the owner only, and safely on the disk. */
async function secureTree(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await secureTree(path);
    else if (entry.isFile()) {
      await chmod(path, (await stat(path)).mode & 0o700);
      await syncPath(path);
    }
  }
  await syncPath(folder);
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function ignoreMissing(cause: unknown): void {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
}
