/** @jsxImportSource @kitajs/html */
/** One download: how far it is, why it is not further, and what may be done about it. */
import { Badge, type Tone } from '../parts/badge.tsx';
import { ActionButton, type ActionProps } from '../parts/button.tsx';
import { Progress } from '../parts/gauge.tsx';
import type { IconName } from '../parts/icon.tsx';
import { bytesText, durationText, percentText, pluralText } from '../parts/quantity.tsx';
import { Tag } from '../parts/tag.tsx';
import { Ticking } from '../parts/ticking.tsx';
import { repositoryAddress } from './found.tsx';

export type DownloadPhase =
  | 'queued'
  | 'running'
  | 'paused'
  | 'verifying'
  | 'registering'
  | 'complete'
  | 'failed'
  | 'cancelled';

export type DownloadRowData = {
  readonly id: string;
  readonly repository: string;
  /** The model's own file; null for a whole repository. */
  readonly file: string | null;
  readonly format: string;
  readonly quantization: string | null;
  readonly files: number;
  readonly phase: DownloadPhase;
  readonly bytes: number;
  readonly totalBytes: number;
  readonly bytesPerS: number | null;
  readonly etaS: number | null;
  /** Of the file that is being checked against its digest. */
  readonly checkedBytes: number | null;
  /** Why nothing comes just now, and in how many seconds it is tried again. */
  readonly waiting: { readonly message: string; readonly retryInS: number } | null;
  readonly reason: { readonly kind: string; readonly message: string; readonly hint: string | null } | null;
  readonly note: string | null;
  readonly modelId: string | null;
  /** The model that came of it is still in the list. */
  readonly isHere: boolean;
  /** Its number among those that wait for their turn, and how many these are; null = it does not wait. */
  readonly turn: number | null;
  readonly waitingCount: number;
};

/** A row's address; the ids are hexadecimal. */
export const downloadRowId = (id: string): string => `download-${id}`;

const LOOKS: Readonly<Record<DownloadPhase, { readonly icon: IconName; readonly word: string; readonly tone: Tone }>> =
  {
    queued: { icon: 'queued', word: 'queued', tone: 'quiet' },
    running: { icon: 'download', word: 'downloading', tone: 'live' },
    paused: { icon: 'idle', word: 'paused', tone: 'waiting' },
    verifying: { icon: 'loading', word: 'checking', tone: 'live' },
    registering: { icon: 'loading', word: 'putting in place', tone: 'live' },
    complete: { icon: 'done', word: 'complete', tone: 'live' },
    failed: { icon: 'failed', word: 'failed', tone: 'danger' },
    cancelled: { icon: 'cancelled', word: 'cancelled', tone: 'quiet' },
  };

/** Who paused it. */
const PAUSE_WORDS: ReadonlyMap<string, string> = new Map([
  ['user', 'paused by you'],
  ['disk-full', 'paused: the disk is full'],
]);

export function DownloadRow({ download }: { download: DownloadRowData }): JSX.Element {
  const { id, repository, file, format, quantization, files, phase, waiting, reason, note } = download;
  const isLate = phase === 'running' && waiting !== null;
  return (
    <li class="download" id={downloadRowId(id)} data-phase={phase}>
      <div class="download__head">
        <h2 class="download__name">
          <a href={repositoryAddress(repository)} safe>
            {repository}
          </a>
        </h2>
        <span class="tags">
          <Tag word={format.toUpperCase()} kind="format" />
          {quantization === null ? '' : <Tag word={quantization} />}
          {files > 1 ? <Tag word={pluralText(files, 'file')} /> : ''}
        </span>
        {isLate ? <Badge icon="queued" word="waiting" tone="waiting" /> : <Badge {...lookOf(download)} />}
      </div>
      {file === null ? (
        ''
      ) : (
        <p class="download__quiet" safe>
          {file}
        </p>
      )}
      <Far download={download} />
      {waiting === null ? (
        ''
      ) : (
        <p class="download__waiting">
          <span safe>{`${waiting.message} Next try in `}</span>
          <Ticking direction="down" seconds={waiting.retryInS} />
        </p>
      )}
      {reason === null || phase === 'complete' ? '' : <Reason reason={reason} isFailure={phase === 'failed'} />}
      {note === null ? (
        ''
      ) : (
        <p class="download__quiet" safe>
          {note}
        </p>
      )}
      <div class="download__actions">
        {actionsOf(download).map((action) => (
          <ActionButton {...action} />
        ))}
      </div>
    </li>
  );
}

