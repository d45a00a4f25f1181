/** Joins the bus to the open pages. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import type { Feeds } from '#src/live/feed.ts';
import type { Monitor } from './monitor.tsx';

/** What changes by mere passing of time: speeds that fade, idle times that grow. */
const FADING_KEYS: readonly string[] = ['memory', 'figures', 'status'];
const FADE_INTERVAL_MS = 2_000;

/** Keeps pages true until disposed. */
export function keepMonitorLive(parts: { bus: Bus; feeds: Feeds; monitor: Monitor; clock: Clock }): Disposable {
  const { bus, feeds, monitor, clock } = parts;
  const unsubscribe = bus.subscribe((event) => {
    if (event.type === 'notice') feeds.announce('notice', JSON.stringify({ tone: event.tone, text: event.text }));
    for (const key of monitor.staleKeys(event)) feeds.touch(key);
  });
  const fading = clock.every(FADE_INTERVAL_MS, () => {
    for (const key of FADING_KEYS) feeds.touch(key);
  });
  return {
    [Symbol.dispose]: () => {
      unsubscribe();
      fading[Symbol.dispose]();
    },
  };
}
