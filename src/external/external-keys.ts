/** The keys of engines that Flow did not start: in a file that only this user can read, each for its own address. */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { writeWhole } from '#src/whole-file.ts';

export type ExternalKeysParts = {
  /** `<data>/external-keys.json`. */
  readonly path: string;
  /** Keeps a secret out of the logs. */
  readonly protect: (secret: string) => void;
};

const FILE_MODE = 0o600;
const FILE_BYTES_MAX = 1_000_000;
const KEY = /^[!-~]{1,2000}$/;

/** Holds them. A key goes to the base URL that it was given for and to no other. */
export class ExternalKeys {
  readonly #parts: ExternalKeysParts;
  readonly #keys: Map<string, string>;

  constructor(parts: ExternalKeysParts) {
    this.#parts = parts;
    this.#keys = read(parts.path);
    for (const key of this.#keys.values()) parts.protect(key);
  }

  /** The key for a base URL; empty when there is none. */
  keyFor(baseUrl: string): string {
    return this.#keys.get(baseUrl) ?? '';
  }

  /** The base URLs that a key is kept for. */
  get baseUrls(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Keeps a key. Throws Fault('invalid-request'), 'disk-full' or 'conflict'; then the former one stays. */
  save(baseUrl: string, key: string): void {
    this.check(key);
    if (this.#keys.get(baseUrl) === key) return;
    this.#write(new Map([...this.#keys, [baseUrl, key]]));
    this.#keys.set(baseUrl, key);
  }

  /** Throws Fault('invalid-request') for what cannot be sent as a key; from here on it shows in no log. */
  check(key: string): void {
    if (!KEY.test(key)) {
      throw new Fault('invalid-request', 'That is no key: letters, digits and signs of ASCII without spaces.');
    }
    this.#parts.protect(key);
  }

  /** Forgets the keys of all other base URLs, also on disk. */
  keepOnly(baseUrls: ReadonlySet<string>): void {
    const kept = new Map([...this.#keys].filter(([baseUrl]) => baseUrls.has(baseUrl)));
    if (kept.size === this.#keys.size) return;
    if (kept.size > 0) this.#write(kept);
    else rmSync(this.#parts.path, { force: true });
    for (const baseUrl of [...this.#keys.keys()]) if (!kept.has(baseUrl)) this.#keys.delete(baseUrl);
  }

  #write(keys: ReadonlyMap<string, string>): void {
    const { path } = this.#parts;
    try {
      writeWhole(path, `${JSON.stringify(Object.fromEntries(keys), null, 2)}\n`);
    } catch (cause) {
      const code = systemCodeOf(cause);
      const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'conflict';
      throw new Fault(kind, `The key could not be written to ${path} (${code ?? 'unknown'}).`, { cause });
    }
  }
}

/** What the file holds; nothing when there is none, or it is not one of ours. */
function read(path: string): Map<string, string> {
  try {
    const text = readFileSync(path, 'utf8');
    chmodSync(path, FILE_MODE);
    const value: unknown = text.length > FILE_BYTES_MAX ? null : JSON.parse(text);
    const entries = isObject(value) ? Object.entries(value) : [];
    return new Map(entries.flatMap(([url, key]) => (typeof key === 'string' && KEY.test(key) ? [[url, key]] : [])));
  } catch {
    return new Map();
  }
}
