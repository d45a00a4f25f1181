/** What the system says of processes: for tests that must leave nothing behind. */
import { readdirSync, readFileSync } from 'node:fs';

/** Pids whose environment holds `FLOW_INSTANCE=<nonce>` (Linux; elsewhere the command lines are searched). */
export function marked(nonce: string): number[] {
  if (process.platform !== 'linux') return fromPs(nonce);
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && read(`/proc/${pid}/environ`).includes(`FLOW_INSTANCE=${nonce}`) && isAlive(pid));
}

/** Whether it runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  if (process.platform === 'linux') {
    const stat = read(`/proc/${pid}/stat`);
    return stat !== '' && stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Open file descriptors of this process; null where the system does not list them. */
export function openFiles(): number | null {
  try {
    return readdirSync('/dev/fd').length;
  } catch {
    return null;
  }
}

function read(path: string): string {
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
