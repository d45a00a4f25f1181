/** All MLX servers of this machine: the one for a model, installed if need be, and what each of them knows. */
import { arch, homedir, platform } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import type { InstalledEngine, StartedKind } from '#src/engines/engine.ts';
import type { Environment } from '#src/engines/environment.ts';
import { HOMEBREW_DIRS, programPath } from '#src/engines/find.ts';
import type { Bus } from '#src/events.ts';
import type { LaunchSettings } from '#src/models/model.ts';
import type { SettingsStore } from '#src/settings/settings.ts';
import { mlxKindFor, type Servable } from './kind-for.ts';
import { MLX_KINDS, type MlxKind } from './kinds.ts';
import { MlxShelf } from './shelf.ts';

export type MlxParts = {
  /** Flow's data folder; environments go to `engines/mlx` below it. */
  readonly dataDir: string;
  /** Flow's own environment; FLOW_MLX_PYTHON in it names a Python that has the servers. */
  readonly environment: Environment;
  readonly settings: Pick<SettingsStore, 'current' | 'update'>;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly executablesInUse: () => readonly string[];
};

/** The shelves of all kinds. */
export class MlxEngines {
  readonly shelves: readonly MlxShelf[];

  constructor(shelves: readonly MlxShelf[]) {
    this.shelves = shelves;
  }

  /** Grows when a search finds other engines than the last. */
  get edition(): number {
    return this.shelves.reduce((sum, shelf) => sum + shelf.edition, 0);
  }

  /** The shelf of a kind; null for a kind that is none of MLX. */
  shelfOf(kind: StartedKind): MlxShelf | null {
    return this.shelves.find((shelf) => shelf.kind === kind) ?? null;
  }

  /** The server for a model, installed if need be and wished. Rejects with a Fault. */
  async ensure(
    { model, launch }: { readonly model: Servable; readonly launch: Pick<LaunchSettings, 'mlx_engine'> },
    signal: AbortSignal,
    onProgress: (ratio: number | null) => void = () => {},
  ): Promise<InstalledEngine> {
    const kind = mlxKindFor(model, launch, await this.#present());
    return await this.#shelf(kind).ensure(signal, onProgress);
  }

  /** The server that would serve a model now; null when none is there. Installs nothing. Rejects with a Fault. */
  async chosen({ model, launch }: Parameters<MlxEngines['ensure']>[0]): Promise<InstalledEngine | null> {
    return await this.#shelf(mlxKindFor(model, launch, await this.#present())).chosen();
  }

  /** Names of the options (`--kv-bits`) that an engine's start knows; null when it was never listed here. */
  flagsOf(engine: InstalledEngine): ReadonlySet<string> | null {
    const options = this.shelfOf(engine.kind)?.optionsOf(engine);
    return options ? new Set(options.keys()) : null;
  }

  /** The values that an engine's option may have; null when any is taken, or none is known of it. */
  choicesOf(engine: InstalledEngine, flag: string): readonly string[] | null {
    return this.shelfOf(engine.kind)?.optionsOf(engine)?.get(flag) ?? null;
  }

  /** Ends every installation under way. */
  cancelInstalls(): void {
    for (const { installer } of this.shelves) installer.cancel();
  }

  /** Removes what installations of a killed Flow have left. */
  async sweep(): Promise<void> {
    for (const { installer } of this.shelves) await installer.sweep();
  }

  /** Kinds that have an engine to use. One that is named and does not work counts: no other is taken in its place. */
  async #present(): Promise<ReadonlySet<MlxKind>> {
    const present = new Set<MlxKind>();
    for (const shelf of this.shelves) {
      const hasOne = await shelf.chosen().then(
        (engine) => engine !== null,
        () => true,
      );
      if (hasOne) present.add(shelf.kind);
    }
    return present;
  }

  #shelf(kind: MlxKind): MlxShelf {
    const shelf = this.shelves.find((each) => each.kind === kind);
    if (shelf) return shelf;
    throw new Error(`No shelf for ${kind}`);
  }
}

/** Builds the shelves; nothing is looked for yet. */
export function openMlxEngines(parts: MlxParts): MlxEngines {
  const { dataDir, environment } = parts;
  const named = environment.FLOW_MLX_PYTHON?.trim() ?? '';
  const shared = {
    ...parts,
    installDir: join(dataDir, 'engines', 'mlx'),
    machine: { platform: platform(), architecture: arch() },
    places: {
      python: named === '' ? null : programPath(named.replace(/^~(?=\/)/, homedir()), environment),
      environment,
      homebrewDirs: HOMEBREW_DIRS,
    },
  };
  return new MlxEngines(MLX_KINDS.map((kind) => new MlxShelf({ ...shared, kind })));
}
