/** Ctrl-C and the like, for commands: the first asks the command to end, the second ends it. */
import { EXIT } from './command.ts';

const CODES = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: 129 } as const;

/** Turns signals into an AbortSignal, and remembers which it was. */
export class Interrupt {
  readonly #abort = new AbortController();
  #code: number = EXIT.interrupted;

  /** Aborts on the first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** What a command that was ended by a signal exits with. */
  get code(): number {
    return this.#code;
  }

  /** Begins to listen; from then on nothing but this ends the process on a signal. */
  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        if (this.#abort.signal.aborted) process.exit(CODES[name]);
        this.#code = CODES[name];
        this.#abort.abort();
      });
    }
  }
}
