/** Links of log lines and windows of an earlier time. Colours: ansi.test.ts; the page: test/browser/logs.test.ts. */
import { expect, test } from 'bun:test';
import { ansiSpans } from '#src/pages/logs/ansi.ts';
import { linked, windowLines } from '#src/pages/logs/present.ts';

const told = (line: string) =>
  linked(ansiSpans(line)).map((span) => ('requestId' in span ? `[${span.requestId}]` : span.text));

test.each([
  [
    'a request failed request=0123456789ab kind=no-memory',
    ['a request failed request=', '[0123456789ab]', ' kind=no-memory'],
  ],
  ['the unexpected requestId=0123456789ab', ['the unexpected requestId=', '[0123456789ab]']],
  ['\u001b[31mrequest=0123456789ab\u001b[0m end', ['request=', '[0123456789ab]', ' end']],
  ['request=0123456789abc is longer than an id', ['request=0123456789abc is longer than an id']],
  ['request="><a href=x>', ['request="><a href=x>']],
  ['myrequest=0123456789ab', ['myrequest=0123456789ab']],
  ['no id at all', ['no id at all']],
])('%j', (line, parts) => {
  expect(told(line)).toEqual(parts);
});

test('in a window of an earlier time, the first line at or after it is marked', () => {
  const line = (atMs: number) => ({ source: 'gemma', level: 'info', text: String(atMs), atMs }) as const;
  const { lines, older } = windowLines([line(10), line(20), line(30)], 15, 3);
  expect(lines.map(({ isMarked }) => isMarked)).toEqual([false, true, false]);
  expect(lines.every(({ sequence }) => sequence === null)).toBe(true);
  expect(older).toBeNull();
});
