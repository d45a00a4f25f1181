/** Engines as `/api/engines` and `flow engines` tell them. */
import { Fault } from '#src/faults.ts';
import type { InstalledEngine } from './engine.ts';
import type { Engines } from './engines.ts';
import type { InstallProgress } from './install-source.ts';

/** What there is, what is used, and how far an installation is. */
export async function overview(engines: Engines) {
  const { installed, broken } = await engines.list();
  const chosen = await usable(engines);
  const { isChecking, latest, trouble } = engines.updates;
  return {
    chosen: chosen?.id ?? null,
    installed: installed.map((engine) => ({ ...onWire(engine), is_chosen: engine.id === chosen?.id })),
    broken: broken.map(({ id, executable, origin, reason }) => ({ id, executable, origin, reason })),
    install: progressOnWire(engines.installer.progress),
    is_installing: engines.installer.isRunning,
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
export async function usable(engines: Engines): Promise<InstalledEngine | null> {
  try {
    return await engines.chosen();
  } catch (cause) {
    if (cause instanceof Fault) return null;
    throw cause;
  }
}
