// Bytes into lines: ends, cuts and floods. With real pipes in process.test.ts.
import { expect, test } from 'bun:test';
import { LINE_BYTES_MAX, LINES_PER_WINDOW_MAX, LineReader } from '#src/supervision/line-reader.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

function read(pieces: readonly (string | Uint8Array)[], clock = new FakeClock()) {
  const lines: string[] = [];
  let dropped = 0;
  const reader = new LineReader({
    clock,
    onLine: (line) => lines.push(line),
    onDropped: (count) => {
      dropped += count;
    },
  });
  const push = (piece: string | Uint8Array) => reader.push(typeof piece === 'string' ? Buffer.from(piece) : piece);
  for (const piece of pieces) push(piece);
  return { lines, reader, push, clock, droppedCount: () => dropped };
}

function whole(pieces: readonly (string | Uint8Array)[]): readonly string[] {
  const { lines, reader } = read(pieces);
  reader.end();
  return lines;
}

test('any way of cutting the same bytes gives the same lines', () => {
  const bytes = Buffer.from('one\r\ntwo\n\n10%\r20%\rdone\nGrüße 👩‍👩‍👧‍👦\nlast');
  const expected = ['one', 'two', '10%', '20%', 'done', 'Grüße 👩‍👩‍👧‍👦', 'last'];
  for (let size = 1; size <= bytes.length; size += 1) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
    expect(whole(pieces)).toEqual(expected);
  }
});

test('a long line is cut and says how much is missing', () => {
  const [line] = whole(['x'.repeat(LINE_BYTES_MAX), 'y'.repeat(1000), '\n']);
  expect(line).toBe(`${'x'.repeat(LINE_BYTES_MAX)}… (+1000 bytes)`);
});

test('the caller may reuse its buffer', () => {
  const buffer = Buffer.from('abc');
  const { lines, push } = read([buffer]);
  buffer.fill('z');
  push('\n');
  expect(lines).toEqual(['abc']);
});

test('a flood is skipped and counted, but for its newest words', () => {
  const { lines, reader, push, droppedCount } = read([]);
  const total = 50_000;
  for (let number = 1; number <= total; number += 100) {
    push(Array.from({ length: 100 }, (_, index) => `line ${number + index}\n`).join(''));
  }
  expect(lines).toHaveLength(LINES_PER_WINDOW_MAX);
  reader.end();
  expect(lines.at(-1)).toBe(`line ${total}`);
  expect(droppedCount()).toBeGreaterThan(total / 2);
  // The first kept line may be torn, and is then not shown: every line is shown, counted, or that one.
  expect(total - lines.length - droppedCount()).toBeLessThanOrEqual(1);
  for (const line of lines) expect(line).toMatch(/^line \d+$/);
});

test('when a flood ends, its last words come within half a second', () => {
  const { lines, push, clock } = read(['line\n'.repeat(LINES_PER_WINDOW_MAX)]);
  push('the last words\n');
  expect(lines).not.toContain('the last words');
  clock.advance(500);
  expect(lines.at(-1)).toBe('the last words');
});

test('after a flood everything is read again', () => {
  const { lines, push, clock, droppedCount } = read(['line\n'.repeat(LINES_PER_WINDOW_MAX * 5)]);
  clock.advance(500);
  const before = droppedCount();
  push('calm again\n');
  push('and again\n');
  expect(lines.slice(-2)).toEqual(['calm again', 'and again']);
  expect(droppedCount()).toBe(before);
});
