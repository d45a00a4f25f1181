/** Which period is looked at, and in how many parts. Pure. */
import type { Period, PeriodFilter } from '#src/requests/period.ts';

/** Periods that end now. */
export type RangeName = '15m' | '1h' | '24h' | '7d' | '30d';

/** What a period is held against: as it is (null), and drawn beside it. */
export type Against =
  | { readonly kind: 'before' | 'day' | 'week' }
  | { readonly kind: 'model'; readonly modelId: string };

/** What the address of the page asks for. */
export type Wish = PeriodFilter & {
  readonly range: RangeName;
  /** A period of one's own, ms since 1970; one end alone is enough. Null = as `range` says. */
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  readonly against: Against | null;
  /** Names of the columns of the table, as chosen; null = the usual ones. */
  readonly columns: readonly string[] | null;
};

export type Span = {
  readonly period: Period;
  readonly previous: Period;
  readonly buckets: number;
  /** In words, to go on with "in". */
  readonly words: string;
  /** New figures come no more often than this. */
  readonly refreshS: number;
  /** It ends now, so that it goes on. */
  readonly isLive: boolean;
  readonly isOwn: boolean;
};

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const OWN_LENGTH_MIN_MS = MINUTE_MS;
const OWN_LENGTH_MAX_MS = 366 * DAY_MS;
const OWN_BUCKETS = 60;
/** What a `Date` can hold. */
const MOMENT_MAX_MS = 8_640_000_000_000_000;

type Range = {
  readonly lengthMs: number;
  readonly buckets: number;
  readonly stepMs: number;
  readonly refreshS: number;
  readonly words: string;
};

/** `stepMs` is how exact the end is: a longer period costs more to read, so it is read more rarely. */
const RANGES: Readonly<Record<RangeName, Range>> = {
  '15m': { lengthMs: 15 * MINUTE_MS, buckets: 45, stepMs: 1000, refreshS: 3, words: 'the last 15 minutes' },
  '1h': { lengthMs: HOUR_MS, buckets: 60, stepMs: 1000, refreshS: 5, words: 'the last hour' },
  '24h': { lengthMs: DAY_MS, buckets: 48, stepMs: 5000, refreshS: 10, words: 'the last 24 hours' },
  '7d': { lengthMs: 7 * DAY_MS, buckets: 56, stepMs: 30_000, refreshS: 60, words: 'the last 7 days' },
  '30d': { lengthMs: 30 * DAY_MS, buckets: 60, stepMs: 2 * MINUTE_MS, refreshS: 120, words: 'the last 30 days' },
};

export const RANGE_NAMES = ['15m', '1h', '24h', '7d', '30d'] as const;
export const RANGE_DEFAULT: RangeName = '24h';

/** The period that is wished for, and the one before it. */
export function spanOf(wish: Pick<Wish, 'range' | 'fromMs' | 'untilMs'>, nowMs: number): Span {
  if (wish.fromMs !== null || wish.untilMs !== null) return ownSpan(wish, nowMs);
  const { lengthMs, buckets, stepMs, refreshS, words } = RANGES[wish.range];
  const untilMs = nextStep(nowMs, stepMs);
  const period = { fromMs: untilMs - lengthMs, untilMs };
  return { period, previous: shifted(period, lengthMs), buckets, words, refreshS, isLive: true, isOwn: false };
}

/** Ends in the wrong order are taken in the right one; what is too short or too long is made to fit. */
function ownSpan({ fromMs, untilMs }: Pick<Wish, 'fromMs' | 'untilMs'>, nowMs: number): Span {
  const isLive = untilMs === null || (fromMs !== null && fromMs > nowMs && untilMs > nowMs);
  const until = untilMs ?? nextStep(nowMs, SECOND_MS);
  const from = fromMs ?? until - DAY_MS;
  const first = Math.min(Math.max(0, Math.min(from, until)), MOMENT_MAX_MS - OWN_LENGTH_MIN_MS);
  const last = Math.max(from, until, first + OWN_LENGTH_MIN_MS);
  const period = { fromMs: Math.max(first, last - OWN_LENGTH_MAX_MS), untilMs: last };
  const lengthMs = period.untilMs - period.fromMs;
  const words = isLive
    ? `the time since ${momentText(period.fromMs, DAY_MS * 2)}`
    : `the time from ${momentText(period.fromMs, DAY_MS * 2)} to ${momentText(period.untilMs, DAY_MS * 2)}`;
  const buckets = Math.min(OWN_BUCKETS, Math.max(1, Math.floor(lengthMs / SECOND_MS)));
  const refreshS = Math.max(5, Math.round(lengthMs / DAY_MS) * 10);
  return { period, previous: shifted(period, lengthMs), buckets, words, refreshS, isLive, isOwn: true };
}

