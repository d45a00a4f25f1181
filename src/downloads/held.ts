/** A download in memory: its record, and how it is doing just now. */
import type { Fault } from '#src/faults.ts';
import { bytesOfPart } from './part.ts';
import type { DownloadRecord } from './record.ts';
import { goalOf, partPath } from './run.ts';
import { Speed } from './speed.ts';

/** Why nothing comes for now, and when (monotonic) it is tried again. */
export type Trouble = { readonly fault: Fault; readonly retryAtMs: number };

/** Belongs to the queue; nobody else changes it. */
export type Held = {
  record: DownloadRecord;
  readonly fileBytes: number[];
  readonly speed: Speed;
  checkedBytes: number | null;
  trouble: Trouble | null;
  toldMs: number;
};

/** A download as it is now. */
export type DownloadView = {
  readonly record: DownloadRecord;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly fileBytes: readonly number[];
  /** Of the file that is being checked; null when none is. */
  readonly checkedBytes: number | null;
  readonly bytesPerS: number | null;
  readonly etaS: number | null;
  readonly trouble: Trouble | null;
};

/** Holds a record, with as many bytes as its journals tell of. */
export function heldOf(record: DownloadRecord): Held {
  const fileBytes = record.files.map((file, index) =>
    file.placedMs === null ? bytesOfPart(partPath(record, index), goalOf(file)) : file.sizeBytes,
  );
  const doing = { speed: new Speed(), checkedBytes: null, trouble: null, toldMs: Number.NEGATIVE_INFINITY };
  return { record, fileBytes, ...doing };
}

/** How it is doing; `nowMs` is monotonic. */
export function viewOf({ record, fileBytes, checkedBytes, trouble, speed }: Held, nowMs: number): DownloadView {
  const totalBytes = sum(record.files.map((file) => file.sizeBytes));
  const bytes = sum(fileBytes);
  const bytesPerS = record.state === 'running' ? speed.at(nowMs) : null;
  const etaS = bytesPerS === null || bytesPerS <= 0 ? null : (totalBytes - bytes) / bytesPerS;
  return { record, bytes, totalBytes, fileBytes: [...fileBytes], checkedBytes, bytesPerS, etaS, trouble };
}

/** Bytes that it will still write. */
export function bytesToCome({ record, fileBytes }: Held): number {
  return Math.max(0, sum(record.files.map((file) => file.sizeBytes)) - sum(fileBytes));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
