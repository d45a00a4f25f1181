/**
 * When a loaded model is started anew because its engine has grown: some servers give memory back only by ending. It
 * happens while nobody uses the model, and not often. Pure.
 */
import type { ModelFormat } from '#src/models/model.ts';
import type { Settings } from '#src/settings/settings.ts';

/** What is known of a loaded model's memory and its use. Times are monotonic. */
export type Grown = {
  readonly format: ModelFormat;
  /** Resident when it became ready; null = unknown. */
  readonly baselineBytes: number | null;
  /** Resident now; null = unknown. */
  readonly measuredBytes: number | null;
  /** What the ledger holds for it. */
  readonly needBytes: number;
  readonly idleSinceMs: number;
  /** When it was last started anew for this reason; null = never. */
  readonly renewedAtMs: number | null;
};

export type GrowthRules = Pick<Settings, 'restart_grown' | 'restart_growth_percent'>;

const GROWTH_BYTES_MIN = 1024 ** 3;
const IDLE_MS_MIN = 30_000;
const INTERVAL_MS_MIN = 600_000;

/** By how much it has grown beyond what is borne, in bytes; 0 = it has not. */
export function growthOf(grown: Grown, rules: GrowthRules): number {
  const { baselineBytes, measuredBytes } = grown;
  const isWatched = rules.restart_grown === 'all' || (rules.restart_grown === 'mlx' && grown.format === 'mlx');
  if (!isWatched || baselineBytes === null || measuredBytes === null) return 0;
  const growthBytes = measuredBytes - baselineBytes;
  const borneBytes = Math.max(GROWTH_BYTES_MIN, (grown.needBytes * rules.restart_growth_percent) / 100);
  return growthBytes > borneBytes ? growthBytes : 0;
}

/** The moment from which it may be started anew, if nobody uses it until then; null = there is no reason to. */
export function renewalAtMs(grown: Grown, rules: GrowthRules): number | null {
  if (growthOf(grown, rules) === 0) return null;
  const restedMs = grown.idleSinceMs + IDLE_MS_MIN;
  return grown.renewedAtMs === null ? restedMs : Math.max(restedMs, grown.renewedAtMs + INTERVAL_MS_MIN);
}
