/** What happened beside the requests, in words and as places on the charts. Pure. */
import type { Period, PeriodLoad } from '#src/requests/period.ts';
import type { MarkRow } from '#src/store/schema.ts';
import { elapsedText, pluralText } from '#views/parts/quantity.tsx';
import type { MarkLook, MarksData } from '#views/telemetry/marks.tsx';
import { momentText } from './span.ts';

/** Of each kind the newest, as many as were read. */
export type MarkSources = {
  readonly loads: readonly PeriodLoad[];
  readonly marks: readonly MarkRow[];
  /** Marks of the period that were not read. */
  readonly unread: number;
};

type Moment = { readonly atMs: number; readonly look: MarkLook; readonly text: string };

const SHOWN_MAX = 150;
const LOOKS: readonly { readonly look: MarkLook; readonly one: string; readonly many: string }[] = [
  { look: 'load', one: 'load', many: 'loads' },
  { look: 'unload', one: 'unload', many: 'unloads' },
  { look: 'crash', one: 'crash', many: 'crashes' },
  { look: 'change', one: 'change', many: 'changes' },
  { look: 'start', one: 'start or end of Flow', many: 'starts and ends of Flow' },
];
const UNLOADS: Readonly<Record<string, string>> = {
  cooldown: 'was unloaded: nobody had used it',
  user: 'was unloaded by a person',
  growth: 'was unloaded to be started anew: its engine had grown',
  unhealthy: 'was unloaded: its engine no longer answered',
  shutdown: 'was unloaded because Flow stopped',
  abandoned: 'was let go',
};

/** The newest marks with their places among the parts of the period, and how many of each there are. */
export function marksData({ loads, marks, unread }: MarkSources, period: Period, buckets: number): MarksData {
  const lengthMs = period.untilMs - period.fromMs;
  const moments = [...loads.map(ofLoad), ...marks.map(ofMark)].sort((one, other) => one.atMs - other.atMs);
  const shown = moments.slice(-SHOWN_MAX);
  const ratioOf = (atMs: number) => Math.min(1, Math.max(0, (atMs - period.fromMs) / lengthMs));
  return {
    legend: LOOKS.map(({ look, one, many }) => {
      const ratios = shown.filter((moment) => moment.look === look).map(({ atMs }) => ratioOf(atMs));
      return { look, text: pluralText(ratios.length, one, many), ratios };
    }).filter(({ ratios }) => ratios.length > 0),
    list: shown.toReversed().map(({ atMs, look, text }) => ({
      look,
      text: `${momentText(atMs, lengthMs)}: ${text}`,
      part: Math.min(buckets - 1, Math.floor(ratioOf(atMs) * buckets)),
    })),
    hidden: unread + moments.length - shown.length,
  };
}

/** How often a load came to nothing for a reason, and engines ended by themselves, by kind: `2 × out of memory`. */
export function crashKinds({ loads, marks }: Pick<MarkSources, 'loads' | 'marks'>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const kinds = [
    ...loads.flatMap(({ outcome, crashKind }) => (outcome === 'failed' && crashKind !== null ? [crashKind] : [])),
    ...marks.flatMap(({ kind, cause }) => (kind === 'crash' && cause !== null ? [cause] : [])),
  ];
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** A kind as a person writes it. */
export function plainKind(kind: string): string {
  return kind.replaceAll('-', ' ');
}

function ofLoad({ modelId, startedAtMs, loadMs, outcome, crashKind }: PeriodLoad): Moment {
  const atMs = startedAtMs;
  switch (outcome) {
    case 'ready':
      return { atMs, look: 'load', text: `${modelId} was loaded in ${elapsedText(loadMs)}` };
    case 'failed': {
      const why = crashKind === null ? '' : `: ${plainKind(crashKind)}`;
      return { atMs, look: 'crash', text: `${modelId} did not load${why}` };
    }
    default:
      return { atMs, look: 'load', text: `the load of ${modelId} was given up after ${elapsedText(loadMs)}` };
  }
}

function ofMark(mark: MarkRow): Moment {
  return { atMs: mark.startedAtMs, ...wordsOf(mark) };
}

function wordsOf({ kind, subject, cause, detail }: MarkRow): Pick<Moment, 'look' | 'text'> {
  const name = subject ?? 'Flow';
  switch (kind) {
    case 'unload':
      return { look: 'unload', text: `${name} ${unloadText(cause ?? '', detail)}` };
    case 'crash':
      return { look: 'crash', text: `the engine of ${name} ended by itself (${plainKind(cause ?? 'unknown')})` };
    case 'engine':
      return { look: 'change', text: `${name} is ${detail ?? 'another one'}${cause === 'changed' ? ' now' : ''}` };
    case 'settings':
      return { look: 'change', text: `settings were changed: ${detail ?? ''}` };
    case 'model':
      return { look: 'change', text: modelText(name, cause, detail) };
    case 'start': {
      const after = cause === 'after-crash' ? '; the run before had not ended in good order' : '';
      return { look: 'start', text: `Flow ${detail ?? ''} started${after}` };
    }
    default:
      return { look: 'start', text: 'Flow stopped' };
  }
}

function unloadText(reason: string, madeRoomFor: string | null): string {
  if (reason !== 'eviction') return UNLOADS[reason] ?? 'was unloaded';
  return madeRoomFor === null
    ? 'was unloaded because models may take less memory now'
    : `was unloaded to make room for ${madeRoomFor}`;
}

function modelText(name: string, cause: string | null, detail: string | null): string {
  if (cause === 'configured') return `${name} was configured: ${detail ?? ''}`;
  return cause === 'added' ? `${name} came on the list` : `${name} left the list`;
}
