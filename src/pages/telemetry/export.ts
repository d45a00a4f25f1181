/** Records to take away, as CSV or JSON: written as they are read, so that any number costs the same memory. */
import type { Period, PeriodFilter } from '#src/requests/period.ts';
import type { RecordSearch } from '#src/requests/record-search.ts';
import { telemetryRecord } from '#src/requests/wire.ts';
import type { RequestRow } from '#src/store/schema.ts';

export type ExportParts = {
  readonly search: Pick<RecordSearch, 'page'>;
  readonly period: Period;
  readonly filter: PeriodFilter;
};

/** How records are written: what stands before, between and after them. */
type Form = {
  readonly head: string;
  readonly write: (row: RequestRow) => string;
  readonly between: string;
  readonly tail: string;
};

const ROWS_PER_READ = 500;
const COLUMNS = [
  'id',
  'timestamp',
  'ended_at',
  'request_id',
  'model_id',
  'wanted_model',
  'client',
  'route',
  'dialect',
  'stream',
  'outcome',
  'termination',
  'error_kind',
  'error',
  'finish_reason',
  'queue_ms',
  'load_ms',
  'ttft_ms',
  'engine_ttft_ms',
  'duration_ms',
  'input_tokens',
  'cached_tokens',
  'output_tokens',
  'thinking_tokens',
  'prefill_tokens_per_sec',
  'tokens_per_sec',
  'backend',
  'engine_version',
  'repairs',
] as const;

const CSV: Form = {
  head: `${COLUMNS.join(',')}\r\n`,
  write: (row) => {
    const record = telemetryRecord(row);
    return `${COLUMNS.map((name) => csvCell(record[name])).join(',')}\r\n`;
  },
  between: '',
  tail: '',
};

const JSON_LIST: Form = {
  head: '[\n',
  write: (row) => JSON.stringify(telemetryRecord(row)),
  between: ',\n',
  tail: '\n]\n',
};

const encoder = new TextEncoder();

/** Newest first, read while it is sent. */
export function exported({ search, period, filter }: ExportParts, form: 'csv' | 'json'): ReadableStream<Uint8Array> {
  const { head, write, between, tail } = form === 'csv' ? CSV : JSON_LIST;
  let before: number | null = null;
  let written = 0;
  let text = head;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const page = search.page(period, filter, ROWS_PER_READ, before);
      for (const row of page.records) {
        text += `${written > 0 ? between : ''}${write(row)}`;
        written += 1;
      }
      before = page.nextBefore;
      controller.enqueue(encoder.encode(before === null ? text + tail : text));
      text = '';
      if (before === null) return controller.close();
      await Bun.sleep(0);
    },
  });
}

/** A cell that a spreadsheet neither splits nor takes for a formula. */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  const text = Array.isArray(value) ? value.join('; ') : String(value);
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
