/**
 * What is known of every kind of engine, held ready for rendering: looking for engines runs programs, rendering does
 * not wait.
 */
import { isNewer } from '#src/engines/compare-versions.ts';
import type { InstalledEngine, StartedKind } from '#src/engines/engine.ts';
import { usable, type WatchedShelf } from '#src/engines/overview.ts';
import type { BrokenEngine } from '#src/engines/probe.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import type { Upgrades } from '#src/upgrades/upgrades.ts';
import type { EngineKindData, EngineReportData, EngineRowData, EngineWorkData } from '#views/settings/engines.tsx';

export type EngineBoardParts = {
  readonly shelves: () => readonly WatchedShelf[];
  readonly upgrades: Pick<Upgrades, 'progress' | 'records'>;
  /** Why the engine of a kind cannot be chosen in this run; null when it can. */
  readonly fixedBy: (kind: StartedKind) => string | null;
  /** Something that is shown is another now. */
  readonly onChange: () => void;
};

/** What one shelf held when it was looked at last. */
type Seen = {
  readonly installed: readonly InstalledEngine[];
  readonly broken: readonly BrokenEngine[];
  readonly chosenId: string | null;
};

/** The newest state that is known. */
export class EngineBoard {
  readonly #parts: EngineBoardParts;
  readonly #seen = new Map<StartedKind, Seen>();
  #looking: Promise<void> | null = null;
  #isAskedAgain = false;

  constructor(parts: EngineBoardParts) {
    this.#parts = parts;
  }

  /** Looks at all shelves. Never rejects; asked during a look, one more follows. */
  look(): Promise<void> {
    if (this.#looking !== null) {
      this.#isAskedAgain = true;
      return this.#looking;
    }
    this.#looking = this.#lookUntilQuiet();
    return this.#looking;
  }

  /** Everything that is shown of engines. */
  kinds(): readonly EngineKindData[] {
    return this.#parts.shelves().map((shelf) => this.#kind(shelf));
  }

  /** Ids that may be chosen for a kind. */
  idsOf(kind: StartedKind): readonly string[] {
    return this.#seen.get(kind)?.installed.map(({ id }) => id) ?? [];
  }

  /** Id of the engine that a kind uses; null when there is none, or nobody has looked yet. */
  chosenOf(kind: StartedKind): string | null {
    return this.#seen.get(kind)?.chosenId ?? null;
  }

  async #lookUntilQuiet(): Promise<void> {
    do {
      this.#isAskedAgain = false;
      await Promise.all(this.#parts.shelves().map((shelf) => this.#lookAt(shelf)));
    } while (this.#isAskedAgain);
    this.#looking = null;
    this.#parts.onChange();
  }

  async #lookAt(shelf: WatchedShelf): Promise<void> {
    try {
      // Where there was none, asking for the one in use looks anew: the list is that of the new look.
      const chosen = await usable(shelf);
      const { installed, broken } = await shelf.list();
      this.#seen.set(shelf.kind, { installed, broken, chosenId: chosen?.id ?? null });
    } catch {
      // What cannot be looked at is shown as it was seen last.
    }
  }

  #kind(shelf: WatchedShelf): EngineKindData {
    const { upgrades, fixedBy } = this.#parts;
    const seen = this.#seen.get(shelf.kind) ?? null;
    const chosen = seen?.installed.find(({ id }) => id === seen.chosenId) ?? null;
    const former = upgrades.records.formerOf(shelf.kind);
    const canGoBack = former !== chosen?.id && (seen?.installed.some(({ id }) => id === former) ?? false);
    const { latest, isChecking, trouble } = shelf.updates;
    const rows = seen?.installed.map((engine) => rowOf(engine, shelf, seen.chosenId)) ?? [];
    const broken = seen?.broken.map(({ id, origin, reason }) => ({ id, origin, reason })) ?? [];
    return {
      kind: shelf.kind,
      isSeen: seen !== null,
      engines: rows,
      broken,
      latest,
      isNewer: isNewer(latest, chosen?.version ?? null),
      isChecking,
      checkTrouble: trouble,
      rollbackTo: canGoBack ? former : null,
      fixedBy: fixedBy(shelf.kind),
      work: this.#work(shelf),
      report: reportOf(upgrades.records.reportOf(shelf.kind)),
    };
  }

  /** An update tells of its installation too, so it comes first. */
  #work(shelf: WatchedShelf): EngineWorkData | null {
    const update = this.#parts.upgrades.progress;
    const { progress: install, isRunning } = shelf.installer;
    const bytes = isRunning && install ? { bytes: install.bytes, totalBytes: install.totalBytes } : null;
    if (update !== null && update.kind === shelf.kind) {
      const steps = update.steps.map(({ name, outcome, words }) => ({ name, outcome, words }));
      const isAdding = update.phase === 'adding';
      const message = isAdding && isRunning && install ? install.message : update.message;
      const ratio = isAdding ? (update.ratio ?? ratioOf(bytes)) : null;
      return { kind: 'update', message, ratio, steps, step: update.step };
    }
    if (isRunning && install) {
      return { kind: 'install', message: install.message, ratio: ratioOf(bytes), steps: [], step: null };
    }
    return install?.phase === 'failed' ? { kind: 'failed', message: install.message } : null;
  }
}

function rowOf(engine: InstalledEngine, shelf: WatchedShelf, chosenId: string | null): EngineRowData {
  const { id, version, origin, executable } = engine;
  const sizeBytes = shelf.sizeOf?.(engine) ?? null;
  const isChosen = id === chosenId;
  return { id, version, origin, executable, sizeBytes, isChosen, isRemovable: origin === 'installed' && !isChosen };
}

function ratioOf(bytes: { readonly bytes: number; readonly totalBytes: number | null } | null): number | null {
  return bytes?.totalBytes ? Math.min(1, bytes.bytes / bytes.totalBytes) : null;
}

/** A report as it was kept, perhaps by another version. */
function reportOf(kept: JsonObject | null): EngineReportData | null {
  const message = stringOrNull(kept?.message);
  if (kept === null || message === null) return null;
  const outcome = stringOrNull(kept.outcome) ?? '';
  const steps = Array.isArray(kept.steps) ? kept.steps.filter(isObject) : [];
  return {
    outcome,
    isGood: outcome === 'updated' || outcome === 'up-to-date',
    message,
    hint: stringOrNull(kept.hint),
    endedAtMs: typeof kept.ended_at === 'number' ? kept.ended_at * 1000 : null,
    steps: steps.map((step) => ({
      name: stringOrNull(step.name) ?? '',
      outcome: stringOrNull(step.outcome) ?? '',
      words: stringOrNull(step.message) ?? '',
    })),
  };
}
