/** The few calls by which a download meets the disk, so that tests can fill it. */

import { existsSync } from 'node:fs';
import { type FileHandle, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault, systemCodeOf } from '#src/faults.ts';

export interface Disk {
  /** What this user may still write where `path` is or will be; null when the system does not say. */
  freeBytes(path: string): Promise<number | null>;
  /** Writes all of it. */
  write(file: FileHandle, bytes: Uint8Array, at: number): Promise<void>;
}

/** The real disk. */
export const systemDisk: Disk = {
  async freeBytes(path) {
    try {
      const { bavail, bsize } = await statfs(nearestExisting(path));
      return bavail * bsize;
    } catch {
      return null;
    }
  },
  async write(file, bytes, at) {
    for (let written = 0; written < bytes.length; ) {
      written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
    }
  },
};

/** A disk that is full to the last byte takes the database, the logs and other programs down with it. */
const KEPT_FREE_BYTES = 256 << 20;

/** Throws Fault('disk-full') with numbers when `needBytes` more do not fit. */
export async function checkRoom(disk: Disk, folder: string, needBytes: number): Promise<void> {
  if (needBytes <= 0) return;
  const freeBytes = await disk.freeBytes(folder);
  if (freeBytes === null || freeBytes - needBytes >= KEPT_FREE_BYTES) return;
  const after = freeBytes < needBytes ? `${gb(needBytes - freeBytes)} too little` : `only ${gb(freeBytes - needBytes)}`;
  throw new Fault(
    'disk-full',
    `The download needs ${gb(needBytes)} and the disk has ${gb(freeBytes)} free: ${after} would be left.`,
    {
      hint: `Make room at ${folder}, then resume it.`,
      details: { need_bytes: needBytes, free_bytes: freeBytes },
    },
  );
}

/** The Fault for a disk that turned out to be full in the midst of a download. */
export async function diskFull(disk: Disk, folder: string, missingBytes: number, cause: unknown): Promise<Fault> {
  const freeBytes = await disk.freeBytes(folder);
  const short = Math.max(0, missingBytes - (freeBytes ?? 0));
  const words = freeBytes === null || short === 0 ? `${gb(missingBytes)} are still to come` : `${gb(short)} short`;
  return new Fault('disk-full', `The disk is full: ${words}. What has come is kept.`, {
    hint: `Make room at ${folder}, then resume it.`,
    details: { missing_bytes: missingBytes, free_bytes: freeBytes },
    cause,
  });
}

/** What a disk that takes nothing is about; null for a cause that is none of the disk's. */
export function diskTrouble(cause: unknown, folder: string): Fault | null {
  const code = systemCodeOf(cause);
  const hint = `Make it possible for Flow to write to ${folder}, then resume the download.`;
  if (isFull(cause)) return new Fault('disk-full', 'The disk is full. What has come is kept.', { hint, cause });
  if (code === null || !/^(?:EACCES|EPERM|EROFS|EIO|ENOTDIR|ENODEV|ENXIO|EMFILE|ENFILE|EFBIG)$/.test(code)) return null;
  return new Fault('conflict', `The models folder cannot be written to (${code}).`, { hint, cause });
}

/** Whether the system said that no more can be written. */
export function isFull(cause: unknown): boolean {
  const code = systemCodeOf(cause);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function gb(bytes: number): string {
  return bytes >= 1e8 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function nearestExisting(path: string): string {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  return at;
}
