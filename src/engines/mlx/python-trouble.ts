/** Says in plain words why uv or pip did not succeed. Pure. */
import type { ProgramEnd } from '#src/engines/run-program.ts';
import { Fault } from '#src/faults.ts';

const UNREACHABLE = anyOf([
  'dns error',
  'error sending request',
  'client error \\(Connect\\)',
  'tcp connect error',
  'connection refused',
  'operation timed out',
  'Failed to establish a new connection',
  'Max retries exceeded',
  'NewConnectionError',
  'name resolution',
  'Network is unreachable',
  'network was disabled',
  'ConnectTimeout',
  'Read timed out',
]);
const FULL = /no space left on device|disk quota exceeded|os error 28\b/i;
const WITHOUT_VENV = /ensurepip is not available|No module named (venv|ensurepip|pip)/i;
const WITHOUT_PYTHON = /No interpreter found|No download found for request|Python downloads are disabled/i;
const WITHOUT_VERSION = anyOf([
  'there is no version of \\S+==',
  'No matching distribution found for',
  'Could not find a version that satisfies',
  'was not found in the package registry',
  'no wheels? with a matching',
  'unsatisfiable',
]);
const SENTENCE_LENGTH_MAX = 400;

/** The Fault for a program that ended badly; `what` is what it was to bring. */
export function installTrouble(end: ProgramEnd, what: string): Fault {
  switch (end.kind) {
    case 'not-started':
      return new Fault('install-failed', `The Python tools cannot be started (${end.code}).`);
    case 'timed-out':
      return new Fault('install-failed', `Installing ${what} took too long and was given up.`);
    case 'killed':
      return new Fault('install-failed', `Installing ${what} was ended by ${end.signal}.`);
    default:
      return fromOutput(`${end.stdout}\n${end.stderr}`, what);
  }
}

function fromOutput(output: string, what: string): Fault {
  if (FULL.test(output)) {
    const hint = 'Make room on the disk that holds the data folder.';
    return new Fault('disk-full', 'The disk is full.', { hint });
  }
  // pip says that nothing matches when it could not reach the index either.
  if (UNREACHABLE.test(output)) {
    const hint = 'Check the network, the proxy, or the mirror that uv or pip is set up for; then try again.';
    return new Fault('offline', `Python's package index cannot be reached, so ${what} was not fetched.`, { hint });
  }
  if (WITHOUT_VENV.test(output)) {
    const hint = 'Install uv, or the missing part (on Debian and Ubuntu: apt install python3-venv).';
    return new Fault('install-failed', 'The Python here cannot make environments.', { hint });
  }
  if (WITHOUT_PYTHON.test(output)) {
    const hint = 'Install Python 3.12 (or let uv: `uv python install 3.12`).';
    return new Fault('install-failed', 'There is no Python that fits, and uv could not fetch one.', { hint });
  }
  const reason = complaint(output);
  if (WITHOUT_VERSION.test(output)) {
    return new Fault('install-failed', `There is no such ${what} for this machine: ${reason}`);
  }
  return new Fault('install-failed', `${what} could not be installed: ${reason}`);
}

/** The lines that say it, as one sentence, without what an address may hold of a password. */
function complaint(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/^[\s×╰─▶│├>]+/u, '').trim())
    .filter((line) => line !== '');
  const from = lines.findIndex((line) => /^(error|Because|No solution|ERROR)/.test(line));
  const said = (from === -1 ? lines.slice(-1) : lines.slice(from, from + 4)).join(' ');
  const text = said.replace(/:\/\/[^/@\s]+@/g, '://').replace(/^error: /i, '');
  return `${text.slice(0, SENTENCE_LENGTH_MAX).replace(/[.:\s]+$/, '')}.`;
}

function anyOf(patterns: readonly string[]): RegExp {
  return new RegExp(patterns.join('|'), 'i');
}
