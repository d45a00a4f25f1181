/** Figures, groups and rows as the page shows them. Pure. */
import type { MarkCounts } from '#src/chronicle/chronicle.ts';
import type { PeriodRepair } from '#src/requests/period.ts';
import type { FailureGroup, PeriodFigures, PeriodTally } from '#src/requests/tally.ts';
import type { RecordsSize } from '#src/store/record-sizes.ts';
import type { RepairKind, RequestRow } from '#src/store/schema.ts';
import {
  bytesText,
  countText,
  elapsedText,
  percentText,
  pluralText,
  rateText,
  tokenSumText,
} from '#views/parts/quantity.tsx';
import type { FailureData, FigureData } from '#views/telemetry/page.tsx';
import type { RecordRowData } from '#views/telemetry/records.tsx';
import { adviceFor, type Circumstances, endText, medianText } from './advice.ts';
import { cellsOf } from './columns.ts';
import { addressOf, type Wish } from './span.ts';

/** What a period is shown by: its figures, its loads, and what happened to loaded models. */
export type PeriodFacts = { readonly figures: PeriodFigures; readonly loads: number; readonly marks: MarkCounts };

const NOTHING = '–';
const GROUPS_SHOWN_MAX = 12;
const MENDED_SHOWN_MAX = 12;
const SAID_CHARACTERS_MAX = 200;
/** What these mend is a call of a tool, so they are held against the answers that have one. */
const OF_CALLS: readonly RepairKind[] = [
  'leaked-call',
  'typed-arguments',
  'duplicate-call',
  'truncated-call',
  'engine-parser',
  'tool-schema',
];
const DAY_MS = 86_400_000;

type Better = 'more' | 'less' | 'neither';

/** The row of figures, each against the same length of time before. */
export function figures(now: PeriodFacts, before: PeriodFacts): readonly FigureData[] {
  const of = (
    label: string,
    pick: (facts: PeriodFacts) => number | null,
    toText: (value: number) => string,
    better: Better,
  ): FigureData => {
    const value = pick(now);
    return { label, value: value === null ? NOTHING : toText(value), change: changeOf(value, pick(before), better) };
  };
  return [
    of('Requests', ({ figures: { requests } }) => requests, countText, 'neither'),
    of('Failed', ({ figures: all }) => share(all.failed, all.requests), shareText, 'less'),
    of('First token, median', ({ figures: { ttftP50Ms } }) => ttftP50Ms, elapsedText, 'less'),
    of('First token, 95 %', ({ figures: { ttftP95Ms } }) => ttftP95Ms, elapsedText, 'less'),
    of('Speed, median', ({ figures: { tokensPerSP50 } }) => tokensPerSP50, rateText, 'more'),
    of('Tokens in', ({ figures: { inputTokens } }) => inputTokens, tokenSumText, 'neither'),
    of('From the cache', ({ figures: all }) => share(all.cachedTokens, all.inputTokens), shareText, 'more'),
    of('Tokens out', ({ figures: { outputTokens } }) => outputTokens, tokenSumText, 'neither'),
    of('Waited for loads', ({ figures: { loadMs } }) => loadMs, waitText, 'less'),
    of('Loads', ({ loads }) => loads, countText, 'less'),
    of('Swaps', ({ marks: { swaps } }) => swaps, countText, 'less'),
    of('Crashes', ({ marks: { crashes } }) => crashes, countText, 'less'),
  ];
}

