/** Reads the machine's memory from the system's own files: microseconds, and no program is started for it. */
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';

/** `freeBytes` lies idle; `availableBytes` is that and the cache that would be given up. */
export type PresentMemory = {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
};

/** A cgroup of version 1 says "no limit" with a number of this size. */
const NO_LIMIT_BYTES = 2 ** 60;

/** Memory now: `/proc/meminfo` where there is one (13 µs), else what the runtime knows. */
export function presentMemory(): PresentMemory {
  const text = readText('/proc/meminfo');
  return (
    (text === null ? null : parseMeminfo(text)) ?? {
      totalBytes: totalmem(),
      freeBytes: freemem(),
      availableBytes: freemem(),
    }
  );
}

/** Reads `/proc/meminfo`; null when it is not one. */
export function parseMeminfo(text: string): PresentMemory | null {
  const bytesOf = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1];
    return kib === undefined ? null : Number(kib) * 1024;
  };
  const totalBytes = bytesOf('MemTotal');
  const freeBytes = bytesOf('MemFree');
  const availableBytes = bytesOf('MemAvailable') ?? freeBytes;
  if (totalBytes === null || availableBytes === null) return null;
  return { totalBytes, freeBytes: freeBytes ?? availableBytes, availableBytes };
}

/** The tightest memory limit of the containers round this process, in bytes; null when there is none. */
export function cgroupLimitBytes(read: (path: string) => string | null = readText): number | null {
  const limits = cgroupLimitPaths(read('/proc/self/cgroup') ?? '').flatMap((path) => {
    const bytes = Number(read(path) ?? 'max');
    return Number.isFinite(bytes) && bytes > 0 && bytes < NO_LIMIT_BYTES ? [bytes] : [];
  });
  return limits.length === 0 ? null : Math.min(...limits);
}

/** Where limits may stand: version 2 at every level from the process's group up, version 1 in its own tree. */
function cgroupLimitPaths(membership: string): readonly string[] {
  const group = /^0::(.*)$/m.exec(membership)?.[1] ?? '/';
  const parts = group.split('/').filter((part) => part !== '' && part !== '..');
  const levels = parts.map((_part, index) => `/${parts.slice(0, index + 1).join('/')}`);
  return [
    ...['', ...levels].map((level) => `/sys/fs/cgroup${level}/memory.max`),
    '/sys/fs/cgroup/memory/memory.limit_in_bytes',
  ];
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
