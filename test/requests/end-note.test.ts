/** What Flow's log says of requests that ended. What of it becomes a link: test/pages/logs. */
import { expect, test } from 'bun:test';
import { Bus } from '#src/events.ts';
import type { LogLevel } from '#src/logs/log-ring.ts';
import { Logs } from '#src/logs/logs.ts';
import { noteEnd } from '#src/requests/end-note.ts';
import type { NewRequestRow } from '#src/store/schema.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { recordRow } from './record-rows.ts';

function said(row: Partial<NewRequestRow>, level: LogLevel = 'info') {
  const logs = new Logs({ clock: new FakeClock(), bus: new Bus(), folder: null, level });
  noteEnd(logs, recordRow(row));
  return logs.tail({ source: 'flow', lines: 10 }).entries.map((entry) => `${entry.level}: ${entry.text}`);
}

test('a failure is told with its id, whose it was and how it ended, not with its sentence', () => {
  const failed = { outcome: 'failed', errorKind: 'engine-died', errorMessage: 'my secret' } as const;
  expect(said({ ...failed, termination: 'EG' })).toEqual([
    'warning: a request failed request=aaaaaaaaaaaa model=gemma client=claude-code route=/v1/messages ' +
      'kind=engine-died termination=EG ms=8000',
  ]);
  expect(said({ ...failed, termination: 'FQ' })[0]).toStartWith('info: ');
});

test('what went well or was cancelled is for those who log everything', () => {
  expect(said({})).toEqual([]);
  expect(said({}, 'debug')[0]).toStartWith('debug: a request was completed request=aaaaaaaaaaaa');
});
