/** What the page shows of downloads, and in which order. Pure. */
import type { DownloadView } from '#src/downloads/held.ts';
import type { DownloadPhase, DownloadRowData } from '#views/library/download-row.tsx';

const ORDER: readonly DownloadPhase[] = [
  ...(['running', 'verifying', 'registering', 'queued', 'paused', 'failed'] as const),
  ...(['complete', 'cancelled'] as const),
];
const UNDER_WAY: ReadonlySet<DownloadPhase> = new Set(['running', 'verifying', 'registering']);

/** Whether something is done for it, or will be without anybody asking. */
export function isUnderWay(state: DownloadPhase): boolean {
  return state === 'queued' || UNDER_WAY.has(state);
}

/** One download as the page shows it. `isHere` tells whether a model is still in the list. */
export function downloadRow(
  view: DownloadView,
  monotonicMs: number,
  isHere: (modelId: string) => boolean,
): DownloadRowData {
  const { record, trouble } = view;
  const { id, repository, format, quantization, files, state, reason, note, modelId } = record;
  const main = files.find(({ role }) => role === 'model');
  return {
    ...{ id, repository, format, quantization, reason, note, modelId },
    file: format === 'gguf' ? (main?.path ?? null) : null,
    files: files.length,
    phase: state,
    bytes: view.bytes,
    totalBytes: view.totalBytes,
    bytesPerS: view.bytesPerS,
    etaS: view.etaS,
    checkedBytes: view.checkedBytes,
    waiting:
      trouble === null
        ? null
        : {
            message: trouble.fault.message,
            retryInS: Math.max(0, (trouble.retryAtMs - monotonicMs) / 1000),
          },
    isHere: modelId !== null && isHere(modelId),
  };
}

/** What goes on first, then what waits for somebody, then what is over, the newest first. */
export function inOrder(views: readonly DownloadView[]): readonly DownloadView[] {
  // What goes from one of its steps to the next does not change its place.
  const placeOf = ({ record }: DownloadView): number => (UNDER_WAY.has(record.state) ? 0 : ORDER.indexOf(record.state));
  const endedMs = ({ record }: DownloadView): number => record.endedAtMs ?? 0;
  return views.toSorted(
    (one, other) =>
      placeOf(one) - placeOf(other) ||
      endedMs(other) - endedMs(one) ||
      one.record.createdAtMs - other.record.createdAtMs,
  );
}
