/** @jsxImportSource @kitajs/html */
/** What open pages of telemetry are told: that requests ended. Each then asks for its own figures, now and then. */
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Tracker } from '#src/requests/request.ts';
import { markupOf } from '#src/web/markup.ts';
import { Partial } from '#views/parts/partial.tsx';
import { TelemetryNews as News, telemetryNewsId } from '#views/telemetry/page.tsx';

const KEYS: readonly FragmentKey[] = ['news'];
const NONE: readonly FragmentKey[] = [];

/** The topic `telemetry`. */
export class TelemetryNews implements LiveTopic {
  readonly fadingKeys: readonly FragmentKey[] = [];
  readonly #tracker: Pick<Tracker, 'find'>;
  #count = 0;

  constructor({ tracker }: { readonly tracker: Pick<Tracker, 'find'> }) {
    this.#tracker = tracker;
  }

  /** How many requests ended since Flow started. */
  get count(): number {
    return this.#count;
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    if (event.type !== 'request-changed') return NONE;
    const hasEnded = this.#tracker.find(event.requestId)?.endedAtMs ?? null;
    if (hasEnded === null) return NONE;
    this.#count += 1;
    return KEYS;
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
        <News count={this.#count} />
      </Partial>,
    );
  }
}
