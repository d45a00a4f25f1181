/** What the page shows of downloads, and in which order. Pure. */
import type { DownloadView } from '#src/downloads/held.ts';
import { waitingInOrder } from '#src/downloads/queue-order.ts';
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

/** One download as the page shows it. `isHere` tells whether a model is still in the list, `turns` who is next. */
export function downloadRow(
  view: DownloadView,
  monotonicMs: number,
  isHere: (modelId: string) => boolean,
  turns: ReadonlyMap<string, number> = new Map(),
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
    turn: turns.get(id) ?? null,
    waitingCount: turns.size,
  };
}

/** Those that wait for their turn, with their number in the row. */
export function turnsOf(views: readonly DownloadView[]): ReadonlyMap<string, number> {
  return new Map(waitingInOrder(views.map(({ record }) => record)).map(({ id }, index) => [id, index + 1]));
}

/** Said aloud: what began, is done or failed since the states were `before`; '' for everything else. */
export function changesSaid(before: ReadonlyMap<string, string>, rows: readonly DownloadRowData[]): string {
  const said = rows.flatMap(({ id, repository, phase, reason }) => {
    const was = before.get(id);
    if (was === undefined || was === phase) return [];
    if (phase === 'running' && was !== 'verifying') return [`The download of ${repository} has begun.`];
    if (phase === 'complete') return [`${repository} is downloaded.`];
    return phase === 'failed' ? [`The download of ${repository} failed. ${reason?.message ?? ''}`.trim()] : [];
  });
  return said.join(' ');
}

/** What goes on first, then what waits for somebody, then what is over, the newest first. */
export function inOrder(views: readonly DownloadView[]): readonly DownloadView[] {
  const turns = turnsOf(views);
  const turnOf = ({ record }: DownloadView): number => turns.get(record.id) ?? 0;
  // What goes from one of its steps to the next does not change its place.
  const placeOf = ({ record }: DownloadView): number => (UNDER_WAY.has(record.state) ? 0 : ORDER.indexOf(record.state));
  const endedMs = ({ record }: DownloadView): number => record.endedAtMs ?? 0;
  return views.toSorted(
    (one, other) =>
      placeOf(one) - placeOf(other) ||
      endedMs(other) - endedMs(one) ||
      turnOf(one) - turnOf(other) ||
      one.record.createdAtMs - other.record.createdAtMs,
  );
}
