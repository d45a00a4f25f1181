/** Fetches one file into its part: some ranges at a time, each tried again until it is there. */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import type { Hub, HubBody, HubFileName } from '#src/hub/hub.ts';
import type { Part } from './part.ts';
import { type HubHold, type Pace, passingTrouble, pause, TRIES_MAX, waitMs } from './patience.ts';
import { nextRange, type Range } from './ranges.ts';

export type FetchParts = {
  readonly hub: Pick<Hub, 'open'>;
  readonly clock: Clock;
  readonly pace: Pace;
  readonly hold: HubHold;
  readonly random: () => number;
  /** Ranges fetched at a time, and how long one is at most. */
  readonly connections: number;
  readonly rangeBytes: number;
};

export type FetchWatch = {
  /** Bytes came. */
  readonly onBytes: () => void;
  /** Why nothing comes for now, and until when (monotonic) it waits; null when it goes on. */
  readonly onTrouble: (trouble: { readonly fault: Fault; readonly retryAtMs: number } | null) => void;
};

/** The hub has another content under this name than when the download began. */
export class ContentChanged extends Error {}

/** How often a hub may answer what was not asked for. */
const ODD_ANSWERS_MAX = 5;
const SAVE_INTERVAL_MS = 2_000;

/**
 * Resolves when all bytes are there; they are not verified. What came before an abort or a failure is in the journal.
 * Throws ContentChanged, the Fault that waiting does not mend, or what the file system throws.
 */
export async function fetchFile(
  file: HubFileName & { readonly sizeBytes: number },
  part: Part,
  parts: FetchParts,
  watch: FetchWatch,
  signal: AbortSignal,
): Promise<void> {
  await new FileFetch(file, part, parts, watch, signal).run();
}

class FileFetch {
  readonly #file: HubFileName & { readonly sizeBytes: number };
  readonly #part: Part;
  readonly #parts: FetchParts;
  readonly #watch: FetchWatch;
  readonly #signal: AbortSignal;
  /** Ends all connections when one of them met what ends the fetch. */
  readonly #end = new AbortController();
  readonly #onTheirWay = new Set<Range>();
  #tries = 0;
  #oddAnswers = 0;
  /** The hub knows no ranges: one connection takes all of it. */
  #isWhole = false;

  constructor(
    file: HubFileName & { readonly sizeBytes: number },
    part: Part,
    parts: FetchParts,
    watch: FetchWatch,
    signal: AbortSignal,
  ) {
    this.#file = file;
    this.#part = part;
    this.#parts = parts;
    this.#watch = watch;
    this.#signal = AbortSignal.any([signal, this.#end.signal]);
  }