/** Why it is paused, and who comes before it, belong to the word. */
function lookOf({ phase, reason, turn }: DownloadRowData): (typeof LOOKS)[DownloadPhase] {
  const look = LOOKS[phase];
  if (phase === 'paused') return { ...look, word: PAUSE_WORDS.get(reason?.kind ?? '') ?? look.word };
  if (turn === null) return look;
  return { ...look, word: turn === 1 ? 'next in turn' : `waits, number ${turn}` };
}

function Far({ download }: { download: DownloadRowData }): JSX.Element {
  const { repository, phase, bytes, totalBytes, checkedBytes } = download;
  if (phase === 'complete') {
    return (
      <p class="download__figures" safe>
        {bytesText(totalBytes)}
      </p>
    );
  }
  if (phase === 'verifying' || phase === 'registering') {
    const checked = checkedBytes === null ? '' : `, ${bytesText(checkedBytes)} read`;
    return (
      <>
        <Progress label={`Check of ${repository}`} ratio={checkRatio(download)} />
        <p class="download__figures" safe>
          {`${bytesText(totalBytes)} are here; every byte is compared with the publisher's digest${checked}`}
        </p>
      </>
    );
  }
  const ratio = totalBytes === 0 ? 0 : bytes / totalBytes;
  return (
    <>
      <Progress label={`Download of ${repository}`} ratio={Math.min(ratio, 0.999)} />
      <p class="download__figures" safe>
        {figuresOf(download, Math.min(ratio, 0.999))}
      </p>
    </>
  );
}

/** A check goes file by file, so only that of a single file has a known length. */
function checkRatio({ files, checkedBytes, totalBytes }: DownloadRowData): number | null {
  return files > 1 || checkedBytes === null || totalBytes === 0 ? null : checkedBytes / totalBytes;
}

function figuresOf({ phase, bytes, totalBytes, bytesPerS, etaS }: DownloadRowData, ratio: number): string {
  const facts = [
    percentText(ratio),
    `${bytesText(bytes)} of ${bytesText(totalBytes)}`,
    ...(phase === 'running' && bytesPerS !== null && bytesPerS > 0 ? [`${bytesText(bytesPerS)}/s`] : []),
    ...(phase === 'running' && etaS !== null ? [`${durationText(etaS)} left`] : []),
  ];
  return facts.join(' · ');
}

function Reason({ reason, isFailure }: { reason: NonNullable<DownloadRowData['reason']>; isFailure: boolean }) {
  const text = reason.hint === null ? reason.message : `${reason.message} ${reason.hint}`;
  return (
    <p class={isFailure ? 'download__failure' : 'download__quiet'} safe>
      {text}
    </p>
  );
}

/** What may be done in its state, the likeliest first. */
function actionsOf(download: DownloadRowData): readonly ActionProps[] {
  const { id, repository, phase, modelId, isHere, turn, waitingCount } = download;
  const act = (path: string, label: string, variant?: ActionProps['variant'], more = {}): ActionProps => ({
    action: `/models/downloads/${path}`,
    fields: { id, ...more },
    label,
    description: `${label}: ${repository}`,
    ...(variant === undefined ? {} : { variant }),
  });
  const remove = act('removing', 'Remove from the list', 'quiet');
  const move = (direction: 'sooner' | 'later', arrow: string): ActionProps => ({
    ...act('moving', arrow, 'quiet', { direction }),
    description: `Fetch ${repository} ${direction}`,
  });
  switch (phase) {
    case 'queued':
      return [
        ...(turn !== null && turn > 1 ? [move('sooner', '↑')] : []),
        ...(turn !== null && turn < waitingCount ? [move('later', '↓')] : []),
        ...[act('pausing', 'Pause'), act('cancelling', 'Cancel', 'danger')],
      ];
    case 'running':
    case 'verifying':
      return [act('pausing', 'Pause'), act('cancelling', 'Cancel', 'danger')];
    case 'paused':
      return [act('resuming', 'Resume', 'primary'), act('cancelling', 'Cancel', 'danger')];
    case 'failed':
      return [act('resuming', 'Retry', 'primary'), remove];
    case 'cancelled':
      return [act('resuming', 'Start again'), remove];
    case 'complete': {
      if (modelId === null || !isHere) return [remove];
      const fields = { model: modelId };
      const description = `Load ${modelId}`;
      return [{ action: '/monitor/loading', fields, label: 'Load', description, variant: 'primary' }, remove];
    }
    default:
      return [];
  }
}
