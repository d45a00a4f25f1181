/** One download from its record to its place: what is missing is fetched, checked, and put where it belongs at once. */
import { type FileHandle, lstat, open, rename, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault } from '#src/faults.ts';
import { Digest } from './digest.ts';
import { checkRoom, type Disk, diskFull, isFull } from './disk.ts';
import { type FetchParts, type FetchWatch, fetchFile } from './fetch-file.ts';
import { bytesOfPart, fileOf, Part, type PartGoal, removePart } from './part.ts';
import type { DownloadRecord, RecordFile } from './record.ts';
import { prepareFolder } from './safe-path.ts';

/** How far one file is. */
export type FileProgress = { readonly bytes: number; readonly isVerified: boolean };

export type RunParts = FetchParts & {
  readonly disk: Disk;
  /** Bytes that other downloads still want of the same disk. */
  readonly promisedBytes: () => number;
  /** Whether a file that is there already is Flow's own of this repository, so that a newer one may take its place. */
  readonly mayReplace: (path: string, repository: string) => boolean;
};

/** What is told on the way. Whoever listens may throw to end the run. */
export type RunWatch = Pick<FetchWatch, 'onTrouble'> & {
  readonly onState: (state: 'running' | 'verifying') => void;
  /** Of the file at this index. */
  readonly onFile: (index: number, progress: FileProgress) => void;
  /** A new version of the record's file at this index; to be kept. */
  readonly onChanged: (index: number, file: RecordFile) => void;
  /** Digested bytes of the file that is being checked. */
  readonly onCheck: (bytes: number) => void;
};

/** How often a file may come damaged before it is given up. */
const DAMAGES_MAX = 2;
const STAGING = '.downloads';
/** A whole read of a file that is there already: some 1 ms of hashing at a time. */
const CHECK_BYTES = 256 << 10;

/** Where the parts of a download lie: on the disk that they are for, so that a rename puts them in place. */
function partsFolder({ root, id }: Pick<DownloadRecord, 'root' | 'id'>): string {
  return join(root, STAGING, id);
}

/** The path of one part, without ending. */
export function partPath(record: DownloadRecord, index: number): string {
  return join(partsFolder(record), String(index));
}

/**
 * Fetches and verifies all files; they lie in the parts folder or, if they were there before, in their place. Throws
 * Faults, ContentChanged, or the signal's reason.
 */
export async function fetchAll(
  record: () => DownloadRecord,
  parts: RunParts,
  watch: RunWatch,
  signal: AbortSignal,
): Promise<void> {
  const { root } = record();
  await prepareFolder(root, fileOf(partPath(record(), 0)));
  for (const [index] of record().files.entries()) {
    const isThere = await isInPlace(record, index, parts, watch, signal);
    if (isThere) watch.onFile(index, { bytes: fileAt(record(), index).sizeBytes, isVerified: true });
  }
  await checkRoom(parts.disk, root, missingBytes(record()) + parts.promisedBytes());
  watch.onState('running');
  for (const [index, { placedMs }] of record().files.entries()) {
    if (placedMs === null) await fetchOne(record, index, parts, watch, signal);
    signal.throwIfAborted();
  }
}

/**
 * Puts what was fetched in its place, all of it, and tells of each. To be called after `fetchAll` only. What came to
 * lie there since is looked at again, all of it before the first file moves; throws Fault('conflict') for what is not
 * ours.
 */
export async function placeAll(
  record: () => DownloadRecord,
  parts: Pick<RunParts, 'mayReplace'>,
  watch: Pick<RunWatch, 'onChanged'>,
): Promise<void> {
  const { root, files } = record();
  for (const file of files.filter(({ placedMs }) => placedMs === null)) {
    await prepareFolder(root, file.target);
    if ((await lstatOrNull(file.target)) !== null) refuseForeign(file, parts);
  }
  for (const [index, file] of record().files.entries()) {
    if (file.placedMs !== null) continue;
    await rename(fileOf(partPath(record(), index)), file.target);
    await syncFolder(dirname(file.target));
    const { mtimeMs } = await lstat(file.target);
    watch.onChanged(index, { ...file, placedMs: mtimeMs, isFetched: true });
  }
  await discardParts(record());
}

/** Removes the parts of this download, and nothing else. */
export async function discardParts(record: DownloadRecord): Promise<void> {
  for (const [index] of record.files.entries()) await removePart(partPath(record, index));
  // The folder of all parts goes when nobody else has any.
  for (const folder of [partsFolder(record), dirname(partsFolder(record))]) await rmdir(folder).catch(() => {});
}

