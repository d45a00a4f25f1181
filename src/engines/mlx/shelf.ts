/** The MLX servers of one kind on this machine: which there are, which is used, and how to get one. */
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InstalledEngine } from '#src/engines/engine.ts';
import { followInstall, installFor } from '#src/engines/install-journal.ts';
import type { BrokenEngine, Candidate } from '#src/engines/probe.ts';
import type { EngineList, EngineShelf, UpdateCheck } from '#src/engines/shelf.ts';
import {
  fixedChoice,
  requireRemovable,
  throwIfLeft,
  unknownEngine,
  unlessLeft,
  usableEngine,
} from '#src/engines/shelf-rules.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { SettingsStore } from '#src/settings/settings.ts';
import { askServer, pythonOf, type ServerAnswer } from './ask-server.ts';
import { findServers, type ServerPlaces, stampOf } from './find-servers.ts';
import { MLX_PROGRAMS, type MlxKind } from './kinds.ts';
import { MANIFEST, type Manifest, optionsOf, readManifest } from './manifest.ts';
import type { ServerOptions } from './options.ts';
import { unsupported } from './package-set.ts';
import {
  askNewest,
  engineIn,
  PythonInstaller,
  type PythonInstallerDeps,
  removeFolder,
  type VersionWish,
} from './python-installer.ts';

export type MlxShelfDeps = PythonInstallerDeps & {
  readonly places: ServerPlaces;
  readonly settings: Pick<SettingsStore, 'current' | 'update'>;
  /** Programs that run as engines now: they are not removed. */
  readonly executablesInUse: () => readonly string[];
};

const CHECK_MS = 120_000;

/** The setting that names the chosen engine of a kind. */
const CHOICES = {
  'mlx-lm': 'mlx_lm_choice',
  'mlx-openai-server': 'mlx_openai_server_choice',
  'mlx-vlm': 'mlx_vlm_choice',
} as const;

/** Finds, chooses, installs and removes the servers of one kind. */
export class MlxShelf implements EngineShelf {
  readonly kind: MlxKind;
  readonly installer: PythonInstaller;
  readonly #deps: MlxShelfDeps;
  readonly #options = new Map<string, ServerOptions>();
  readonly #answers = new Map<string, Promise<ServerAnswer>>();
  #edition = 0;
  #presentVersion: string | null = null;
  #found = '';
  #updates: UpdateCheck = { isChecking: false, latest: null, checkedAtMs: null, trouble: null };

  constructor(deps: MlxShelfDeps) {
    this.kind = deps.kind;
    this.#deps = deps;
    this.installer = new PythonInstaller(deps);
  }

  /** Grows when another search finds other engines than the last: what failed for want of one may work now. */
  get edition(): number {
    return this.#edition;
  }

  get updates(): UpdateCheck {
    return this.#updates;
  }

  /** Version of the engine to use as last asked for; null before that, and when it would not say. */
  get presentVersion(): string | null {
    return this.#presentVersion;
  }

