/** What a command of `flow` is; `main.ts` lists them. */
import type { ParseArgsOptionsConfig } from 'node:util';
import type { Environment, Flags } from '#src/config.ts';
import { Fault } from '#src/faults.ts';
import type { GatewayApi } from './gateway-api.ts';
import type { Terminal } from './terminal.ts';

/** Exit codes, documented and stable. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  notFound: 4,
  engine: 5,
  load: 6,
  download: 7,
  auth: 8,
  diskFull: 9,
  busy: 10,
  interrupted: 130,
  terminated: 143,
} as const;

/** Everything a command may touch. */
export type Context = {
  readonly positionals: readonly string[];
  readonly flags: Flags;
  /** `--json`: data only, one JSON value on stdout. */
  readonly isJson: boolean;
  readonly api: GatewayApi;
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
};

/** One word after `flow`. */
export interface Command {
  readonly name: string;
  /** After the name, for example `MODEL [PROMPT]`. */
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** Beyond `--json`, `--help` and the address flags, which all have. */
  readonly options?: ParseArgsOptionsConfig;
  /** Fewest and most positionals. */
  readonly positionals: readonly [number, number];
  /** Returns the exit code. Throws Faults and NotRunning, which the caller words. */
  run(context: Context): Promise<number>;
}

/** Prints data as JSON when asked, else as the given text. */
export function print(context: Context, data: unknown, text: () => string): void {
  context.terminal.out(context.isJson ? `${JSON.stringify(data, null, 2)}\n` : text());
}

/** A flag that is a whole number of at least 1; null when it was not given. Throws Fault('invalid-request'). */
export function wholeNumber({ flags }: Context, name: string): number | null {
  const given = flags[name];
  if (typeof given !== 'string') return null;
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Fault('invalid-request', `--${name} is "${given}"; it must be a whole number from 1.`);
}
