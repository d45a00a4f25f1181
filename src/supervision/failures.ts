/** How long to leave a model alone that keeps failing. Pure. */

export type Failures = {
  /** Failures since the last time it was well. */
  readonly inARow: number;
  /** When the recent ones were, oldest first (monotonic). */
  readonly recentMs: readonly number[];
  /** It has been well for a while, so that its next failure is taken for an accident. */
  readonly wasWell: boolean;
};

export const FRESH: Failures = { inARow: 0, recentMs: [], wasWell: false };
const WELL: Failures = { ...FRESH, wasWell: true };

/** Being ready this long makes a model well: what came before counts no more. */
export const HEALTHY_AFTER_MS = 60_000;
const BACK_OFF_FIRST_MS = 1_000;
const BACK_OFF_MAX_MS = 60_000;
/** This many within the window are a loop: only a person, or a change, ends it. */
export const FAILURES_MAX = 5;
const FAILURES_WINDOW_MS = 600_000;

/**
 * One more failure, and when a start may be tried again: 1, 2, 4 … 60 s later; null = not by itself.
 * A model that had been well may be started again at once.
 */
export function failed(
  failures: Failures,
  isSticky: boolean,
  nowMs: number,
): { failures: Failures; retryAtMs: number | null } {
  const recentMs = [...failures.recentMs.filter((atMs) => nowMs - atMs < FAILURES_WINDOW_MS), nowMs];
  const after: Failures = { inARow: failures.inARow + 1, recentMs, wasWell: false };
  if (isSticky || recentMs.length >= FAILURES_MAX) return { failures: after, retryAtMs: null };
  if (failures.wasWell) return { failures: after, retryAtMs: nowMs };
  const backOffMs = Math.min(BACK_OFF_FIRST_MS * 2 ** failures.inARow, BACK_OFF_MAX_MS);
  return { failures: after, retryAtMs: nowMs + backOffMs };
}

/** What counts after having been ready from then until now. */
export function healthyUntil(failures: Failures, readySinceMs: number, nowMs: number): Failures {
  return nowMs - readySinceMs >= HEALTHY_AFTER_MS ? WELL : failures;
}

/** Somebody has changed something, or wants it tried again: nothing is held against it. */
export function forgiven(): Failures {
  return FRESH;
}
