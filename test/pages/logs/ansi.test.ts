// Colours of terminals as names. How lines look on a page: test/browser/logs.test.ts.
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { ansiSpans } from '#src/pages/logs/ansi.ts';

const ESC = '\u001b';
const told = (line: string) =>
  ansiSpans(line).map(({ text, style }) => {
    const marks = [style.isBold && 'bold', style.isQuiet && 'quiet', style.isItalic && 'italic'].filter(Boolean);
    return [text, style.colour, ...marks].filter((part) => part !== null).join('|');
  });

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['plain', ['plain']],
  [`${ESC}[32mgreen${ESC}[0m after`, ['green|green', ' after']],
  [`${ESC}[1;31mloud${ESC}[22m less${ESC}[39m none`, ['loud|red|bold', ' less|red', ' none']],
  [`${ESC}[94mbright${ESC}[m`, ['bright|blue']],
  [`${ESC}[38;5;3mindexed`, ['indexed|yellow']],
  [`${ESC}[38;5;208morange is nobody's`, ["orange is nobody's"]],
  [`${ESC}[38;2;255;0;0mtrue ${ESC}[2mdim`, ['true ', 'dim|quiet']],
  [`${ESC}[48;5;1;3mon red`, ['on red|italic']],
  [`${ESC}[2K${ESC}[1Acursor`, ['cursor']],
  [`${ESC}]0;title\u0007text`, ['text']],
  [`${ESC}]8;;http://evil${ESC}\\link${ESC}]8;;${ESC}\\`, ['link']],
  [`${ESC}]never ends`, []],
  ['bell\u0007 and\u202e turned', ['bell and turned']],
  ['a\ttab', ['a\ttab']],
  [`${ESC}[31`, ['[31']],
];

test.each(CASES)('%j', (line, spans) => {
  expect(told(line)).toEqual([...spans]);
});

test('no control character reaches a page, whatever a program writes, and no text is made up', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom(`${ESC}[`, ESC, '31m', ';', `${ESC}]`, '\u0007', '\u009b', 'm'));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const line = pieces.join('');
      const text = ansiSpans(line)
        .map((span) => span.text)
        .join('');
      expect(text).not.toMatch(/(?!\t)\p{Cc}/u);
      expect(text.length).toBeLessThanOrEqual(line.length);
    }),
  );
});

test('a line of many colours costs a bounded number of parts', () => {
  const line = Array.from({ length: 5_000 }, (_, index) => `${ESC}[3${index % 8}mx`).join('');
  const spans = ansiSpans(line);
  expect(spans.length).toBeLessThanOrEqual(200);
  expect(spans.map(({ text }) => text).join('')).toHaveLength(5_000);
});
