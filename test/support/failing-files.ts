/**
 * The file system, failing at one chosen call: what a full, broken or read-only disk does in the midst of an operation.
 * Every call that modules of Flow make through `node:fs` and `node:fs/promises` is counted, also those of open files.
 */
import { mock } from 'bun:test';
import * as files from 'node:fs';
import * as promises from 'node:fs/promises';

export const DISK_CODES = ['ENOSPC', 'EIO', 'EROFS', 'EACCES'] as const;
export type DiskCode = (typeof DISK_CODES)[number];

type Call = (...args: never[]) => unknown;
type Module = Readonly<Record<string, unknown>>;

// As they were before anybody replaced them.
const REAL_FILES: Module = { ...files };
const REAL_PROMISES: Module = { ...promises };

/** What can fail on such a disk. Looks that never throw (`existsSync`) are not among them. */
const WRITING = /^(write|writeFile|appendFile|f?sync|fdatasync|datasync|rename|mkdir|mkdtemp|f?chmod|link|symlink)$/;
const WRITING_TOO = /^(unlink|rm|rmdir|f?truncate|copyFile|close|utimes)$/;
const READING = /^(open|read|readFile|readdir|readlink|lstat|stat|fstat|realpath|opendir)$/;

/** How often at most one operation may call the disk. */
const CALLS_MAX = 500;

/** Replaces the file system of this process until disposed. */
export class FailingFiles implements AsyncDisposable {
  #code: DiskCode | null = null;
  #callsLeft = 0;
  #failed: string | null = null;

  static async begin(): Promise<FailingFiles> {
    const failing = new FailingFiles();
    await mock.module('node:fs', () => failing.#wrapped(REAL_FILES));
    await mock.module('node:fs/promises', () => failing.#wrapped(REAL_PROMISES));
    return failing;
  }

  /** Lets the `nth` call from now fail with `code`, once. */
  arm(code: DiskCode, nth: number): void {
    this.#code = code;
    this.#callsLeft = nth;
    this.#failed = null;
  }

  /** From now on all calls pass. Returns which one failed; null when none did. */
  disarm(): string | null {
    this.#code = null;
    return this.#failed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await mock.module('node:fs', () => ({ ...REAL_FILES }));
    await mock.module('node:fs/promises', () => ({ ...REAL_PROMISES }));
  }

  #wrapped(module: Module): Module {
    return Object.fromEntries(
      Object.entries(module).map(([name, value]) => {
        const plain = name.replace(/Sync$/, '');
        const isCounted = WRITING.test(plain) || WRITING_TOO.test(plain) || READING.test(plain);
        return [name, isCounted && isCall(value) ? this.#failable(name, value) : value];
      }),
    );
  }

  #failable(name: string, call: Call): Call {
    const failing = this;
    const isAsync = !name.endsWith('Sync');
    return function (this: unknown, ...args: never[]) {
      // With a callback it is another interface, which Flow's modules do not use.
      if (args.some((arg) => typeof arg === 'function')) return call.apply(this, args);
      const error = failing.#next(name);
      if (error === null) return isAsync ? failing.#opened(call.apply(this, args)) : call.apply(this, args);
      const left = failing.#leftBehind(name, call, this, args);
      if (left !== undefined) return left;
      if (isAsync) return Promise.reject(error);
      throw error;
    };
  }

  /** What a call that fails has done all the same. */
  #leftBehind(name: string, call: Call, self: unknown, args: never[]): unknown {
    if (/^close/.test(name)) call.apply(self, args);
    const [first, text] = args as unknown[];
    if (name === 'writeFileSync' && typeof text === 'string') {
      const options = (args as unknown[])[2];
      call.apply(self, [first, text.slice(0, text.length / 2), options] as never[]);
    }
    // The kernel takes what it has room for and says how much that was; only the next call fails.
    if (name === 'writeSync' && typeof text === 'string') {
      return call.apply(self, [first, text.slice(0, text.length / 2)] as never[]);
    }
    return undefined;
  }

  #next(name: string): Error | null {
    if (this.#code === null || this.#failed !== null) return null;
    this.#callsLeft -= 1;
    if (this.#callsLeft > 0) return null;
    this.#failed = name;
    const error = new Error(`${this.#code}: as the test wants, ${name}`);
    return Object.assign(error, { code: this.#code, syscall: name });
  }

  /** An open file counts too. */
  async #opened(result: unknown): Promise<unknown> {
    const value = await result;
    if (typeof value !== 'object' || value === null || !('datasync' in value)) return value;
    return new Proxy(value, {
      get: (handle, name) => {
        const member: unknown = Reflect.get(handle, name);
        if (typeof member !== 'function') return member;
        const bound: Call = (...args: never[]) => Reflect.apply(member, handle, args);
        const isCounted = WRITING.test(String(name)) || WRITING_TOO.test(String(name)) || READING.test(String(name));
        return isCounted ? this.#failable(String(name), bound) : bound;
      },
    });
  }
}

function isCall(value: unknown): value is Call {
  return typeof value === 'function';
}

/** An operation that is to survive each failure of its disk. */
export type Operation = {
  /** Brings about the state before it; called anew for each try. */
  readonly prepare: () => Promise<void> | void;
  readonly act: () => unknown;
  /** Throws when what is left is not as it should be. `error` is what the operation threw; null when nothing. */
  readonly check: (error: unknown, failed: string | null) => Promise<void> | void;
};

/**
 * Lets the first call fail, then the second, and so on until the operation passes without meeting the failure; with
 * each code. Returns how many calls there were. A failed check says at which call.
 */
export async function failEachCall(
  failing: FailingFiles,
  { prepare, act, check }: Operation,
  codes: readonly DiskCode[] = DISK_CODES,
): Promise<number> {
  let calls = 0;
  for (const code of codes) {
    for (let nth = 1; ; nth += 1) {
      if (nth > CALLS_MAX) throw new Error(`more than ${CALLS_MAX} calls`);
      await prepare();
      failing.arm(code, nth);
      const error = await outcomeOf(act);
      const failed = failing.disarm();
      try {
        await check(error, failed);
      } catch (cause) {
        throw new Error(`${code} at call ${nth} (${failed ?? 'none'}), which ended with ${error}: ${cause}`, { cause });
      }
      if (failed === null) {
        calls = nth - 1;
        break;
      }
    }
  }
  return calls;
}

async function outcomeOf(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return null;
  } catch (cause) {
    return cause;
  }
}
