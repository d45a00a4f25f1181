/** The queue of downloads. What each is doing is one value that changes in one turn; runs follow it. */
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { Hub } from '#src/hub/hub.ts';
import { checkRoom, type Disk, diskTrouble, systemDisk } from './disk.ts';
import { ContentChanged } from './fetch-file.ts';
import { bytesToCome, type DownloadView, type Held, heldOf, viewOf } from './held.ts';
import type { Library } from './library.ts';
import { type Order, planned } from './order.ts';
import { HubHold, type Pace, USUAL_PACE } from './patience.ts';
import { type Direction, moved, waitingInOrder } from './queue-order.ts';
import type { DownloadRecord, DownloadState, RecordFile, RecordFiles } from './record.ts';
import { discardParts, fetchAll, missingBytes, placeAll } from './run.ts';

export type DownloadsParts = {
  readonly hub: Pick<Hub, 'files' | 'open' | 'repository'>;
  readonly records: RecordFiles;
  readonly library: Library;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly modelsDir: () => string;
  /** Throws a Fault when nothing may be written below this folder now. */
  readonly checkRoot?: (root: string) => void;
  /** Downloads at a time. */
  readonly parallel: () => number;
  /** Something went wrong that no user asked about. */
  readonly log: (text: string, cause: unknown) => void;
  readonly disk?: Disk;
  readonly pace?: Pace;
  readonly random?: () => number;
  readonly connections?: number;
  readonly rangeBytes?: number;
};

/** How a run was told to end. */
class Ended extends Error {}

const ACTIVE: ReadonlySet<DownloadState> = new Set(['queued', 'running', 'verifying', 'registering']);
const CONNECTIONS = 4;
const RANGE_BYTES = 64 << 20;
const TELL_INTERVAL_MS = 250;
const CHANGES_MAX = 3;
const ENDED_KEPT = 200;

/** Owns the downloads, their records and their runs. Nothing moves between `close` and `start`. */
export class Downloads {
  readonly #parts: DownloadsParts;
  readonly #disk: Disk;
  readonly #hold: HubHold;
  readonly #held = new Map<string, Held>();
  readonly #runs = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  #isClosed = true;

  constructor(parts: DownloadsParts) {
    this.#parts = parts;
    this.#disk = parts.disk ?? systemDisk;
    this.#hold = new HubHold(parts.clock);
  }

  /** Goes on with what ran when Flow ended; what was paused stays so. */
  start(): void {
    this.#isClosed = false;
    for (const record of this.#parts.records.load()) {
      const held = this.#take(record);
      if (!ACTIVE.has(record.state)) continue;
      // Flow ended while it put files in place: those that are there now are its own.
      const isPlacing = record.state === 'registering';
      const files = record.files.map((file) => ({
        ...file,
        isFetched: file.isFetched || (isPlacing && file.placedMs === null),
      }));
      held.record = { ...record, files, state: 'queued' };
    }
    this.#pump();
  }

