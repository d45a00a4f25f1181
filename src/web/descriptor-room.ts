/**
 * Room for one more request under the limit of open files. Beyond it a system takes no connection any more and says
 * nothing; so what would come too near is refused in words, and its connection given back.
 */
import type { Clock } from '#src/clock.ts';
import { openFiles, openFilesMax } from '#src/descriptors.ts';
import { Fault } from '#src/faults.ts';

/** What counts the requests of one listening socket; Bun's server does. */
export type Busy = { readonly pendingRequests: number; readonly pendingWebSockets: number };

export type DescriptorRoomParts = {
  /** How many files this process may have open; null where that is not known: then nothing is refused. */
  readonly filesMax: number | null;
  /** How many are open before anybody has come. */
  readonly openAtStart: number;
  readonly clock: Clock;
  /** Told at most once a minute. */
  readonly warn: (text: string) => void;
};

/** Its own connection, and one to an engine. */
const PER_REQUEST = 2;
/** For the pipes and health connections of two models, the log, the database, and refusals themselves. */
const RESERVE = 16;
const REQUESTS_MIN = 4;
const WARN_INTERVAL_MS = 60_000;
const RETRY_AFTER_S = 5;

/** Admits requests while there are descriptors for them. */
export class DescriptorRoom {
  /** Requests and sockets that may be open at once. */
  readonly requestsMax: number;
  readonly #parts: DescriptorRoomParts;
  #warnedAtMs = Number.NEGATIVE_INFINITY;
  #refused = 0;

  constructor(parts: DescriptorRoomParts) {
    this.#parts = parts;
    const free = (parts.filesMax ?? Number.POSITIVE_INFINITY) - parts.openAtStart - RESERVE;
    this.requestsMax = Math.max(REQUESTS_MIN, Math.floor(free / PER_REQUEST));
  }

  /** Why a request that has just come has no room, itself counted among those pending; null when it has. */
  refusal({ pendingRequests, pendingWebSockets }: Busy): Fault | null {
    const open = pendingRequests + pendingWebSockets;
    if (open <= this.requestsMax) return null;
    this.#tell();
    return new Fault(
      'too-busy',
      `Flow may have ${this.#parts.filesMax} files open, which is enough for ${this.requestsMax} requests at a time.`,
      { hint: 'Raise the limit where Flow is started: ulimit -n 65536.', retryAfterS: RETRY_AFTER_S },
    );
  }

  #tell(): void {
    this.#refused += 1;
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#warnedAtMs < WARN_INTERVAL_MS) return;
    this.#warnedAtMs = nowMs;
    const limit = `at most ${this.requestsMax} at a time fit under the limit of ${this.#parts.filesMax} open files`;
    this.#parts.warn(`requests are refused (${this.#refused} so far): ${limit}`);
  }
}

/** The room of this process, as it is before anybody has come; `warn` is told at most once a minute. */
export function openDescriptorRoom(clock: Clock, warn: (text: string) => void): DescriptorRoom {
  return new DescriptorRoom({ filesMax: openFilesMax(), openAtStart: openFiles() ?? 0, clock, warn });
}
