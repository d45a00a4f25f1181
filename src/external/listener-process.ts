/** Which process listens on a port of this machine: so that an engine is stopped by its own pid, never by its port. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { systemProbe } from '#src/supervision/process-probe.ts';

/** A process as it was seen; the same pid with another start time is another process. */
export type SeenProcess = { readonly pid: number; readonly startTime: string; readonly executable: string };

const LSOF_MS_MAX = 3_000;
const LISTEN = '0A';
/** Addresses through which a loopback connection arrives, as the kernel writes them. */
const REACHED = new Set([
  '0100007F',
  '00000000',
  '00000000000000000000000000000000',
  '00000000000000000000000001000000',
  '0000000000000000FFFF00000100007F',
]);

/**
 * The one process of this user that listens there. Null when there is none, when it belongs to somebody else, or when
 * several share the port: then nobody can say who answers.
 */
export async function listenerOn(port: number): Promise<SeenProcess | null> {
  const pids = process.platform === 'linux' ? await linuxListeners(port) : await lsofListeners(port);
  const [pid, ...others] = pids;
  return pid === undefined || others.length > 0 || pid <= 1 || pid === process.pid ? null : seen(pid);
}

/** Whether a process that was seen is still that one. */
export function isStillThere({ pid, startTime }: SeenProcess): boolean {
  return systemProbe.startTime(pid) === startTime;
}

async function seen(pid: number): Promise<SeenProcess | null> {
  const startTime = systemProbe.startTime(pid);
  const executable = process.platform === 'linux' ? await linuxExecutable(pid) : await ownExecutable(pid);
  return startTime === null || executable === null ? null : { pid, startTime, executable };
}

async function linuxExecutable(pid: number): Promise<string | null> {
  try {
    const { uid } = await stat(`/proc/${pid}`);
    return uid === process.getuid?.() ? await readlink(`/proc/${pid}/exe`) : null;
  } catch {
    return null;
  }
}

async function linuxListeners(port: number): Promise<readonly number[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => textOf(path)));
  const sockets = new Set(tables.flatMap((table) => listeningSockets(table, port)));
  // Two sockets on one port: the kernel gives connections to either.
  if (sockets.size !== 1) return [];
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 1);
  const holders: number[] = [];
  for (const pid of pids) if (await holdsOne(pid, sockets)) holders.push(pid);
  return holders;
}

/** Numbers of the sockets that listen on a port where loopback reaches them, from a table of the kernel. Pure. */
export function listeningSockets(table: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , socket] = line.trim().split(/\s+/);
    const [address = '', localPort] = local.split(':');
    return state === LISTEN && localPort === wanted && REACHED.has(address) && socket ? [socket] : [];
  });
}

async function holdsOne(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  try {
    for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (target.startsWith('socket:[') && sockets.has(target.slice(8, -1))) return true;
    }
    return false;
  } catch {
    // Somebody else's, or gone meanwhile.
    return false;
  }
}

async function lsofListeners(port: number): Promise<readonly number[]> {
  const lines = await outputOf(['lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t']);
  return [...new Set(lines.split('\n').map(Number))].filter((pid) => pid > 1);
}

async function ownExecutable(pid: number): Promise<string | null> {
  const line = (await outputOf(['/bin/ps', '-ww', '-o', 'uid=,comm=', '-p', String(pid)])).trim();
  const match = /^(\d+)\s+(.+)$/.exec(line);
  return match?.[2] !== undefined && Number(match[1]) === process.getuid?.() ? match[2] : null;
}

async function outputOf(argv: string[]): Promise<string> {
  try {
    const child = Bun.spawn(argv, { stdio: ['ignore', 'pipe', 'ignore'], timeout: LSOF_MS_MAX });
    return await new Response(child.stdout).text();
  } catch {
    return '';
  }
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'latin1').catch(() => '');
}

/** Whether a program's name says that it is llama.cpp's server, and not a tunnel or a proxy to one. */
export function isLlamaServer({ executable }: SeenProcess): boolean {
  return /^llama(?:-server|-cpp|\.cpp|file)?(?:[-.\w]*)$/i.test(basename(executable).replace(/ \(deleted\)$/, ''));
}
