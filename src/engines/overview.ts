/** Engines as `/api/engines` and `flow engines` tell them. */
import { Fault } from '#src/faults.ts';
import type { InstalledEngine, StartedKind } from './engine.ts';
import type { Engines } from './engines.ts';
import type { InstallProgress, InstallWatch } from './install-source.ts';
import type { MlxEngines } from './mlx/mlx-engines.ts';
import type { EngineShelf } from './shelf.ts';

/** All that engines are kept on. */
export type Shelves = { readonly engines: Engines; readonly mlx: MlxEngines };

/** A shelf whose installations can be watched. */
export type WatchedShelf = EngineShelf & {
  readonly installer: InstallWatch;
  /** Bytes on disk of what Flow installed; null when that is not known. */
  sizeOf?(engine: InstalledEngine): number | null;
};

/** Every shelf, llama.cpp's first. */
export function allShelves({ engines, mlx }: Shelves): readonly WatchedShelf[] {
  return [engines, ...mlx.shelves];
}

/** What there is, what is used, and how far an installation is: llama.cpp's at the top, and all under `kinds`. */
export async function overview(shelves: Shelves) {
  const all = await Promise.all(allShelves(shelves).map(async (shelf) => [shelf.kind, await shown(shelf)] as const));
  const [first] = all;
  return { ...(first?.[1] ?? (await shown(shelves.engines))), kinds: Object.fromEntries(all) };
}

async function shown(shelf: WatchedShelf) {
  const { installed, broken } = await shelf.list();
  const chosen = await usable(shelf);
  const { isChecking, latest, trouble } = shelf.updates;
  return {
    chosen: chosen?.id ?? null,
    installed: installed.map((engine) => ({
      ...onWire(engine),
      size_bytes: shelf.sizeOf?.(engine) ?? null,
      is_chosen: engine.id === chosen?.id,
    })),
    broken: broken.map(({ id, executable, origin, reason }) => ({ kind: shelf.kind, id, executable, origin, reason })),
    install: progressOnWire(shelf.installer.progress),
    is_installing: shelf.installer.isRunning,
    updates: { checking: isChecking, latest, error: trouble },
  };
}

const onWire = ({ kind, id, version, executable, origin }: InstalledEngine) => ({
  kind,
  id,
  version,
  executable,
  origin,
});

/** One step of an installation in the names of the wire. */
export function progressOnWire(progress: InstallProgress | null) {
  if (!progress) return null;
  const { phase, source, bytes, totalBytes, message } = progress;
  return { phase, source, bytes, total_bytes: totalBytes, message };
}

/** The engine in use; null also when the one that is named cannot be used, which the list explains. */
export async function usable(shelf: EngineShelf): Promise<InstalledEngine | null> {
  try {
    return await shelf.chosen();
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}

/** The shelf that has an engine of this id. Throws Fault('not-found'). */
export async function shelfWith(id: string, shelves: Shelves): Promise<EngineShelf> {
  for (const shelf of allShelves(shelves)) {
    const { installed, broken } = await shelf.list();
    if ([...installed, ...broken].some((engine) => engine.id === id)) return shelf;
  }
  throw new Fault('not-found', `There is no engine \`${id}\`.`, { hint: '`flow engines` lists them.' });
}

/** The shelf of a kind. Throws Fault('not-found'). */
export function shelfOf(kind: StartedKind, shelves: Shelves): EngineShelf {
  const shelf = allShelves(shelves).find((each) => each.kind === kind);
  if (shelf) return shelf;
  throw new Fault('not-found', `Flow keeps no engines of the kind ${kind}.`);
}
