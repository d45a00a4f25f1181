/** Downloads as JSON: the seed's fields first, so that its clients read them, then what is new. Times are seconds. */
import type { Clock } from '#src/clock.ts';
import type { DownloadView } from './held.ts';
import type { DownloadState } from './record.ts';

export type DownloadWire = ReturnType<typeof downloadWire>;

const PERCENT = 100;
/** The seed's words where it had one for the state. */
const STATUS: Readonly<Record<DownloadState, string>> = {
  queued: 'downloading',
  running: 'downloading',
  verifying: 'downloading',
  registering: 'registering',
  complete: 'complete',
  failed: 'error',
  paused: 'paused',
  cancelled: 'cancelled',
};

/** One download as it is now. */
export function downloadWire(view: DownloadView, clock: Pick<Clock, 'wallMs' | 'monotonicMs'>) {
  const { record, trouble } = view;
  const { state, reason, files } = record;
  const main = files.find(({ role }) => role === 'model');
  return {
    status: STATUS[state],
    model_id: record.modelId,
    filename: record.format === 'gguf' ? (main?.path ?? null) : null,
    progress: progressOf(view),
    error: state === 'failed' ? (reason?.message ?? null) : null,
    id: record.id,
    download_key: record.key,
    hf_id: record.repository,
    revision: main?.revision ?? null,
    format: record.format,
    quantization: record.quantization,
    state,
    reason,
    note: record.note,
    bytes: view.bytes,
    total_bytes: view.totalBytes,
    checked_bytes: view.checkedBytes,
    bytes_per_second: view.bytesPerS === null ? null : Math.round(view.bytesPerS),
    eta_seconds: view.etaS === null ? null : Math.ceil(view.etaS),
    waiting:
      trouble === null
        ? null
        : {
            kind: trouble.fault.kind,
            message: trouble.fault.message,
            retry_at: Math.round(clock.wallMs() + trouble.retryAtMs - clock.monotonicMs()) / 1000,
          },
    files: files.map((file, index) => ({
      path: file.path,
      role: file.role,
      size_bytes: file.sizeBytes,
      bytes: view.fileBytes[index] ?? 0,
      sha256: file.sha256,
    })),
    created_at: record.createdAtMs / 1000,
    ended_at: record.endedAtMs === null ? null : record.endedAtMs / 1000,
  };
}

/** 0 to 100, one digit after the point; 100 only when it is complete. */
function progressOf({ record, bytes, totalBytes }: DownloadView): number {
  if (record.state === 'complete') return PERCENT;
  const percent = totalBytes === 0 ? 0 : Math.floor((bytes / totalBytes) * PERCENT * 10) / 10;
  return Math.min(percent, 99.9);
}
