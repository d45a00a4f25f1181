/** @jsxImportSource @kitajs/html */
/** What open pages of telemetry are told: that something ended. Each then asks for its own figures, now and then. */
import type { Chronicle } from '#src/chronicle/chronicle.ts';
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Tracker } from '#src/requests/request.ts';
import { markupOf } from '#src/web/markup.ts';
import { Partial } from '#views/parts/partial.tsx';
import { TelemetryNews as News, telemetryNewsId } from '#views/telemetry/page.tsx';

const KEYS: readonly FragmentKey[] = ['news'];
const NONE: readonly FragmentKey[] = [];

export type NewsParts = {
  readonly tracker: Pick<Tracker, 'find'>;
  readonly chronicle: Pick<Chronicle, 'count'>;
};

/** The topic `telemetry`. */
export class TelemetryNews implements LiveTopic {
  readonly fadingKeys: readonly FragmentKey[] = [];
  readonly #parts: NewsParts;
  #requests = 0;
  #marks = 0;

  constructor(parts: NewsParts) {
    this.#parts = parts;
  }

  /** How many requests ended and how many marks were made since Flow started. */
  get count(): number {
    return this.#requests + this.#parts.chronicle.count;
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    if (event.type !== 'request-changed') return this.#hasNewMark() ? KEYS : NONE;
    const hasEnded = this.#parts.tracker.find(event.requestId)?.endedAtMs ?? null;
    if (hasEnded === null) return NONE;
    this.#requests += 1;
    return KEYS;
  }

  /** The chronicle hears of everything before pages do. */
  #hasNewMark(): boolean {
    const { count } = this.#parts.chronicle;
    const isNew = count !== this.#marks;
    this.#marks = count;
    return isNew;
  }

  all(): readonly FragmentKey[] {
    return KEYS;
  }

  isAlone(): boolean {
    return true;
  }

  render(): string {
    return markupOf(
      <Partial target={telemetryNewsId} swap="outerMorph">
        <News count={this.count} />
      </Partial>,
    );
  }
}