  async run(): Promise<void> {
    let saving: Promise<void> = Promise.resolve();
    let trouble: unknown = null;
    using _timer = this.#parts.clock.every(SAVE_INTERVAL_MS, () => {
      saving = saving.then(() => this.#part.save()).catch((cause) => this.#fail(cause));
      void this.#part.digestSoFar(this.#signal).catch((cause) => this.#fail(cause));
    });
    const connections = Array.from({ length: this.#parts.connections }, () =>
      this.#connection().catch((cause) => {
        trouble ??= cause;
        this.#end.abort(cause);
      }),
    );
    await Promise.all(connections);
    await saving;
    const ended: unknown = this.#end.signal.aborted ? this.#end.signal.reason : trouble;
    // A disk that took no more bytes may take no journal either: the one before it is true as well.
    await this.#part.save().catch((cause) => {
      if (ended === null) throw cause;
    });
    if (ended !== null) throw ended;
    this.#signal.throwIfAborted();
  }

  #fail(cause: unknown): void {
    if (!this.#end.signal.aborted) this.#end.abort(cause);
  }

  /** One range after the other, until there is none left to begin. */
  async #connection(): Promise<void> {
    let tries = 0;
    while (!this.#signal.aborted) {
      await this.#parts.hold.over(this.#signal);
      const { rangeBytes } = this.#parts;
      const range = nextRange(this.#part.ranges, [...this.#onTheirWay], this.#file.sizeBytes, rangeBytes);
      if (range === null || this.#signal.aborted) return;
      const before = this.#part.bytes;
      try {
        await this.#fetch(range);
        tries = 0;
      } catch (cause) {
        if (this.#signal.aborted) return;
        const fault = passingTrouble(cause);
        if (fault === null || this.#isOddOnceMore(fault)) throw cause;
        tries = this.#part.bytes > before ? 1 : tries + 1;
        this.#tries += 1;
        if (this.#tries > TRIES_MAX) throw fault;
        await this.#wait(fault, tries);
      }
    }
  }

  /** A hub that is out of order comes back; one that answers what nobody asked for does it again. */
  #isOddOnceMore({ kind, details }: Fault): boolean {
    const isOutOfOrder = typeof details.hubStatus === 'number' && details.hubStatus >= 500;
    if (kind !== 'hub-broken' || isOutOfOrder) return false;
    this.#oddAnswers += 1;
    return this.#oddAnswers > ODD_ANSWERS_MAX;
  }

  async #wait(fault: Fault, tries: number): Promise<void> {
    const { clock, pace, hold, random } = this.#parts;
    if (fault.retryAfterS !== null) hold.hold(fault.retryAfterS);
    const retryAtMs = Math.max(hold.untilMs, clock.monotonicMs() + waitMs(pace, tries, random()));
    this.#watch.onTrouble({ fault, retryAtMs });
    await pause(clock, retryAtMs - clock.monotonicMs(), this.#signal);
  }

  async #fetch(wanted: Range): Promise<void> {
    this.#onTheirWay.add(wanted);
    let taken = wanted;
    const { hub, clock, pace } = this.#parts;
    using silence = new Silence(clock, pace.stallMs, this.#signal);
    try {
      const { repository, revision, path } = this.#file;
      const asked = { fromByte: wanted.from, toByte: wanted.to - 1 };
      const answer = await hub.open({ repository, revision, path }, asked, silence.signal).catch((cause) => {
        throw silence.explain(cause);
      });
      const range = await this.#checked(answer, wanted);
      if (range === null) return;
      taken = range;
      this.#onTheirWay.add(taken);
      await this.#store(answer, taken, silence);
    } finally {
      if (taken !== wanted) this.#isWhole = false;
      this.#onTheirWay.delete(wanted);
      this.#onTheirWay.delete(taken);
    }
  }

  /** What the answer brings; null when another connection gets it already. */
  async #checked(answer: HubBody, wanted: Range): Promise<Range | null> {
    const { sizeBytes } = this.#file;
    const drop = () => answer.body.cancel().catch(() => {});
    const isOther = answer.totalBytes !== null && answer.totalBytes !== sizeBytes;
    if (answer.status === 416 || isOther || !this.#part.isSame(answer.etag)) {
      await drop();
      throw new ContentChanged(`${this.#file.path} has changed.`);
    }
    if (answer.status === 206 && answer.fromByte === wanted.from) return wanted;
    if (answer.status === 200 && wanted.from === 0 && wanted.to === sizeBytes) return wanted;
    if (answer.status === 200 && !this.#isWhole) {
      this.#isWhole = true;
      return { from: 0, to: sizeBytes };
    }
    await drop();
    if (this.#isWhole) {
      // Ranges are of no use here; whoever has the whole file goes on alone.
      await pause(this.#parts.clock, this.#parts.pace.firstMs, this.#signal);
      return null;
    }
    const words = `The hub answered with byte ${answer.fromByte} of ${this.#file.path} instead of ${wanted.from}.`;
    throw new Fault('hub-broken', words);
  }

  async #store(answer: HubBody, range: Range, silence: Silence): Promise<void> {
    const reader = answer.body.getReader();
    let at = range.from;
    try {
      while (at < range.to) {
        silence.expect();
        const { done, value } = await reader.read().catch((cause) => {
          throw silence.explain(cause);
        });
        if (done) break;
        const bytes = value.length > range.to - at ? value.subarray(0, range.to - at) : value;
        await this.#part.write(bytes, at);
        at += bytes.length;
        this.#tries = 0;
        this.#oddAnswers = 0;
        this.#watch.onTrouble(null);
        this.#watch.onBytes();
      }
    } finally {
      // A body that has ended rejects, and one that is given up need not be waited for.
      void reader.cancel().catch(() => {});
    }
    if (at < range.to) throw new Fault('offline', 'The connection broke off.');
  }
}

/** Ends a connection on which nothing comes for too long. */
class Silence implements Disposable {
  readonly #clock: Clock;
  readonly #boundMs: number;
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;
  #timer: Disposable | null = null;

  constructor(clock: Clock, boundMs: number, signal: AbortSignal) {
    this.#clock = clock;
    this.#boundMs = boundMs;
    this.signal = AbortSignal.any([signal, this.#abort.signal]);
    this.expect();
  }

  /** The next bytes must come within the bound. */
  expect(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#clock.after(this.#boundMs, () => this.#abort.abort());
  }

  explain(cause: unknown): unknown {
    if (!this.#abort.signal.aborted) {
      // Whatever a body breaks with is a matter of the connection.
      return cause instanceof Fault ? cause : new Fault('offline', 'The connection broke off.', { cause });
    }
    return new Fault('offline', `Nothing came for ${Math.round(this.#boundMs / 1000)} s.`, { cause });
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }
}
