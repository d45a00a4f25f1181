/** A request's body while it comes in: bounded in size, and not waited for longer than its sender keeps sending. */
import type { Clock, Timer } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';

/** How much may come, and who hears of a large body before it is read on. */
export type ArrivalBounds = {
  readonly bytesMax: number;
  readonly clock: Clock;
  /**
   * Awaited once, before more than `LARGE_BYTES` are read, with the length if it was announced; what has not been read
   * stays with the sender.
   */
  readonly onLarge?: (length: number | null) => Promise<void>;
};

/** Up to here bodies are many and cheap; beyond it they are pictures, and two of them fill a small machine. */
export const LARGE_BYTES = 8 << 20;
/** Silence after which a sender is given up. */
const SILENCE_MS_MAX = 60_000;
/** A sender that is never silent for long still has to be this quick on the whole. */
const BYTES_PER_S_MIN = 16 << 10;
/** Read in one piece, by the platform: a third of the time of reading it by pieces (measured at 300 kB). */
const ONE_PIECE_BYTES_MAX = 1 << 20;
const LOOK_INTERVAL_MS = 1_000;

/**
 * The whole body. Throws Fault('too-large') as soon as that is known, 'too-slow' when its sender is silent for a
 * minute or slower than 16 KiB/s, 'cancelled' when it goes away.
 */
export async function arrivedBody(request: Request, bounds: ArrivalBounds): Promise<Uint8Array> {
  const header = request.headers.get('content-length');
  const length = header === null ? null : Number(header);
  if (length !== null && length > bounds.bytesMax) throw bodyTooLarge(bounds.bytesMax);
  if (length !== null && length > LARGE_BYTES) await bounds.onLarge?.(length);
  const isShort = length !== null && length <= ONE_PIECE_BYTES_MAX;
  try {
    return await (isShort ? inOnePiece(request, length, bounds.clock) : byPieces(request, length, bounds));
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('cancelled', 'The client went away before its request was complete.', { cause });
  }
}

/** What is said of a body that is larger than allowed. */
export function bodyTooLarge(bytesMax: number): Fault {
  return new Fault('too-large', `The body is larger than ${bytesMax} bytes.`);
}

/** How far it has come cannot be seen, so silence and slowness are one bound. */
async function inOnePiece(request: Request, length: number, clock: Clock): Promise<Uint8Array> {
  const late = Promise.withResolvers<never>();
  using _limit = clock.after(timeFor(length), () => late.reject(tooSlow(length, null, timeFor(length))));
  return new Uint8Array(await Promise.race([request.arrayBuffer(), late.promise]));
}

async function byPieces(
  { body }: Request,
  length: number | null,
  { bytesMax, clock, onLarge }: ArrivalBounds,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array(0);
  // Of an announced length the memory is asked for once; pages that are never written cost nothing.
  const target = new Target(length ?? 0);
  const reader = body.getReader();
  using watch = new Watch(clock, () => void reader.cancel().catch(() => {}));
  let isLarge = length !== null && length > LARGE_BYTES;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    watch.came(read.value.byteLength);
    if (watch.bytes > bytesMax) {
      await reader.cancel().catch(() => {});
      throw bodyTooLarge(bytesMax);
    }
    if (!isLarge && watch.bytes > LARGE_BYTES) {
      isLarge = true;
      await watch.without(() => onLarge?.(length));
    }
    target.add(read.value);
  }
  if (watch.hasGivenUp) throw tooSlow(length, watch.bytes, SILENCE_MS_MAX);
  return target.bytes();
}

/** Looks each second whether something came. */
class Watch implements Disposable {
  bytes = 0;
  hasGivenUp = false;
  readonly #timer: Timer;
  #quietMs = 0;
  #totalMs = 0;
  #isPaused = false;

  constructor(clock: Clock, giveUp: () => void) {
    this.#timer = clock.every(LOOK_INTERVAL_MS, () => {
      if (this.#isPaused || this.hasGivenUp) return;
      this.#quietMs += LOOK_INTERVAL_MS;
      this.#totalMs += LOOK_INTERVAL_MS;
      if (this.#quietMs < SILENCE_MS_MAX && this.#totalMs < timeFor(this.bytes)) return;
      this.hasGivenUp = true;
      giveUp();
    });
  }

  came(bytes: number): void {
    this.bytes += bytes;
    this.#quietMs = 0;
  }

  /** Time that passes in here is not the sender's. */
  async without(work: () => Promise<void> | undefined): Promise<void> {
    this.#isPaused = true;
    await work();
    this.#isPaused = false;
    this.#quietMs = 0;
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }
}

/** Memory that grows by doubling where the length is not known. */
class Target {
  #memory: Uint8Array;
  #length = 0;

  constructor(length: number) {
    this.#memory = new Uint8Array(length);
  }

  add(piece: Uint8Array): void {
    const needed = this.#length + piece.byteLength;
    if (needed > this.#memory.byteLength) {
      const wider = new Uint8Array(Math.max(needed, 2 * this.#memory.byteLength));
      wider.set(this.#memory.subarray(0, this.#length));
      this.#memory = wider;
    }
    this.#memory.set(piece, this.#length);
    this.#length = needed;
  }

  bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }
}

function timeFor(bytes: number): number {
  return SILENCE_MS_MAX + (bytes / BYTES_PER_S_MIN) * 1_000;
}

function tooSlow(length: number | null, came: number | null, withinMs: number): Fault {
  const all = length === null ? 'a body of unknown length' : `the ${length} bytes of the body`;
  const some = came === null ? '' : `; ${came} came`;
  return new Fault('too-slow', `Flow waited ${Math.round(withinMs / 1_000)} s for more of ${all}${some}.`, {
    hint: 'Send the request again; when that happens often, look at the network between.',
  });
}
