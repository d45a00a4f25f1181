/** Looks for newer engines once a day, when somebody has asked for it, and no more than was asked for. */
import type { Clock, Timer } from '#src/clock.ts';
import { isNewer } from '#src/engines/compare-versions.ts';
import type { EngineShelf } from '#src/engines/shelf.ts';
import type { Bus } from '#src/events.ts';
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';
import type { Settings } from '#src/settings/settings.ts';
import type { Upgrades } from './upgrades.ts';

export type AutoUpdateParts = {
  readonly clock: Clock;
  readonly bus: Bus;
  readonly upgrades: Upgrades;
  readonly settings: () => Pick<Settings, 'engine_auto_update'>;
  /** Whether nobody wants anything of any model now. */
  readonly isIdle: () => boolean;
};

const LOOK_INTERVAL_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

/**
 * With `engine_auto_update` at `check` it tells of a newer version once; at `update` it also begins an update, at a
 * moment when nothing is asked. A version that failed its trial, or was cancelled, is not
 * tried again by itself; one that could not be had, a day later.
 */
export class AutoUpdate implements Disposable {
  readonly #parts: AutoUpdateParts;
  readonly #told = new Set<string>();
  #timer: Timer | null = null;

  constructor(parts: AutoUpdateParts) {
    this.#parts = parts;
  }

  /** Looks now and every ten minutes. */
  start(): void {
    this.#timer = this.#parts.clock.every(LOOK_INTERVAL_MS, () => void this.look());
    void this.look();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  /** One look. Never rejects. */
  async look(): Promise<void> {
    const mode = this.#parts.settings().engine_auto_update;
    if (mode === 'off') return;
    const { upgrades, clock } = this.#parts;
    const nowMs = clock.wallMs();
    // A clock that was set back must not keep it from looking for years.
    const isDue = Math.abs(nowMs - upgrades.records.checkedAtMs) >= DAY_MS;
    if (isDue) upgrades.records.checkedAtMs = nowMs;
    for (const shelf of upgrades.shelves) await this.#attend(shelf, isDue, mode === 'update');
  }

  async #attend(shelf: EngineShelf, isDue: boolean, mayUpdate: boolean): Promise<void> {
    const present = await shelf.chosen().catch(() => null);
    // What cannot be updated in this run is not worth a word.
    if (present === null || this.#parts.upgrades.isFixed(shelf.kind)) return;
    if (isDue) shelf.checkUpdates();
    const { latest } = shelf.updates;
    if (latest === null || !isNewer(latest, present.version)) return;
    if (mayUpdate) this.#update(shelf, latest);
    else this.#tell(shelf, latest);
  }

  #tell({ kind }: EngineShelf, latest: string): void {
    const key = `${kind} ${latest}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    const text = `${key} is there. "flow engines update ${kind}" tries it beside the one in use.`;
    this.#parts.bus.publish({ type: 'notice', tone: 'info', text });
  }

  #update({ kind }: EngineShelf, latest: string): void {
    const { upgrades, isIdle } = this.#parts;
    if (upgrades.progress !== null || !isIdle()) return;
    if (hasBeenTried(upgrades.records.reportOf(kind), latest, this.#parts.clock.wallMs())) return;
    upgrades.start({ kind, version: latest, model: null });
  }
}

/**
 * Whether this version needs no further try by itself: it was brought to a trial, whatever came of it; or a person
 * cancelled it; or it could not be had, or not be tried, less than a day ago.
 */
function hasBeenTried(report: JsonObject | null, version: string, nowMs: number): boolean {
  if (report === null) return false;
  const to = isObject(report.to) ? report.to : {};
  const wasHad = to.version === version || to.id === version;
  if (wasHad && report.outcome !== 'interrupted' && report.outcome !== 'untested') return true;
  if (report.version !== version) return false;
  const endedAtMs = (numberOrNull(report.ended_at) ?? 0) * 1000;
  return report.outcome === 'cancelled' || Math.abs(nowMs - endedAtMs) < DAY_MS;
}