/** Groups of what did not complete, with what may help; `around` says what else is known of each. */
export function failureData(
  groups: readonly FailureGroup[],
  around: (group: FailureGroup) => Circumstances,
  wish: Wish,
): readonly FailureData[] {
  return groups.slice(0, GROUPS_SHOWN_MAX).map((group) => {
    const { termination, errorKind, client, count, models, lastMessage } = group;
    const kind = errorKind === null || errorKind === 'cancelled' ? [] : [errorKind.replaceAll('-', ' ')];
    const facts = [client ?? 'unknown client', medianText(group), ...kind, models.join(', ')];
    const isToldAnyway = errorKind === null || errorKind === 'cancelled' || lastMessage === null;
    const ended = kind.length === 0 ? termination : (errorKind ?? '');
    return {
      title: `${countText(count)} × ended by ${endText(termination)}`,
      facts: facts.filter((fact) => fact !== '').join(' · '),
      said: isToldAnyway ? null : lastMessage.slice(0, SAID_CHARACTERS_MAX),
      advice: adviceFor(group, around(group)),
      href: `${addressOf('/telemetry', wish, { ended, ...(client === null ? {} : { client }) })}#telemetry-records`,
    };
  });
}

/** `3 of 40 answers with tool calls were mended`, by model; most first. */
export function mendedData(repairs: readonly PeriodRepair[], tally: Pick<PeriodTally, 'answers' | 'toolAnswers'>) {
  return repairs.slice(0, MENDED_SHOWN_MAX).map(({ modelId, kind, requests, note }) => {
    const isOfCalls = OF_CALLS.includes(kind);
    const counted = (isOfCalls ? tally.toolAnswers : tally.answers).get(modelId) ?? 0;
    const all = Math.max(requests, counted);
    const answers = all === 1 ? 'answer' : 'answers';
    const were = requests === 1 ? 'was' : 'were';
    const what = isOfCalls ? `${answers} with tool calls` : answers;
    return { modelId, text: `${countText(requests)} of ${countText(all)} ${what} ${were} mended`, note };
  });
}

/** `2,310 requests, 1.4 MB. Kept for 30 days.` */
export function keptText({ requests, marks, samples, bytes, isOfAll }: RecordsSize, retentionDays: number): string {
  const what = [pluralText(requests, 'request'), pluralText(marks, 'mark'), pluralText(samples, 'memory sample')].join(
    ', ',
  );
  const size = isOfAll ? `the whole database has ${bytesText(bytes)}` : bytesText(bytes);
  return `About ${what}: ${size}. Kept for ${pluralText(retentionDays, 'day')}; no prompt and no answer is among them.`;
}

/** One row of the table. */
export function recordRow(row: RequestRow, nowMs: number, columns: Wish['columns']): RecordRowData {
  return {
    id: row.id,
    requestId: row.requestId,
    timeText: momentText(row.startedAtMs, nowMs),
    outcome: row.outcome,
    cells: cellsOf(row, columns),
  };
}

/** `14:03:59`, or with the date when it was not today. */
export function momentText(atMs: number, nowMs: number): string {
  const time = new Date(atMs);
  const clock = time.toTimeString().slice(0, 8);
  if (nowMs - atMs < DAY_MS && new Date(nowMs).getDate() === time.getDate()) return clock;
  return `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock}`;
}

function changeOf(now: number | null, before: number | null, better: Better): FigureData['change'] {
  if (now === null || before === null || before === 0) return null;
  const ratio = now / before - 1;
  if (Math.abs(ratio) < 0.01) return { text: 'as before', tone: 'neutral' };
  const isMore = ratio > 0;
  const amount = ratio > 9 ? `${Math.round(ratio + 1)} times` : `${Math.max(1, Math.round(Math.abs(ratio) * 100))} %`;
  const isBetter = (better === 'more') === isMore;
  const tone = better === 'neither' ? 'neutral' : isBetter ? 'better' : 'worse';
  return { text: `${isMore ? '▲' : '▼'} ${amount}`, tone };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

/** A failure in a thousand is not none. */
function shareText(ratio: number): string {
  return ratio > 0 && ratio < 0.01 ? `${(ratio * 100).toFixed(1)} %` : percentText(ratio);
}

function waitText(milliseconds: number): string {
  return milliseconds === 0 ? '0 s' : elapsedText(milliseconds);
}
