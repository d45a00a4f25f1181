/** What an installation tells while it runs, and the words for how it ends; the same for every kind of engine. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { asFault, Fault, systemCodeOf } from '#src/faults.ts';
import type { StartedKind } from './engine.ts';
import type { Bringer, InstallProgress, InstallStep, InstallWatch } from './install-source.ts';

export type InstallJournalParts = { readonly engine: StartedKind; readonly bus: Bus; readonly clock: Clock };

/** Progress is told at most this often within a phase. */
const TELL_INTERVAL_MS = 200;
const LOG_LINES_MAX = 50;

/** Keeps how far an installation is, and its last 50 messages; tells listeners and the bus. */
export class InstallJournal {
  readonly #parts: InstallJournalParts;
  readonly #listeners = new Set<(progress: InstallProgress) => void>();
  #progress: InstallProgress | null = null;
  #log: string[] = [];
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: InstallJournalParts) {
    this.#parts = parts;
  }

  /** How far the present or last installation is; null before the first. */
  get progress(): InstallProgress | null {
    return this.#progress;
  }

  /** The last messages of the present or last installation, oldest first. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Hears every step until the returned function is called. */
  onProgress(listener: (progress: InstallProgress) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets the messages of the last installation: another begins. */
  begin(): void {
    this.#log = [];
  }

  /** Notes a step. The first of a phase is told at once, those that follow at most every 200 ms. */
  tell(source: Bringer | null, step: InstallStep): void {
    const { clock, bus, engine } = this.#parts;
    const nowMs = clock.monotonicMs();
    const isSamePhase = this.#progress?.phase === step.phase && this.#progress.source === source;
    this.#progress = { ...step, source };
    if (this.#log.at(-1) !== step.message) this.#log = [...this.#log.slice(1 - LOG_LINES_MAX), step.message];
    if (isSamePhase && nowMs - this.#toldMs < TELL_INTERVAL_MS) return;
    this.#toldMs = nowMs;
    for (const listener of this.#listeners) listener(this.#progress);
    bus.publish({ type: 'engine-install-changed', engine });
  }
}

/** Runs `act` while `onProgress` hears how far the installation is: from 0 to 1, null when that cannot be told. */
export async function followInstall<Result>(
  watch: Pick<InstallWatch, 'onProgress'>,
  onProgress: (ratio: number | null) => void,
  act: () => Promise<Result>,
): Promise<Result> {
  const unsubscribe = watch.onProgress(({ bytes, totalBytes }) => onProgress(totalBytes ? bytes / totalBytes : null));
  try {
    return await act();
  } finally {
    unsubscribe();
  }
}

/** Starts an installation that ends when whoever asked for it leaves. One that cannot begin cancels nobody else's. */
export async function installFor<Result>(
  signal: AbortSignal,
  watch: Pick<InstallWatch, 'cancel'>,
  start: () => Promise<Result>,
): Promise<Result> {
  const installing = start();
  const cancel = () => watch.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await installing;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** Why an installation broke off: Fault('disk-full'), the Fault it ended with, or Fault('install-failed'). */
export function installFault(cause: unknown): Fault {
  const fault = asFault(cause);
  const code = systemCodeOf(cause);
  // tar, unzip and pip say it in their own words.
  const isFull =
    code === 'ENOSPC' || code === 'EDQUOT' || /no space left on device|disk quota exceeded/i.test(fault.message);
  if (isFull) return new Fault('disk-full', 'The disk is full.', { cause, hint: ROOM_HINT });
  return fault.kind === 'internal' ? new Fault('install-failed', `It broke off: ${String(cause)}.`, { cause }) : fault;
}

/** What may help when the disk is full. */
export const ROOM_HINT = 'Make room on the disk that holds the data folder.';