/** The same length of time, so much earlier. */
export function shifted({ fromMs, untilMs }: Period, byMs: number): Period {
  return { fromMs: fromMs - byMs, untilMs: untilMs - byMs };
}

/** What a wish is held against: another period, or another model. */
export function otherOf(wish: Wish, span: Span): { period: Period; filter: PeriodFilter; name: string } {
  switch (wish.against?.kind) {
    case 'day':
      return { period: shifted(span.period, DAY_MS), filter: wish, name: 'a day before' };
    case 'week':
      return { period: shifted(span.period, 7 * DAY_MS), filter: wish, name: 'a week before' };
    case 'model': {
      const { modelId } = wish.against;
      return { period: span.period, filter: { ...wish, modelId }, name: modelId };
    }
    default:
      return { period: span.previous, filter: wish, name: 'before' };
  }
}

/** What a wish is in the words of the form and of the address; '' = nothing of the kind. */
export function wordsOf(wish: Wish) {
  return {
    range: wish.range,
    from: wish.fromMs === null ? '' : localText(wish.fromMs),
    to: wish.untilMs === null ? '' : localText(wish.untilMs),
    model: wish.modelId ?? '',
    outcome: wish.outcome ?? '',
    client: wish.client ?? '',
    route: wish.route ?? '',
    ended: wish.termination ?? wish.errorKind ?? '',
    against: againstText(wish.against),
  };
}

/** The address with one thing changed; '' takes it out. */
export function addressOf(path: string, wish: Wish, change: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams();
  const values = {
    ...wordsOf(wish),
    ...(wish.range === RANGE_DEFAULT ? { range: '' } : {}),
    columns: wish.columns?.join(',') ?? '',
    ...change,
  };
  for (const [name, value] of Object.entries(values)) if (value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** As it stands in an address: `before`, `model:gemma`; '' = nothing. */
function againstText(against: Against | null): string {
  if (against === null) return '';
  return against.kind === 'model' ? `model:${against.modelId}` : against.kind;
}

/** What an address asks to compare with; null when it is nothing that there is. */
export function againstOf(text: string): Against | null {
  if (text === 'before' || text === 'day' || text === 'week') return { kind: text };
  return text.startsWith('model:') && text.length > 6 ? { kind: 'model', modelId: text.slice(6) } : null;
}

/** A moment of an address: `2026-11-22T14:03` by the clock of the machine that Flow runs on, or ms since 1970. */
export function momentOf(text: string): number | null {
  if (/^\d{1,16}$/.test(text)) return Math.min(Number(text), MOMENT_MAX_MS);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) return null;
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** As an input of date and time takes it. */
function localText(ms: number): string {
  const time = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${String(time.getFullYear()).padStart(4, '0')}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  const seconds = time.getSeconds() === 0 ? '' : `:${two(time.getSeconds())}`;
  return `${day}T${two(time.getHours())}:${two(time.getMinutes())}${seconds}`;
}

/** A moment, as short as the length of the period allows. By the clock of the machine that Flow runs on. */
export function momentText(atMs: number, lengthMs: number): string {
  const time = new Date(atMs);
  const clock = time.toTimeString();
  if (lengthMs <= 30 * MINUTE_MS) return clock.slice(0, 8);
  if (lengthMs <= DAY_MS) return clock.slice(0, 5);
  const day = time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  return lengthMs <= 14 * DAY_MS ? `${day} ${clock.slice(0, 5)}` : day;
}

function nextStep(nowMs: number, stepMs: number): number {
  return Math.ceil((nowMs + 1) / stepMs) * stepMs;
}