  /** Ends all runs, which leave parts that the next start goes on with. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const runs = [...this.#runs.values()];
    for (const { abort } of runs) abort.abort(new Ended());
    await Promise.all(runs.map(({ done }) => done));
  }

  /** Oldest first. */
  list(): readonly DownloadView[] {
    return [...this.#held.values()].map((held) => this.#view(held));
  }

  /** By id; null when there is none. */
  find(id: string): DownloadView | null {
    const held = this.#held.get(id);
    return held ? this.#view(held) : null;
  }

  /** By id; throws Fault('not-found'). */
  need(id: string): DownloadView {
    return this.#view(this.#needHeld(id));
  }

  /**
   * Asks for a model. The same unit asked for again is the same download, which goes on if it had stopped. Resolves
   * when it is queued. Throws the hub's Faults, and Fault('disk-full') when there is no room for it.
   */
  async order(order: Order, signal: AbortSignal): Promise<{ readonly view: DownloadView; readonly isNew: boolean }> {
    const { hub, clock, modelsDir } = this.#parts;
    const plan = await planned(order, hub, modelsDir(), clock.wallMs(), signal);
    const known = this.#held.get(plan.id);
    if (known && ACTIVE.has(known.record.state)) return { view: this.#view(known), isNew: false };
    const record = known ? continued(plan, known.record) : plan;
    this.#parts.checkRoot?.(record.root);
    await checkRoom(this.#disk, record.root, missingBytes(record) + this.#promisedBytes(record.id));
    if (this.#isClosed) throw new Fault('shutting-down', 'Flow is stopping.');
    const now = this.#held.get(record.id);
    if (now && ACTIVE.has(now.record.state)) return { view: this.#view(now), isNew: false };
    const held = this.#take(record);
    this.#set(held, { state: 'queued' });
    this.#pump();
    return { view: this.#view(held), isNew: true };
  }

  /** Stops it for now; what has come is kept. Throws Fault('conflict') when there is nothing to pause. */
  pause(id: string): DownloadView {
    const held = this.#needHeld(id);
    const { state } = held.record;
    if (state === 'paused') return this.#view(held);
    if (!ACTIVE.has(state) || state === 'registering') throw cannot('paused', held.record);
    this.#set(held, { state: 'paused', reason: { kind: 'user', message: 'Paused.', hint: null } });
    this.#end(id);
    return this.#view(held);
  }

  /** Goes on with one that is paused, failed or cancelled. Throws Fault('conflict') for one that is complete. */
  resume(id: string): DownloadView {
    const held = this.#needHeld(id);
    const { state, files } = held.record;
    if (ACTIVE.has(state)) return this.#view(held);
    if (state === 'complete') throw cannot('resumed', held.record);
    this.#set(held, {
      state: 'queued',
      reason: null,
      endedAtMs: null,
      files: files.map((file) => ({ ...file, damages: 0 })),
    });
    this.#pump();
    return this.#view(held);
  }

  /** Gives it up and removes its parts. Throws Fault('conflict') for one that is complete. */
  cancel(id: string): DownloadView {
    const held = this.#needHeld(id);
    const { state } = held.record;
    if (state === 'cancelled') return this.#view(held);
    if (state === 'complete' || state === 'registering') throw cannot('cancelled', held.record);
    this.#set(held, { state: 'cancelled', reason: null });
    this.#end(id);
    // As a run of its own: one that is begun anew must not find its parts taken away.
    if (!this.#runs.has(id)) this.#follow(id, new AbortController(), this.#discard(held));
    return this.#view(held);
  }

  /** Changes places with its neighbour among those that wait. Throws Fault('conflict') for one that does not wait. */
  move(id: string, direction: Direction): DownloadView {
    const held = this.#needHeld(id);
    for (const one of moved(this.#records(), id, direction)) this.#set(this.#needHeld(one.id), { place: one.place });
    return this.#view(held);
  }

  /** Takes it off the list, cancelled if it was not at its end. Files of models stay. */
  remove(id: string): void {
    const held = this.#needHeld(id);
    if (held.record.state !== 'complete') this.cancel(id);
    this.#held.delete(id);
    this.#parts.records.remove(id);
    this.#parts.bus.publish({ type: 'download-changed', downloadId: id });
  }

  #needHeld(id: string): Held {
    const held = this.#held.get(id);
    if (held) return held;
    throw new Fault('not-found', `There is no download "${id.slice(0, 40)}".`, {
      hint: 'GET /api/downloads lists them.',
    });
  }

  #records(): readonly DownloadRecord[] {
    return [...this.#held.values()].map(({ record }) => record);
  }

  #take(record: DownloadRecord): Held {
    const held = heldOf(record);
    this.#held.set(record.id, held);
    return held;
  }

  #end(id: string): void {
    this.#runs.get(id)?.abort.abort(new Ended());
  }

  /** Starts what may run now. */
  #pump(): void {
    if (this.#isClosed) return;
    for (const { id } of waitingInOrder(this.#records())) {
      if (this.#runs.size >= this.#parts.parallel()) return;
      const held = this.#held.get(id);
      // One that was told to end and to go on again waits for its own end.
      if (!held || this.#runs.has(id)) continue;
      const abort = new AbortController();
      this.#set(held, { state: 'running', reason: null });
      this.#follow(id, abort, this.#run(held, abort.signal));
    }
  }

  #follow(id: string, abort: AbortController, work: Promise<void>): void {
    const done = work
      .catch((cause) => this.#parts.log('a download met the unexpected', cause))
      .finally(() => {
        this.#runs.delete(id);
        this.#pump();
      });
    this.#runs.set(id, { abort, done });
  }

  async #run(held: Held, signal: AbortSignal): Promise<void> {
    try {
      for (let changes = 0; ; changes += 1) {
        try {
          await this.#fetch(held, signal);
          break;
        } catch (cause) {
          if (!(cause instanceof ContentChanged) || changes >= CHANGES_MAX || signal.aborted) throw cause;
          await this.#startOver(held, signal);
        }
      }
      signal.throwIfAborted();
      // From here to the end nobody can pause or cancel it: what is placed is registered.
      this.#set(held, { state: 'registering' });
      const { library } = this.#parts;
      await placeAll(() => held.record, library, {
        onChanged: (index, file) => this.#changeFile(held, index, file),
      });
      const { modelId, note } = library.enter(held.record);
      this.#set(held, { state: 'complete', modelId, note: note ?? held.record.note });
      this.#forgetOldest();
    } catch (cause) {
      if (!signal.aborted) this.#fail(held, cause);
    } finally {
      held.trouble = null;
      held.checkedBytes = null;
      held.speed.clear();
      // Seen here, since it may have been taken up again meanwhile.
      if (held.record.state === 'cancelled') await this.#discard(held);
    }
  }

  async #fetch(held: Held, signal: AbortSignal): Promise<void> {
    const { hub, clock, library, pace, random, connections, rangeBytes, checkRoot } = this.#parts;
    const { id, root } = held.record;
    checkRoot?.(root);
    await fetchAll(
      () => held.record,
      {
        hub,
        clock,
        disk: this.#disk,
        hold: this.#hold,
        pace: pace ?? USUAL_PACE,
        random: random ?? Math.random,
        connections: connections ?? CONNECTIONS,
        rangeBytes: rangeBytes ?? RANGE_BYTES,
        promisedBytes: () => this.#promisedBytes(id),
        mayReplace: (path, repository) => library.mayReplace(path, repository),
      },
      {
        onState: (state) => {
          signal.throwIfAborted();
          held.checkedBytes = null;
          if (held.record.state !== state) this.#set(held, { state });
        },
        onFile: (index, { bytes }) => {
          held.fileBytes[index] = bytes;
          held.speed.note(clock.monotonicMs(), this.#view(held).bytes);
          this.#tell(held);
        },
        onChanged: (index, file) => this.#changeFile(held, index, file),
        onCheck: (bytes) => {
          held.checkedBytes = bytes;
          this.#tell(held);
        },
        onTrouble: (trouble) => {
          if (held.trouble === trouble) return;
          held.trouble = trouble;
          this.#tell(held);
        },
      },
      signal,
    );
  }

  /** The repository has changed: its present state is asked for, and only what lies in place already is kept. */
  async #startOver(held: Held, signal: AbortSignal): Promise<void> {
    const { hub, clock } = this.#parts;
    const { wish, repository, root } = held.record;
    const plan = await planned({ ...wish, repository }, hub, root, clock.wallMs(), signal);
    signal.throwIfAborted();
    await discardParts(held.record);
    signal.throwIfAborted();
    held.fileBytes.splice(0, held.fileBytes.length, ...plan.files.map(() => 0));
    const { files, format, quantization } = plan;
    const note = 'The files changed on the hub while they were fetched, so the download started over.';
    this.#set(held, { files, format, quantization, note });
  }

  #fail(held: Held, cause: unknown): void {
    const { kind, message, hint } = failureOf(cause, held.record.root);
    if (kind === 'internal') this.#parts.log('a download failed', cause);
    this.#set(held, { state: kind === 'disk-full' ? 'paused' : 'failed', reason: { kind, message, hint } });
  }

  #changeFile(held: Held, index: number, file: DownloadRecord['files'][number]): void {
    this.#set(held, { files: held.record.files.map((one, at) => (at === index ? file : one)) });
  }

  /** The one place where a record changes. */
  #set(held: Held, change: Partial<DownloadRecord>): void {
    const state = change.state ?? held.record.state;
    const isOver = !ACTIVE.has(state) && state !== 'paused';
    const endedAtMs = isOver ? (held.record.endedAtMs ?? this.#parts.clock.wallMs()) : null;
    held.record = { ...held.record, endedAtMs, ...change };
    if (this.#held.get(held.record.id) !== held) return;
    try {
      this.#parts.records.save(held.record);
    } catch (cause) {
      // It goes on; after a restart it would be where the last record says.
      this.#parts.log('the record of a download could not be written', cause);
    }
    held.toldMs = this.#parts.clock.monotonicMs();
    this.#parts.bus.publish({ type: 'download-changed', downloadId: held.record.id });
  }

  #tell(held: Held): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - held.toldMs < TELL_INTERVAL_MS) return;
    held.toldMs = nowMs;
    this.#parts.bus.publish({ type: 'download-changed', downloadId: held.record.id });
  }

  async #discard(held: Held): Promise<void> {
    try {
      await discardParts(held.record);
      held.fileBytes.fill(0);
    } catch (cause) {
      this.#parts.log('the parts of a cancelled download could not be removed', cause);
    }
  }

  /** What other downloads that run will still write. */
  #promisedBytes(exceptId: string): number {
    const others = [...this.#held.values()].filter(({ record }) => record.id !== exceptId && this.#runs.has(record.id));
    return others.reduce((total, held) => total + bytesToCome(held), 0);
  }

  #forgetOldest(): void {
    const over = [...this.#held.values()].filter(({ record }) => record.endedAtMs !== null);
    const oldestFirst = over.toSorted((a, b) => (a.record.endedAtMs ?? 0) - (b.record.endedAtMs ?? 0));
    for (const { record } of oldestFirst.slice(0, Math.max(0, over.length - ENDED_KEPT))) this.remove(record.id);
  }

  #view(held: Held): DownloadView {
    return viewOf(held, this.#parts.clock.monotonicMs());
  }
}

/** A plan for what was ordered before: what lies in place stays known. */
function continued(plan: DownloadRecord, before: DownloadRecord): DownloadRecord {
  const files = plan.files.map((file) => {
    const isSame = (one: RecordFile): boolean => one.sha256 === file.sha256 && one.gitId === file.gitId;
    const known = before.files.find((one) => one.target === file.target && isSame(one));
    return known ? { ...file, placedMs: known.placedMs, isFetched: known.isFetched } : file;
  });
  return { ...plan, files, createdAtMs: before.createdAtMs, modelId: before.modelId };
}

/** What ended a run, as a Fault. */
function failureOf(cause: unknown, root: string): Fault {
  if (cause instanceof ContentChanged) {
    return new Fault('offline', 'The files on the hub change faster than they can be fetched.', {
      hint: 'Retry later.',
    });
  }
  return diskTrouble(cause, root) ?? asFault(cause);
}

function cannot(what: string, { state, key }: DownloadRecord): Fault {
  return new Fault('conflict', `The download of ${key} is ${state} and cannot be ${what}.`);
}
