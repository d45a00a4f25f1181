/** Resident memory of a process and its descendants. */
import { readdirSync, readFileSync } from 'node:fs';

const DEPTH_MAX = 8;
const DARWIN_FRESH_MS = 2_000;

/**
 * In bytes; null when it cannot be told. Linux reads /proc (some 20 µs a process). macOS must ask `ps`, which takes
 * milliseconds: there the answer is the last one known, and a fresh one is fetched behind it.
 */
export function residentBytes(leaderPid: number): number | null {
  return process.platform === 'linux' ? linuxTreeBytes(leaderPid, 0) : darwinGroupBytes(leaderPid);
}

function linuxTreeBytes(pid: number, depth: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    // Kilobytes: unlike the pages of `statm`, the same on every kernel.
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (kilobytes === undefined) return null;
    let bytes = Number(kilobytes) * 1024;
    if (depth >= DEPTH_MAX) return bytes;
    for (const child of linuxChildren(pid)) bytes += linuxTreeBytes(child, depth + 1) ?? 0;
    return bytes;
  } catch {
    return null;
  }
}

function linuxChildren(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).flatMap((task) =>
    readFileSync(`${tasks}/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );
}

type Known = { atMs: number; bytes: number | null; isAsking: boolean };
const known = new Map<number, Known>();

function darwinGroupBytes(leaderPid: number): number | null {
  const nowMs = performance.now();
  const last = known.get(leaderPid) ?? { atMs: Number.NEGATIVE_INFINITY, bytes: null, isAsking: false };
  known.set(leaderPid, last);
  if (!last.isAsking && nowMs - last.atMs > DARWIN_FRESH_MS) void askPs(leaderPid, last);
  return last.bytes;
}

async function askPs(leaderPid: number, last: Known): Promise<void> {
  last.isAsking = true;
  try {
    const ps = Bun.spawn(['/bin/ps', '-axo', 'pgid=,rss='], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 2_000 });
    last.bytes = sumOfGroup(await new Response(ps.stdout).text(), leaderPid);
  } catch {
    last.bytes = null;
  }
  last.atMs = performance.now();
  last.isAsking = false;
  if (last.bytes === null) known.delete(leaderPid);
}

/** The group's share of `ps -axo pgid=,rss=` (kilobytes), in bytes; null when the group is not in it. */
function sumOfGroup(listing: string, leaderPid: number): number | null {
  let bytes: number | null = null;
  for (const line of listing.split('\n')) {
    const [group, kilobytes] = line.trim().split(/\s+/).map(Number);
    if (group === leaderPid && kilobytes !== undefined) bytes = (bytes ?? 0) + kilobytes * 1024;
  }
  return bytes;
}
