/** The engines of this machine: which there are, which is used, and how to get one when there is none. */
import { rename, rm } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { statOrNull } from '#src/models/file-look.ts';
import type { SettingsStore } from '#src/settings/settings.ts';
import type { InstalledEngine } from './engine.ts';
import type { Environment } from './environment.ts';
import type { EngineFeatures } from './features.ts';
import { findCandidates, HOMEBREW_DIRS, type Places, programPath } from './find.ts';
import { homebrew } from './homebrew.ts';
import { followInstall, installFor } from './install-journal.ts';
import type { InstallSource } from './install-source.ts';
import { Installer } from './installer.ts';
import { type BrokenEngine, probe } from './probe.ts';
import { pythonWheel } from './python-wheel.ts';
import { hasVulkanLoader, RELEASES_URL, readRelease, releaseArchive } from './release-archive.ts';
import type { EngineList, EngineShelf, UpdateCheck } from './shelf.ts';
import { fixedChoice, requireRemovable, throwIfLeft, unknownEngine, unlessLeft, usableEngine } from './shelf-rules.ts';
import { forgetStanding, readStanding, writeStanding } from './standing-default.ts';

export type EnginesDeps = {
  readonly places: Places;
  readonly installer: Installer;
  readonly settings: Pick<SettingsStore, 'current' | 'update'>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly releasesUrl: string;
  /** Programs that run as engines now: they are not removed. */
  readonly executablesInUse: () => readonly string[];
};

const CHECK_MS = 30_000;
const NO_ENGINE_HINT =
  'Install one (`flow engines install llama.cpp`), or set FLOW_LLAMA_SERVER to a llama-server on this machine.';

/** Finds, chooses, installs and removes engines. */
export class Engines implements EngineShelf {
  readonly kind = 'llama.cpp';
  readonly #deps: EnginesDeps;
  readonly #features = new Map<string, EngineFeatures>();
  #list: Promise<EngineList> | null = null;
  /** The programs as they were when they were asked. */
  readonly #stamps = new Map<string, string | null>();
  #presentVersion: string | null = null;
  #edition = 0;
  #found = '';
  #updates: UpdateCheck = { isChecking: false, latest: null, checkedAtMs: null, trouble: null };

