/** Lets the Monitor book each second, and tells open pages what moved in it. */
import type { Clock, Timer } from '#src/clock.ts';
import type { Feeds, Topic } from '#src/live/feed.ts';
import type { Monitor } from './monitor.tsx';

export type KeepPaceParts = {
  readonly monitor: Pick<Monitor, 'pulse'>;
  readonly feeds: Pick<Feeds, 'touch'>;
  readonly topic: Topic;
  readonly clock: Clock;
};

const PULSE_INTERVAL_MS = 1_000;

/** One timer for all models and requests, until disposed. */
export function keepPace({ monitor, feeds, topic, clock }: KeepPaceParts): Timer {
  return clock.every(PULSE_INTERVAL_MS, () => {
    for (const key of monitor.pulse()) feeds.touch(topic, key);
  });
}
