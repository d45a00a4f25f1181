/** Time, passed in wherever tests must bend it. */

/** A running timer; disposing it stops it. Disposing twice is harmless. */
export type Timer = Disposable;

export interface Clock {
  /** Milliseconds since 1970, UTC: for records and for people. It may jump. */
  wallMs(): number;
  /** Milliseconds since an arbitrary start: for durations and deadlines. It never jumps. */
  monotonicMs(): number;
  /** Runs `action` once after `delayMs` (0 or more). An armed timer does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
  /** Runs `action` every `intervalMs` until disposed. It does not keep the process alive. */
  every(intervalMs: number, action: () => void): Timer;
}

/** The real clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
  every: (intervalMs, action) => {
    const timer = setInterval(action, intervalMs);
    timer.unref();
    return { [Symbol.dispose]: () => clearInterval(timer) };
  },
};