  constructor(deps: EnginesDeps) {
    this.#deps = deps;
    deps.installer.beforeArrival(() => this.#holdDefault());
  }

  get installer(): Installer {
    return this.#deps.installer;
  }

  /** Version of the engine to use as last asked for; null before that, and when it would not say. */
  get presentVersion(): string | null {
    return this.#presentVersion;
  }

  /** Grows when a search finds other engines than the last: what failed for want of one may work now. */
  get edition(): number {
    return this.#edition;
  }

  get updates(): UpdateCheck {
    return this.#updates;
  }

  /** Every engine found, with those that do not work; remembered until `refresh`. */
  list(): Promise<EngineList> {
    this.#list ??= this.#search();
    return this.#list;
  }

  /** Forgets what was found, so that the next question looks again. */
  refresh(): void {
    this.#list = null;
  }

  /** What a build can do; null for an engine that was never probed here. */
  featuresOf(engine: InstalledEngine): EngineFeatures | null {
    return this.#features.get(engine.executable) ?? null;
  }

  /**
   * The engine to use: the one of FLOW_LLAMA_SERVER, else the chosen one, else the one that was used before others were
   * put beside it, else the first found; null when there is none. Throws Fault('engine-missing') when the named one is
   * not usable: another is never taken in its place.
   */
  async chosen(): Promise<InstalledEngine | null> {
    const engine = await this.#choice();
    this.#presentVersion = engine?.version ?? null;
    return engine;
  }

  async #choice(): Promise<InstalledEngine | null> {
    const { configured } = this.#deps.places;
    if (configured !== null) {
      const id = `path:${configured}`;
      return usableEngine(await this.#present(id), id, 'FLOW_LLAMA_SERVER names', NO_ENGINE_HINT);
    }
    const choice = this.#deps.settings.current.engine_choice;
    if (choice === '') return this.#unchosen((await this.#present(null)).installed);
    return usableEngine(await this.#present(choice), choice, 'The setting engine_choice names', NO_ENGINE_HINT);
  }

  /** The default while nobody has chosen one. One that has gone is no default any more. */
  #unchosen(installed: readonly InstalledEngine[]): InstalledEngine | null {
    const standing = readStanding(this.#deps.places.installDir);
    return installed.find(({ id }) => id === standing) ?? installed[0] ?? null;
  }

  /** A newer engine would be found first: what is used now is to stay so until somebody chooses. */
  async #holdDefault(): Promise<void> {
    const { places, settings } = this.#deps;
    if (places.configured !== null || settings.current.engine_choice !== '') return;
    const { installed } = await this.list();
    // What comes next changes it.
    this.refresh();
    const present = this.#unchosen(installed);
    if (present) writeStanding(places.installDir, present.id);
  }

  /**
   * An engine to use, installed if need be. Rejects with a Fault; an abort leaves the installation to others who may
   * wait.
   */
  async ensure(signal: AbortSignal, onProgress: (ratio: number | null) => void = () => {}): Promise<InstalledEngine> {
    const found = await this.chosen();
    throwIfLeft(signal);
    if (found) return found;
    if (!this.#deps.settings.current.engine_auto_install) {
      throw new Fault('engine-missing', 'There is no llama-server on this machine.', { hint: NO_ENGINE_HINT });
    }
    const { installer } = this.#deps;
    const install = () => unlessLeft(this.#afterInstall(installer.join()), signal);
    return await followInstall(installer, onProgress, install);
  }

  /**
   * Starts an installation and returns at once; `installer.progress` tells how far it is. Throws Fault('conflict')
   * during another.
   */
  install(wish: Parameters<Installer['start']>[0]): void {
    this.#afterInstall(this.#deps.installer.start(wish)).catch(() => {});
  }

  async add(
    version: string | null,
    signal: AbortSignal,
    onProgress: (ratio: number | null) => void,
  ): Promise<InstalledEngine> {
    const present = await this.#presentRelease(version, signal);
    throwIfLeft(signal);
    if (present) return present;
    const { installer } = this.#deps;
    // Brew would upgrade the program that is in use where it is, and the wheel is a fixed version.
    const start = () => installer.start({ source: 'release', version });
    const install = () => installFor(signal, installer, () => this.#afterInstall(start()));
    return await followInstall(installer, onProgress, install);
  }

  /** The release that is wanted, when Flow has it already. Whether the host can be reached is said by installing. */
  async #presentRelease(version: string | null, signal: AbortSignal): Promise<InstalledEngine | null> {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(CHECK_MS)]);
    const look = () => readRelease(this.#deps.releasesUrl, null, bounded).then(({ tag }) => tag);
    const wanted = version ?? (await look().catch(() => null));
    const { installed } = await this.list();
    return installed.find(({ id, origin }) => origin === 'installed' && id === wanted) ?? null;
  }

  /**
   * Uses this engine from the next load on; empty = the first found, which is the newest that Flow installed. Throws
   * Fault('conflict') for another than FLOW_LLAMA_SERVER names.
   */
  async choose(id: string): Promise<void> {
    const { installed } = await this.list();
    if (id !== '' && !installed.some((engine) => engine.id === id)) throw unknownEngine(id);
    const { configured } = this.#deps.places;
    if (id !== '' && configured !== null && id !== `path:${configured}`) throw fixedChoice('FLOW_LLAMA_SERVER');
    await this.#deps.settings.update({ engine_choice: id });
    if (id === '') forgetStanding(this.#deps.places.installDir);
    // Asked anew, so that what runs on another is known to do so.
    await this.chosen().catch(() => null);
  }

  /**
   * Removes a release that Flow installed. Throws Fault('conflict') for the one in use, and for what others installed.
   */
  async remove(id: string): Promise<void> {
    const chosenId = this.#deps.settings.current.engine_choice;
    requireRemovable(await this.list(), id, { executablesInUse: this.#deps.executablesInUse(), chosenId });
    const folder = join(this.#deps.places.installDir, id);
    // The name that a new installation sweeps away, should Flow end before the removal does.
    const going = join(this.#deps.places.installDir, `.staging-removed-${id}`);
    await rename(folder, going);
    this.refresh();
    await rm(going, { recursive: true, force: true });
    this.#deps.bus.publish({ type: 'engine-install-changed', engine: 'llama.cpp' });
  }

  /** Looks for a newer release and installs nothing. Returns at once; `updates` tells. */
  checkUpdates(): void {
    if (this.#updates.isChecking) return;
    this.#updates = { ...this.#updates, isChecking: true };
    readRelease(this.#deps.releasesUrl, null, AbortSignal.timeout(CHECK_MS))
      .then(({ tag }) => this.#checked({ latest: tag, trouble: null }))
      .catch((cause) => this.#checked({ trouble: cause instanceof Error ? cause.message : String(cause) }));
  }

  #checked(result: Partial<UpdateCheck>): void {
    this.#updates = { ...this.#updates, ...result, isChecking: false, checkedAtMs: this.#deps.clock.wallMs() };
    this.#deps.bus.publish({ type: 'engine-install-changed', engine: 'llama.cpp' });
  }

  async #afterInstall(installing: Promise<InstalledEngine>): Promise<InstalledEngine> {
    try {
      return await installing;
    } finally {
      this.refresh();
      // Asked again, so that its features and version are known before anybody starts it.
      await this.chosen().catch(() => null);
    }
  }

  /**
   * The list, searched again when one of it has gone or was replaced where it is, or when there was none or not the
   * wanted one: a person may just have installed or mended it, or mounted its disk.
   */
  async #present(wantedId: string | null): Promise<EngineList> {
    const { installed } = await this.list();
    const isThere = installed.some(({ id }) => wantedId === null || id === wantedId);
    if (!isThere || installed.some(({ executable }) => stampOf(executable) !== this.#stamps.get(executable)))
      this.refresh();
    return await this.list();
  }

  async #search(): Promise<EngineList> {
    const { places } = this.#deps;
    const candidates = findCandidates(places);
    // Before they are asked: one that is replaced meanwhile is asked again.
    for (const { executable } of candidates) this.#stamps.set(executable, stampOf(executable));
    const probes = await Promise.all(candidates.map((each) => probe(each, places.environment)));
    const installed: InstalledEngine[] = [];
    const broken: BrokenEngine[] = [];
    for (const result of probes) {
      if (result.outcome === 'broken') broken.push(result.broken);
      else {
        installed.push(result.engine);
        this.#features.set(result.engine.executable, result.features);
      }
    }
    const found = JSON.stringify([installed, broken]);
    if (found !== this.#found) this.#edition += 1;
    this.#found = found;
    return { installed, broken };
  }
}

/** Which file it is, and since when; null when there is none. Package managers replace programs where they are. */
function stampOf(executable: string): string | null {
  const stats = statOrNull(executable);
  return stats ? [stats.dev, stats.ino, stats.size, stats.mtimeMs].join() : null;
}

export type EngineParts = {
  /** Flow's data folder; engines go to `engines/llama.cpp` below it. */
  readonly dataDir: string;
  /** What `FLOW_LLAMA_SERVER` or the flag of that name says; null when neither is set. */
  readonly configured: string | null;
  /** Flow's own environment. */
  readonly environment: Environment;
  readonly settings: Pick<SettingsStore, 'current' | 'update'>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly executablesInUse: () => readonly string[];
};

/**
 * The engines with every source there is, in the order of the platform: Homebrew comes first where somebody has it on
 * a Mac.
 */
export function openEngines(parts: EngineParts): Engines {
  const { dataDir, configured, environment, settings, bus, clock, executablesInUse } = parts;
  const places = {
    configured: configured === null ? null : programPath(configured, environment),
    installDir: join(dataDir, 'engines', 'llama.cpp'),
    environment,
    homebrewDirs: HOMEBREW_DIRS,
  };
  const releasesUrl = environment.FLOW_ENGINE_RELEASES_URL || RELEASES_URL;
  const machine = { platform: platform(), architecture: arch(), environment };
  const release = releaseArchive({ ...machine, releasesUrl, hasVulkan: hasVulkanLoader });
  const brew = homebrew({ environment, homebrewDirs: HOMEBREW_DIRS.map(String) });
  const wheel = pythonWheel(machine);
  const sources: InstallSource[] = platform() === 'darwin' ? [brew, release] : [release, wheel, brew];
  const installer = new Installer({ installDir: places.installDir, sources, environment, bus, clock });
  return new Engines({ places, installer, settings, bus, clock, releasesUrl, executablesInUse });
}