/** Bytes that are still to come, as the journals say. */
export function missingBytes(record: DownloadRecord): number {
  return record.files.reduce((sum, file, index) => {
    const there = file.placedMs === null ? bytesOfPart(partPath(record, index), goalOf(file)) : file.sizeBytes;
    return sum + file.sizeBytes - there;
  }, 0);
}

/** What the part of a file must become. */
export function goalOf({ revision, sizeBytes, sha256, gitId }: RecordFile): PartGoal {
  return { revision, sizeBytes, sha256, gitId };
}

function fileAt(record: DownloadRecord, index: number): RecordFile {
  const file = record.files[index];
  if (file) return file;
  throw new Error(`Expected: a file ${index} of download ${record.id}`);
}

/** Whether the right file is where it belongs. Throws Fault('conflict') for a wrong one that is not ours. */
async function isInPlace(
  record: () => DownloadRecord,
  index: number,
  parts: RunParts,
  watch: RunWatch,
  signal: AbortSignal,
): Promise<boolean> {
  const { root } = record();
  const file = fileAt(record(), index);
  await prepareFolder(root, file.target);
  const there = await lstatOrNull(file.target);
  if (there?.size === file.sizeBytes && there.mtimeMs === file.placedMs) return true;
  const isSame =
    there?.size === file.sizeBytes && (await hasDigest(file, () => watch.onState('verifying'), watch.onCheck, signal));
  signal.throwIfAborted();
  if (there && isSame) {
    watch.onChanged(index, { ...file, placedMs: there.mtimeMs });
    return true;
  }
  if (there) refuseForeign(file, parts);
  if (file.placedMs !== null) watch.onChanged(index, { ...file, placedMs: null, isFetched: false });
  return false;
}

/** A process that has the old file open keeps it: the new one is another file under the same name. */
function refuseForeign({ target, repository }: RecordFile, { mayReplace }: Pick<RunParts, 'mayReplace'>): void {
  if (mayReplace(target, repository)) return;
  throw new Fault('conflict', `${target} is there already, and is not what the repository has.`, {
    hint: 'Move it away, then resume the download.',
  });
}

async function lstatOrNull(path: string) {
  return await lstat(path).catch(() => null);
}

async function hasDigest(
  file: RecordFile,
  onBegin: () => void,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const digest = Digest.of(file);
  if (digest === null) return false;
  onBegin();
  const handle: FileHandle = await open(file.target, 'r');
  try {
    const buffer = new Uint8Array(CHECK_BYTES);
    for (let at = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) break;
      signal.throwIfAborted();
      digest.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
      onBytes(at);
    }
    return digest.isRight();
  } finally {
    await handle.close();
  }
}

/** Fetches one file until it has its digest, or has come damaged too often. */
async function fetchOne(
  record: () => DownloadRecord,
  index: number,
  parts: RunParts,
  watch: RunWatch,
  signal: AbortSignal,
): Promise<void> {
  await prepareFolder(record().root, fileOf(partPath(record(), index)));
  const part = await Part.open(partPath(record(), index), goalOf(fileAt(record(), index)), parts.disk);
  try {
    for (;;) {
      const file = fileAt(record(), index);
      if (part.isVerified) break;
      const onBytes = () => watch.onFile(index, { bytes: part.bytes, isVerified: false });
      onBytes();
      await fetchFile(file, part, parts, { onBytes, onTrouble: watch.onTrouble }, signal);
      watch.onState('verifying');
      await part.digestSoFar(signal, () => watch.onCheck(part.hashedBytes));
      while (part.isDigested && part.hashedBytes < file.sizeBytes) {
        // The one that runs already was begun while bytes still came.
        signal.throwIfAborted();
        await Bun.sleep(1);
        await part.digestSoFar(signal, () => watch.onCheck(part.hashedBytes));
      }
      signal.throwIfAborted();
      if (await part.verify()) break;
      await part.startOver();
      watch.onChanged(index, { ...file, damages: file.damages + 1 });
      if (file.damages + 1 >= DAMAGES_MAX) throw damaged(file);
      watch.onState('running');
    }
    watch.onFile(index, { bytes: part.bytes, isVerified: true });
    watch.onState('running');
  } catch (cause) {
    if (!isFull(cause)) throw cause;
    throw await diskFull(parts.disk, record().root, missingBytes(record()), cause);
  } finally {
    await part.close();
  }
}

function damaged({ path, sha256 }: RecordFile): Fault {
  return new Fault(
    'download-damaged',
    `${path} was damaged on its way, ${DAMAGES_MAX} times: its ${sha256 === null ? 'git id' : 'SHA-256'} is not the published one.`,
    { hint: 'Retry later; a proxy in between, or the disk, may change what passes.' },
  );
}

/** A rename survives a loss of power once its folder is written. Some file systems know no such thing. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
