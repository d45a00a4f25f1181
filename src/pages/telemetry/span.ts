/** Which period is looked at, and in how many parts. Pure. */
import type { Period, PeriodFilter } from '#src/requests/period.ts';

export type RangeName = '15m' | '1h' | '24h' | '7d' | '30d';

/** What the address of the page asks for. */
export type Wish = PeriodFilter & { readonly range: RangeName };

export type Span = { readonly period: Period; readonly previous: Period; readonly buckets: number };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

type Range = {
  readonly lengthMs: number;
  readonly buckets: number;
  readonly stepMs: number;
  readonly refreshS: number;
  readonly words: string;
};

/** `stepMs` is how exact the end is: a longer period costs more to read, so it is read more rarely. */
export const RANGES: Readonly<Record<RangeName, Range>> = {
  '15m': { lengthMs: 15 * MINUTE_MS, buckets: 45, stepMs: 1000, refreshS: 3, words: 'the last 15 minutes' },
  '1h': { lengthMs: HOUR_MS, buckets: 60, stepMs: 1000, refreshS: 5, words: 'the last hour' },
  '24h': { lengthMs: DAY_MS, buckets: 48, stepMs: 5000, refreshS: 10, words: 'the last 24 hours' },
  '7d': { lengthMs: 7 * DAY_MS, buckets: 56, stepMs: 30_000, refreshS: 60, words: 'the last 7 days' },
  '30d': { lengthMs: 30 * DAY_MS, buckets: 60, stepMs: 2 * MINUTE_MS, refreshS: 120, words: 'the last 30 days' },
};

export const RANGE_NAMES = ['15m', '1h', '24h', '7d', '30d'] as const;
export const RANGE_DEFAULT: RangeName = '24h';

/** The period that ends now, and the one before it. */
export function spanOf(range: RangeName, nowMs: number): Span {
  const { lengthMs, buckets, stepMs } = RANGES[range];
  const untilMs = Math.ceil((nowMs + 1) / stepMs) * stepMs;
  const fromMs = untilMs - lengthMs;
  return { period: { fromMs, untilMs }, previous: { fromMs: fromMs - lengthMs, untilMs: fromMs }, buckets };
}

/** The query of an address with one thing changed; '' takes it out. */
export function addressOf(path: string, wish: Wish, change: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams();
  const values = {
    range: wish.range === RANGE_DEFAULT ? '' : wish.range,
    model: wish.modelId ?? '',
    outcome: wish.outcome ?? '',
    client: wish.client ?? '',
    ...change,
  };
  for (const [name, value] of Object.entries(values)) if (value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/** The moment of a part, as short as the range allows. By the clock of the machine that Flow runs on. */
export function momentText(atMs: number, range: RangeName): string {
  const time = new Date(atMs);
  const clock = time.toTimeString();
  if (range === '15m') return clock.slice(0, 8);
  const day = time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  switch (range) {
    case '1h':
    case '24h':
      return clock.slice(0, 5);
    case '7d':
      return `${day} ${clock.slice(0, 5)}`;
    default:
      return day;
  }
}
