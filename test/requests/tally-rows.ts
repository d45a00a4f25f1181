/** Made-up rows as a tally takes them from the database, and the tally of some. */
import { NO_FILTER, type PeriodFilter } from '#src/requests/period.ts';
import { Kinds, RecordColumns } from '#src/requests/record-columns.ts';
import { type PeriodTally, Tally } from '#src/requests/tally.ts';

type Numbers = 'id' | 'at' | 'ttft' | 'duration' | 'input' | 'cached' | 'output' | 'speed' | 'prefill';
type Words = 'model' | 'client' | 'outcome' | 'termination' | 'kind' | 'route';
export type TallyParts = Partial<Record<Numbers, number>> &
  Partial<Record<Words, string>> & { readonly tools?: boolean; readonly isTold?: boolean };

/** One row, of the columns of `RECORD_COLUMNS`. */
export function tallyRow(parts: TallyParts): readonly unknown[] {
  const { id = 1, at = 0, model = 'gemma', client = 'codex', outcome = 'completed', termination = '--' } = parts;
  const { ttft = null, duration = 100, input = null, cached = null, output = null, speed = null } = parts;
  const { kind = null, route = '/v1/chat/completions', tools = false, isTold = false, prefill = null } = parts;
  const head = [id, at, model, route, outcome, termination, kind, Number(tools), Number(isTold), client];
  return [...head, null, null, ttft, duration, input, cached, output, speed, prefill];
}

export type TallyOptions = {
  readonly filter?: PeriodFilter;
  readonly buckets?: number;
  readonly untilMs?: number;
  readonly messageOf?: (id: number) => string | null;
};

/** What these rows come to, from 0 to `untilMs` (400). */
export function tallied(rows: readonly (readonly unknown[])[], options: TallyOptions = {}): PeriodTally {
  const { filter = NO_FILTER, buckets = 4, untilMs = 400, messageOf = () => null } = options;
  const records = new RecordColumns(new Kinds());
  for (const row of rows) records.insert(row);
  const tally = new Tally({ fromMs: 0, untilMs }, filter, buckets);
  tally.add(records);
  return tally.result(messageOf);
}
