/** The access token of the hub: in a file of its own that only this user can read, shown to nobody but that hub. */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { Fault, systemCodeOf } from '#src/faults.ts';
import { isObject, stringOrNull } from '#src/json.ts';
import { writeWhole } from '#src/whole-file.ts';
import { isLoopback } from './addresses.ts';

export type HubTokenParts = {
  readonly path: string;
  /** Keeps a secret out of the logs. */
  readonly protect: (secret: string) => void;
};

const FILE_MODE = 0o600;
const FILE_BYTES_MAX = 10_000;
const TOKEN = /^[A-Za-z0-9_.~+/=-]{8,500}$/;

/** A token, and the one hub that it is for. */
export type HeldToken = { readonly origin: string; readonly token: string };

/**
 * Holds the token together with the hub it was given for: when `hub_url` is changed, also by hand in the file, the
 * other host does not get it.
 */
export class HubToken {
  readonly #parts: HubTokenParts;
  #held: HeldToken | null;
  #edition = 0;

  constructor(parts: HubTokenParts) {
    this.#parts = parts;
    this.#held = read(parts.path);
    if (this.#held) parts.protect(this.#held.token);
  }

  /** Counts changes: what was answered under another edition may be answered otherwise now. */
  get edition(): number {
    return this.#edition;
  }

  /** The token for the hub at this origin; null when there is none, or it belongs to another one. */
  tokenFor(origin: string): string | null {
    return this.#held?.origin === origin ? this.#held.token : null;
  }

  /** Keeps a token for the hub at `hubUrl`. Throws Fault('invalid-request'), 'disk-full' or 'conflict'. */
  save(value: unknown, hubUrl: string): void {
    const token = typeof value === 'string' ? value.trim() : '';
    if (!TOKEN.test(token)) {
      throw new Fault('invalid-request', 'That is no access token: 8 to 500 letters, digits and signs without spaces.');
    }
    const { origin, protocol, hostname } = new URL(hubUrl);
    if (protocol !== 'https:' && !isLoopback(hostname)) {
      throw new Fault('invalid-request', `${origin} is not encrypted, so a token for it could be read on the way.`);
    }
    this.#parts.protect(token);
    write(this.#parts.path, JSON.stringify({ origin, token }));
    this.#held = { origin, token };
    this.#edition += 1;
  }

  /** Forgets the token, and removes its file. */
  remove(): void {
    try {
      rmSync(this.#parts.path, { force: true });
    } catch (cause) {
      throw new Fault('conflict', `${this.#parts.path} cannot be removed.`, { cause });
    }
    this.#held = null;
    this.#edition += 1;
  }
}

function read(path: string): HeldToken | null {
  const held = readHeldToken(path);
  try {
    chmodSync(path, FILE_MODE);
    return held;
  } catch {
    return null;
  }
}

/** What the file holds; null when there is none, or it is not one of ours: then the token must be given again. */
export function readHeldToken(path: string): HeldToken | null {
  try {
    const text = readFileSync(path, 'utf8');
    const value: unknown = text.length > FILE_BYTES_MAX ? null : JSON.parse(text);
    const [origin, token] = isObject(value) ? [stringOrNull(value.origin), stringOrNull(value.token)] : [null, null];
    return origin !== null && token !== null && TOKEN.test(token) ? { origin, token } : null;
  } catch {
    return null;
  }
}

function write(path: string, text: string): void {
  try {
    writeWhole(path, text);
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Fault('disk-full', 'The token could not be saved: the disk is full.', { cause });
    }
    throw new Fault('conflict', `${path} cannot be written (${code ?? 'unknown'}); the token is as it was.`, { cause });
  }
}
