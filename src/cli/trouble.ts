/** How the command line words what went wrong, and with which code it ends. */
import { asFault, type FaultKind } from '#src/faults.ts';
import { EXIT } from './command.ts';
import { BrokenOff } from './event-data.ts';
import { NotRunning } from './gateway-api.ts';
import { safe } from './terminal.ts';

const CODES: Readonly<Partial<Record<FaultKind, number>>> = {
  'invalid-request': EXIT.usage,
  unauthorized: EXIT.auth,
  // A path or an address that Flow refuses to anybody; what is wrong with a key is 'unauthorized'.
  forbidden: EXIT.usage,
  'not-found': EXIT.notFound,
  'model-not-found': EXIT.notFound,
  conflict: EXIT.busy,
  'queue-full': EXIT.busy,
  'rate-limited': EXIT.busy,
  'quota-used': EXIT.busy,
  'engine-missing': EXIT.engine,
  'install-failed': EXIT.engine,
  'hub-token-missing': EXIT.auth,
  'hub-token-refused': EXIT.auth,
  'hub-gated': EXIT.auth,
  'hub-busy': EXIT.busy,
  'hub-broken': EXIT.download,
  'download-damaged': EXIT.download,
  'disk-full': EXIT.diskFull,
  offline: EXIT.engine,
  'load-failed': EXIT.load,
  'no-memory': EXIT.load,
};

/** The code a command ends with when `cause` was thrown. */
export function exitCodeOf(cause: unknown): number {
  if (cause instanceof NotRunning) return EXIT.notRunning;
  return CODES[asFault(cause).kind] ?? EXIT.failed;
}

/** What happened, and what may help, for stderr. */
export function wordsOf(cause: unknown): string {
  if (cause instanceof NotRunning) {
    return cause.isTaken
      ? `${cause.message} Name Flow's address with --host and --port.\n`
      : `${cause.message} Start it with "flow", then try again.\n`;
  }
  if (cause instanceof BrokenOff) return `\n${cause.message} See whether it still runs: flow ps\n`;
  const fault = asFault(cause);
  const detail = fault.kind === 'internal' && fault.cause instanceof Error ? ` (${fault.cause.message})` : '';
  return `${safe(fault.message)}${safe(detail)}\n${fault.hint ? `${safe(fault.hint)}\n` : ''}`;
}
