/** Engines of one kind as something that is kept: what is installed, what is newest, and which one is used. */
import type { InstalledEngine, StartedKind } from './engine.ts';
import type { BrokenEngine } from './probe.ts';

/** What was found, best first. */
export type EngineList = { readonly installed: readonly InstalledEngine[]; readonly broken: readonly BrokenEngine[] };

/** What is known of newer releases. Nothing is installed by looking. */
export type UpdateCheck = {
  readonly isChecking: boolean;
  /** The newest release; null before the first look. */
  readonly latest: string | null;
  readonly checkedAtMs: number | null;
  /** Why the last look failed; null when it did not. */
  readonly trouble: string | null;
};

export interface EngineShelf {
  readonly kind: StartedKind;
  /** Every engine found, with those that do not work; remembered until something changes. */
  list(): Promise<EngineList>;
  /** The engine to use; null when there is none. Throws Fault('engine-missing') when the named one is not usable. */
  chosen(): Promise<InstalledEngine | null>;
  /**
   * Uses this engine from the next load on; empty = the first found. Throws Fault('not-found'), and Fault('conflict')
   * when Flow's environment names another.
   */
  choose(id: string): Promise<void>;
  /** Removes what Flow installed. Throws Fault('conflict') for the one in use, and for what others installed. */
  remove(id: string): Promise<void>;
  /**
   * Gets a version beside the others (null = the newest) and resolves with it, present already or not; does not choose
   * it. Progress goes from 0 to 1, null when it cannot be told. Rejects with a Fault.
   */
  add(
    version: string | null,
    signal: AbortSignal,
    onProgress: (ratio: number | null) => void,
  ): Promise<InstalledEngine>;
  readonly updates: UpdateCheck;
  /** Looks for a newer version and installs nothing. Returns at once; `updates` tells. */
  checkUpdates(): void;
}
