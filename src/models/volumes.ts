/**
 * Which disks models lie on that may be taken away. What is remembered is where a disk is mounted, not its number: that
 * is another one after each restart.
 */
import { readdirSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { eq } from 'drizzle-orm';
import { Fault } from '#src/faults.ts';
import type { Store } from '#src/store/open.ts';
import { facts } from '#src/store/schema.ts';
import { statOrNull } from './file-look.ts';

export type VolumesParts = {
  readonly store: Store;
  /** The number of the disk that a path lies on; null when nothing is there. Tests cannot mount disks. */
  readonly deviceOf?: (path: string) => number | null;
};

const FACT = 'volumes';
const KNOWN_MAX = 50;
/** Where systems put the disks that people plug in: the folder below is the disk's. */
const USUAL = /^(?:\/Volumes|\/mnt|\/run\/media\/[^/]+|\/media\/[^/]+)\/[^/]+/;

/** Remembers mount points. */
export class Volumes {
  readonly #store: Store;
  readonly #deviceOf: (path: string) => number | null;
  readonly #known: Set<string>;
  readonly #noted = new Set<string>();

  constructor({ store, deviceOf = (path) => statOrNull(path)?.dev ?? null }: VolumesParts) {
    this.#store = store;
    this.#deviceOf = deviceOf;
    this.#known = new Set(remembered(store));
  }

  /** Remembers the disk of a path where something lies now. Never throws. */
  note(path: string): void {
    const folder = dirname(path);
    if (this.#noted.has(folder)) return;
    this.#noted.add(folder);
    const mount = this.#mountOf(folder);
    if (mount === null || mount === sep || this.#known.has(mount) || this.#known.size >= KNOWN_MAX) return;
    this.#known.add(mount);
    remember(this.#store, [...this.#known]);
  }

  /** The disk that a path that leads nowhere would lie on, when that disk is not there now; else null. */
  absentFor(path: string): string | null {
    const mounts = [...this.#known].filter((mount) => path === mount || path.startsWith(mount + sep));
    const absent = mounts.find((mount) => !this.#isMounted(mount));
    if (absent !== undefined) return absent;
    const [usual] = USUAL.exec(path) ?? [];
    return usual !== undefined && this.#deviceOf(usual) === null ? usual : null;
  }

  /**
   * Throws Fault('conflict') when a folder to write to belongs on a disk that is not there: what would be written would
   * be hidden under the disk once it is back. A folder that holds something was meant to be where it is.
   */
  refuseAbsent(folder: string): void {
    const absent = this.absentFor(folder);
    if (absent === null || hasEntries(folder)) return;
    throw new Fault('conflict', `The disk at ${absent} is not mounted, so nothing is written to ${folder}.`, {
      hint: 'Connect the disk, or choose another models folder.',
    });
  }

  #isMounted(mount: string): boolean {
    const own = this.#deviceOf(mount);
    return own !== null && own !== this.#deviceOf(dirname(mount));
  }

  /** The highest folder on the same disk; null when nothing is there. */
  #mountOf(folder: string): string | null {
    const device = this.#deviceOf(folder);
    if (device === null) return null;
    let at = folder;
    while (dirname(at) !== at && this.#deviceOf(dirname(at)) === device) at = dirname(at);
    return at;
  }
}

function hasEntries(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => !name.startsWith('.'));
  } catch {
    return false;
  }
}

function remembered(store: Store): string[] {
  try {
    const row = store.select().from(facts).where(eq(facts.key, FACT)).get();
    const mounts: unknown = JSON.parse(row?.value ?? '[]');
    return Array.isArray(mounts) ? mounts.filter((mount) => typeof mount === 'string') : [];
  } catch {
    return [];
  }
}

/** A database in trouble costs words, no more. */
function remember(store: Store, mounts: readonly string[]): void {
  const value = JSON.stringify(mounts);
  try {
    const insert = store.insert(facts).values({ key: FACT, value });
    insert.onConflictDoUpdate({ target: facts.key, set: { value } }).run();
  } catch {
    return;
  }
}
