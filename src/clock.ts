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
    const timer = setTimeout(() => {
      armed.delete(timer);
      action();
    }, delayMs);
    return held(timer, clearTimeout);
  },
  every: (intervalMs, action) => held(setInterval(action, intervalMs), clearInterval),
};

/** How many timers of the real clock are armed: for `/metrics`, where a number that only grows shows a leak. */
export const armedTimers = (): number => armed.size;

const armed = new Set<NodeJS.Timeout>();

function held(timer: NodeJS.Timeout, clear: (timer: NodeJS.Timeout) => void): Timer {
  timer.unref();
  armed.add(timer);
  return {
    [Symbol.dispose]: () => {
      armed.delete(timer);
      clear(timer);
    },
  };
}
