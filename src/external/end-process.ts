/** Ends an engine that somebody else started: exactly that process, after making sure once more that it is the one. */
import type { Clock } from '#src/clock.ts';
import { asFault } from '#src/faults.ts';
import { isStillThere, listenerOn, type SeenProcess } from './listener-process.ts';

export type Ending = {
  readonly clock: Clock;
  /** As it was seen when it was connected. */
  readonly process: SeenProcess;
  readonly port: number;
  /** Whether the engine on that port still says that it serves the model. May reject. */
  readonly isTheSame: () => Promise<boolean>;
};

export type Ended = { readonly isGone: boolean; readonly words: string };

/** From TERM to KILL. */
export const STOP_GRACE_MS = 10_000;
/** From KILL to giving up. */
const KILL_MS_MAX = 2_000;
const POLL_MS = 50;

/** Never rejects. When anything is otherwise than it was seen, nothing is sent to anybody. */
export async function endProcess({ clock, process: wanted, port, isTheSame }: Ending): Promise<Ended> {
  const { pid, executable } = wanted;
  const present = await listenerOn(port);
  const isSeen = present?.pid === pid && present.startTime === wanted.startTime && present.executable === executable;
  if (!isSeen) return left(`process ${pid} no longer listens on port ${port}`);
  const trouble = await isTheSame().then(
    (isSame) => (isSame ? null : 'it is not connected any more'),
    (cause) => asFault(cause).message,
  );
  if (trouble !== null) return left(trouble);
  // Between this look and the signal nothing is awaited.
  if (!isStillThere(wanted) || !signal(pid, 'SIGTERM')) return left(`process ${pid} is gone, or not Flow's to stop`);
  if (await isGoneWithin(clock, wanted, STOP_GRACE_MS)) return { isGone: true, words: `Stopped, pid ${pid}.` };
  if (isStillThere(wanted)) signal(pid, 'SIGKILL');
  const isGone = await isGoneWithin(clock, wanted, KILL_MS_MAX);
  return { isGone, words: isGone ? `Killed, pid ${pid}: it did not go when asked.` : `Process ${pid} does not end.` };
}

function left(why: string): Ended {
  return { isGone: false, words: `Nothing was stopped: ${why}.` };
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

async function isGoneWithin(clock: Clock, wanted: SeenProcess, ms: number): Promise<boolean> {
  const endMs = clock.monotonicMs() + ms;
  while (isStillThere(wanted)) {
    if (clock.monotonicMs() >= endMs) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    clock.after(POLL_MS, resolve);
    await promise;
  }
  return true;
}