  /** Whether FLOW_MLX_PYTHON names the engine of this kind: then no other is used in this run. */
  get isNamed(): boolean {
    return findServers(this.kind, this.#deps.places).some(({ origin }) => origin === 'environment');
  }

  /**
   * Every engine found, with those that do not work: the named one, then Flow's own, the oldest first, then those of
   * others. So a version put beside the one in use is not used before somebody chooses it.
   */
  async list(): Promise<EngineList> {
    const candidates = findServers(this.kind, this.#deps.places);
    const others = await Promise.all(candidates.map((candidate) => this.#ask(candidate)));
    const own = await this.#own();
    const isNamed = ({ origin }: Candidate) => origin === 'environment';
    const working = others.flatMap((each) => (each.outcome === 'works' ? [each.engine] : []));
    const installed = [...working.filter(isNamed), ...own.installed, ...working.filter((engine) => !isNamed(engine))];
    const broken = [...own.broken, ...others.flatMap((each) => (each.outcome === 'broken' ? [each.broken] : []))];
    const found = JSON.stringify([installed, broken]);
    if (found !== this.#found) this.#edition += 1;
    this.#found = found;
    return { installed, broken };
  }

  async chosen(): Promise<InstalledEngine | null> {
    const engine = await this.#choice();
    this.#presentVersion = engine?.version ?? null;
    return engine;
  }

  async #choice(): Promise<InstalledEngine | null> {
    const list = await this.list();
    const named = [...list.installed, ...list.broken].find(({ origin }) => origin === 'environment');
    if (named) return usableEngine(list, named.id, 'FLOW_MLX_PYTHON names an environment with', this.#help());
    const choice = this.#deps.settings.current[CHOICES[this.kind]];
    if (choice === '') return list.installed[0] ?? null;
    return usableEngine(list, choice, `The setting ${CHOICES[this.kind]} names`, this.#help());
  }

  async choose(id: string): Promise<void> {
    const { installed } = await this.list();
    const engine = installed.find((each) => each.id === id);
    if (id !== '' && !engine) throw unknownEngine(id);
    if (engine && engine.origin !== 'environment' && this.isNamed) throw fixedChoice('FLOW_MLX_PYTHON');
    await this.#deps.settings.update({ [CHOICES[this.kind]]: id });
    // Asked anew, so that what runs on another is known to do so.
    await this.chosen().catch(() => null);
  }

  async remove(id: string): Promise<void> {
    const chosenId = this.#deps.settings.current[CHOICES[this.kind]];
    requireRemovable(await this.list(), id, { executablesInUse: this.#deps.executablesInUse(), chosenId });
    await removeFolder(join(this.#deps.installDir, id));
    this.#deps.bus.publish({ type: 'engine-install-changed', engine: this.kind });
  }

  /**
   * Starts an installation and returns at once: null = the tested version, `newest`, or one by its number. Throws
   * Fault('conflict') while another version is being installed, and Fault('invalid-request').
   */
  install(version: string | null): void {
    this.installer
      .start(this.wishOf(version))
      .then(() => this.list())
      .catch(() => {});
  }

  /** As `install` reads a version. */
  wishOf(version: string | null): VersionWish {
    if (version === 'newest') return { newest: true };
    return { newest: false, version: version ?? MLX_PROGRAMS[this.kind].version };
  }

  async add(
    version: string | null,
    signal: AbortSignal,
    onProgress: (ratio: number | null) => void,
  ): Promise<InstalledEngine> {
    const wish = version === null ? { newest: true as const } : { newest: false as const, version };
    const install = () => installFor(signal, this.installer, () => this.installer.start(wish));
    return await this.#listed(followInstall(this.installer, onProgress, install));
  }

  /**
   * An engine to use, installed if need be and wished. Rejects with a Fault; an abort leaves the installation to
   * others who may wait.
   */
  async ensure(signal: AbortSignal, onProgress: (ratio: number | null) => void = () => {}): Promise<InstalledEngine> {
    const found = await this.chosen();
    throwIfLeft(signal);
    if (found) return found;
    const reason = unsupported(this.#deps.machine);
    if (reason !== null) throw new Fault('engine-missing', reason);
    if (!this.#deps.settings.current.engine_auto_install) {
      throw new Fault('engine-missing', `There is no ${this.kind} on this machine.`, { hint: this.#help() });
    }
    const install = () => unlessLeft(this.installer.join(), signal);
    return await this.#listed(followInstall(this.installer, onProgress, install));
  }

  checkUpdates(): void {
    if (this.#updates.isChecking) return;
    this.#updates = { ...this.#updates, isChecking: true };
    askNewest(this.#deps, AbortSignal.timeout(CHECK_MS))
      .then((latest) => this.#checked({ latest, trouble: null }))
      .catch((cause) => this.#checked({ trouble: asFault(cause).message }));
  }

  /** The options that an engine knows; null when it was never listed here. */
  optionsOf(engine: InstalledEngine): ServerOptions | null {
    return this.#options.get(engine.executable) ?? null;
  }

  /** Bytes that an environment of Flow's took when it was made; null for what others installed. */
  sizeOf({ id, origin }: Candidate): number | null {
    if (origin !== 'installed') return null;
    return readManifest(join(this.#deps.installDir, id, MANIFEST))?.sizeBytes ?? null;
  }

  #checked(result: Partial<UpdateCheck>): void {
    this.#updates = { ...this.#updates, ...result, isChecking: false, checkedAtMs: this.#deps.clock.wallMs() };
    this.#deps.bus.publish({ type: 'engine-install-changed', engine: this.kind });
  }

  #help(): string {
    return `Install one (\`flow engines install ${this.kind}\`), or name a Python that has it in FLOW_MLX_PYTHON.`;
  }

  /** Listed once it is there, so that its options are known before anybody starts it. */
  async #listed(installing: Promise<InstalledEngine>): Promise<InstalledEngine> {
    const engine = await installing;
    await this.list();
    return engine;
  }

  /** The environments that Flow made; one whose Python has gone is said to be broken. */
  async #own(): Promise<EngineList> {
    const { installDir } = this.#deps;
    const names = await readdir(installDir).catch(() => []);
    const made = names.filter((name) => name.startsWith(`${this.kind}-`)).flatMap((name) => this.#environment(name));
    const inOrder = made.sort((one, other) => one.manifest.installedAtMs - other.manifest.installedAtMs);
    const installed: InstalledEngine[] = [];
    const broken: BrokenEngine[] = [];
    for (const { folder, manifest } of inOrder) {
      const engine = engineIn(folder, this.kind, manifest);
      this.#options.set(engine.executable, optionsOf(manifest));
      if (pythonOf(engine.executable) !== null) installed.push(engine);
      else {
        const { id, executable, origin } = engine;
        const reason = 'The Python that it was made with is gone; install it again.';
        broken.push({ id, executable, origin, reason });
      }
    }
    return { installed, broken };
  }

  #environment(name: string): { folder: string; manifest: Manifest }[] {
    const folder = join(this.#deps.installDir, name);
    const manifest = readManifest(join(folder, MANIFEST));
    return manifest?.kind === this.kind ? [{ folder, manifest }] : [];
  }

  /** Asks another's server, once for as long as it stays the same: starting Python takes seconds. */
  async #ask(candidate: Candidate): Promise<Found> {
    const { executable } = candidate;
    const key = stampOf(executable);
    if (key === null) return { outcome: 'broken', broken: { ...candidate, reason: 'There is no such program.' } };
    const { environment } = this.#deps;
    const asked = this.#answers.get(key) ?? askServer(this.kind, executable, { environment, folder: tmpdir() });
    this.#answers.set(key, asked);
    const answer = await asked;
    if (answer.outcome === 'broken') return { outcome: 'broken', broken: { ...candidate, reason: answer.reason } };
    const { version } = answer.facts;
    this.#options.set(executable, optionsOf(answer.facts));
    return { outcome: 'works', engine: { ...candidate, kind: this.kind, version, libraryPath: null } };
  }
}

type Found =
  | { readonly outcome: 'works'; readonly engine: InstalledEngine }
  | { readonly outcome: 'broken'; readonly broken: BrokenEngine };
