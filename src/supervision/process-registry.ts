/** Which engines this Flow has started, on disk, so that the next Flow can end what a hard death left running. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { signalGroup } from './process.ts';
import { type ProcessProbe, systemProbe } from './process-probe.ts';

const Entry = Type.Object({
  pid: Type.Integer({ minimum: 2 }),
  /** As the system tells it; opaque. Null when it would not say: then nothing is ever killed by it. */
  startTime: Type.Union([Type.String(), Type.Null()]),
  nonce: Type.String({ minLength: 16 }),
  port: Type.Integer(),
  modelId: Type.String(),
  executable: Type.String({ minLength: 1 }),
});
const Entries = Type.Array(Entry);
export type RegisteredProcess = Static<typeof Entry>;

/** What a sweep found of a former Flow. */
export type SweepReport = {
  readonly killed: readonly RegisteredProcess[];
  /** Registered, but gone, or their pid now belongs to someone else. */
  readonly gone: readonly RegisteredProcess[];
  /** Pids that carried a former Flow's mark outside of any registered group. */
  readonly escaped: readonly number[];
};

export type ProcessRegistryOptions = {
  /** `<data>/engines.pids.json`. */
  readonly path: string;
  readonly probe?: ProcessProbe;
  /** Told of a write that did not succeed; engines run on without it, since their guard does not need it. */
  readonly onFault?: (cause: unknown) => void;
};

/** Keeps the list, and sweeps what a former Flow has left. */
export class ProcessRegistry {
  /** This Flow's mark, in the environment of every engine as FLOW_INSTANCE. */
  readonly nonce = crypto.randomUUID();
  readonly #path: string;
  readonly #probe: ProcessProbe;
  readonly #onFault: (cause: unknown) => void;
  readonly #entries = new Map<number, RegisteredProcess>();

  constructor({ path, probe = systemProbe, onFault = () => {} }: ProcessRegistryOptions) {
    this.#path = path;
    this.#probe = probe;
    this.#onFault = onFault;
  }

  /** Notes an engine just spawned. */
  add(spawned: { pid: number; port: number; modelId: string; executable: string }): void {
    this.#entries.set(spawned.pid, { ...spawned, startTime: this.#probe.startTime(spawned.pid), nonce: this.nonce });
    this.#write();
  }

  /** Forgets an engine whose group is gone. */
  remove(pid: number): void {
    if (this.#entries.delete(pid)) this.#write();
  }

  /** What runs now. */
  running(): readonly { readonly pid: number; readonly port: number; readonly modelId: string }[] {
    return [...this.#entries.values()];
  }

  /** Programs that run as engines now. */
  executables(): readonly string[] {
    return [...new Set([...this.#entries.values()].map((entry) => entry.executable))];
  }

  /**
   * Ends what a former Flow left running: a registered group, if the pid still has the same start time and carries the
   * same mark; and any other process of ours that carries a former mark. To be called once, before the first `add`.
   */
  sweep(): SweepReport {
    const former = this.#read();
    const killed = former.filter((entry) => this.#isStillTheSame(entry) && signalGroup(entry.pid, 'SIGKILL'));
    const marks = new Set(former.map((entry) => entry.nonce));
    const escaped = this.#probe.marked(marks).filter((pid) => !killed.some((entry) => entry.pid === pid));
    for (const pid of escaped) this.#probe.kill(pid);
    this.#write();
    return { killed, gone: former.filter((entry) => !killed.includes(entry)), escaped };
  }

  /** What a former Flow left running, as `sweep` would end it. Changes nothing; only true while no Flow runs. */
  leftovers(): readonly RegisteredProcess[] {
    return this.#read().filter((entry) => this.#isStillTheSame(entry));
  }

  #isStillTheSame(entry: RegisteredProcess): boolean {
    if (entry.startTime === null || this.#probe.startTime(entry.pid) !== entry.startTime) return false;
    return this.#probe.isMarked(entry.pid, entry.nonce, entry.executable);
  }

  /** A missing or damaged file is an empty one: nothing may be killed on its word. */
  #read(): readonly RegisteredProcess[] {
    try {
      const value: unknown = JSON.parse(readFileSync(this.#path, 'utf8'));
      return Value.Check(Entries, value) ? value : [];
    } catch {
      return [];
    }
  }

  /** Synchronous, so that no write overtakes another; it is short, and happens once a start and once an end. */
  #write(): void {
    try {
      const temporary = `${this.#path}.${process.pid}.tmp`;
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, `${JSON.stringify([...this.#entries.values()], null, 2)}\n`, { mode: 0o600 });
      // The mode above does nothing to a file that was there already.
      chmodSync(temporary, 0o600);
      renameSync(temporary, this.#path);
    } catch (cause) {
      this.#onFault(cause);
    }
  }
}
