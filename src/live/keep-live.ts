/** Joins the bus to the open pages. */
import type { Clock } from '#src/clock.ts';
import type { Bus, FlowEvent } from '#src/events.ts';
import type { Feeds, FragmentKey, Fragments, Topic } from './feed.ts';

/** A topic that follows what happens. */
export interface LiveTopic extends Fragments {
  /** The keys that an event makes stale. Called for every event, also while nobody looks. */
  staleKeys(event: FlowEvent): readonly FragmentKey[];
  /** What changes by mere passing of time: speeds that fade, idle times that grow. */
  readonly fadingKeys: readonly FragmentKey[];
}

export type KeepLiveParts = {
  readonly bus: Bus;
  readonly feeds: Feeds;
  readonly topics: ReadonlyMap<Topic, LiveTopic>;
  readonly clock: Clock;
};

const FADE_INTERVAL_MS = 2_000;

/** Keeps pages true until disposed. */
export function keepLive({ bus, feeds, topics, clock }: KeepLiveParts): Disposable {
  const unsubscribe = bus.subscribe((event) => {
    if (event.type === 'notice') feeds.announce('notice', JSON.stringify({ tone: event.tone, text: event.text }));
    for (const [topic, source] of topics) {
      for (const key of source.staleKeys(event)) feeds.touch(topic, key);
    }
  });
  const fading = clock.every(FADE_INTERVAL_MS, () => {
    for (const [topic, { fadingKeys }] of topics) {
      for (const key of fadingKeys) feeds.touch(topic, key);
    }
  });
  return {
    [Symbol.dispose]: () => {
      unsubscribe();
      fading[Symbol.dispose]();
    },
  };
}
