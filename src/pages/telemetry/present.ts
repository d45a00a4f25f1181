/** Figures, groups and rows as the page shows them. Pure. */
import type { FailureGroup, PeriodFigures } from '#src/requests/tally.ts';
import type { RequestRow } from '#src/store/schema.ts';
import { countText, elapsedText, percentText, rateText, tokenSumText, tokensText } from '#views/parts/quantity.tsx';
import type { FailureData, FigureData } from '#views/telemetry/page.tsx';
import type { RecordRowData } from '#views/telemetry/records.tsx';
import { adviceFor, endText, medianText } from './advice.ts';

/** What a period is shown by: its figures and its loads. */
export type PeriodFacts = { readonly figures: PeriodFigures; readonly loads: number };

const NOTHING = '–';
const GROUPS_SHOWN_MAX = 12;
const WHY_CHARACTERS_MAX = 160;
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
  ];
}

/** Groups of what did not complete, with what may help. */
export function failureData(groups: readonly FailureGroup[]): readonly FailureData[] {
  return groups.slice(0, GROUPS_SHOWN_MAX).map((group) => {
    const kind =
      group.errorKind === null || group.errorKind === 'cancelled' ? [] : [group.errorKind.replaceAll('-', ' ')];
    const facts = [group.client ?? 'unknown client', medianText(group), ...kind, group.models.join(', ')];
    return {
      title: `${countText(group.count)} × ended by ${endText(group.termination)}`,
      facts: facts.filter((fact) => fact !== '').join(' · '),
      advice: adviceFor(group),
    };
  });
}

/** One row of the table. */
export function recordRow(row: RequestRow, nowMs: number): RecordRowData {
  const cached = row.cachedTokens !== null && row.cachedTokens > 0 ? ` (${tokensText(row.cachedTokens)} cached)` : '';
  return {
    id: row.id,
    requestId: row.requestId,
    timeText: momentText(row.startedAtMs, nowMs),
    client: row.client ?? NOTHING,
    model: row.modelId ?? row.wantedModel ?? NOTHING,
    outcome: row.outcome,
    ttftText: row.ttftMs === null ? NOTHING : elapsedText(row.ttftMs),
    speedText: row.decodeTokensPerS === null ? NOTHING : rateText(row.decodeTokensPerS),
    inputText: row.inputTokens === null ? NOTHING : `${tokensText(row.inputTokens)}${cached}`,
    outputText: row.outputTokens === null ? NOTHING : countText(row.outputTokens),
    tookText: elapsedText(row.durationMs),
    why: row.outcome === 'completed' ? '' : whyOf(row),
  };
}

/** `14:03:59`, or with the date when it was not today. */
export function momentText(atMs: number, nowMs: number): string {
  const time = new Date(atMs);
  const clock = time.toTimeString().slice(0, 8);
  if (nowMs - atMs < DAY_MS && new Date(nowMs).getDate() === time.getDate()) return clock;
  return `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })} ${clock}`;
}

function whyOf({ errorMessage, termination, outcome }: RequestRow): string {
  if (outcome === 'failed' && errorMessage) return errorMessage.slice(0, WHY_CHARACTERS_MAX);
  return `by ${endText(termination)}`;
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
