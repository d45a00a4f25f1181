/** What the system says of processes: for tests that must leave nothing behind. */
import { readdirSync, readFileSync } from 'node:fs';

/** Pids whose environment holds `FLOW_INSTANCE=<nonce>` (Linux; elsewhere the command lines are searched). */
export function marked(nonce: string): number[] {
  if (process.platform !== 'linux') return fromPs(nonce);
  return processesWith(`FLOW_INSTANCE=${nonce}`).filter(isAlive);
}

/** Pids whose environment carries this text; Linux only. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && textOf(`/proc/${pid}/environ`).includes(text));
}

/** Whether it runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') {
    const stat = textOf(`/proc/${pid}/stat`);
    return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What a file holds, byte for byte; nothing when it cannot be read, as of a process that has gone. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function fromPs(nonce: string): number[] {
  const lines = Bun.spawnSync(['ps', '-axEo', 'pid=,command=']).stdout.toString().split('\n');
  return lines.filter((line) => line.includes(`FLOW_INSTANCE=${nonce}`)).map((line) => Number.parseInt(line, 10));
}
