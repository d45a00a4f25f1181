/** What the system tells of a process: since when it runs, and whether it is one of ours. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessProbe {
  /** When the process began, in words that never repeat for the same pid; null when there is none. */
  startTime(pid: number): string | null;
  /** Whether it carries the mark (Linux), or at least runs the executable (elsewhere, together with its start time). */
  isMarked(pid: number, nonce: string, executable: string): boolean;
  /** Every process that carries one of the marks; empty where the system does not show environments. */
  marked(nonces: ReadonlySet<string>): readonly number[];
  kill(pid: number): void;
}

/** The real system. */
export const systemProbe: ProcessProbe = {
  startTime: (pid) => (process.platform === 'linux' ? linuxStartTime(pid) : ps(pid, 'lstart=')),
  isMarked: (pid, nonce, executable) =>
    process.platform === 'linux' ? linuxMark(pid) === nonce : (ps(pid, 'command=') ?? '').includes(executable),
  marked: (nonces) => (process.platform === 'linux' && nonces.size > 0 ? linuxMarked(nonces) : []),
  kill: (pid) => {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just gone by itself.
    }
  },
};

/** Ticks since boot, and which boot: ticks alone could repeat after a restart. */
function linuxStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name (field 2) may hold spaces and parentheses: count from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    const ticks = fields[19];
    return ticks === undefined ? null : `${ticks}@${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`;
  } catch {
    return null;
  }
}

function linuxMark(pid: number): string | null {
  try {
    const variable = readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .find((entry) => entry.startsWith('FLOW_INSTANCE='));
    return variable?.slice('FLOW_INSTANCE='.length) ?? null;
  } catch {
    return null;
  }
}

function linuxMarked(nonces: ReadonlySet<string>): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid && nonces.has(linuxMark(pid) ?? ''));
}

function ps(pid: number, column: string): string | null {
  // Without `-ww` macOS cuts a line that goes to no terminal at 79 columns, and with it the path of most engines.
  const answer = Bun.spawnSync(['/bin/ps', '-ww', '-o', column, '-p', String(pid)], {
    stderr: 'ignore',
    timeout: 2_000,
  });
  const text = answer.stdout.toString().trim();
  return answer.success && text !== '' ? text : null;
}
