// The raw text inside a custom tool's arguments, while they come.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { RawInput } from '#src/dialects/responses/raw-input.ts';

function read(pieces: readonly string[]): { text: string; before: string } {
  const raw = new RawInput();
  const before = pieces.map((piece) => raw.push(piece)).join('');
  return { text: before + raw.end(), before };
}

const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));

describe('raw input', () => {
  test('any text comes back, however its JSON is cut', () => {
    fc.assert(
      fc.property(texts, fc.array(fc.nat(80)), fc.constantFrom('', ' ', '\n  '), (text, cuts, space) => {
        const json = `{${space}"input"${space}:${space}${JSON.stringify(text)}${space}}`;
        const ends = [...new Set([...cuts.filter((cut) => cut < json.length), json.length])].sort((a, b) => a - b);
        const pieces = ends.map((end, index) => json.slice(ends[index - 1] ?? 0, end));
        expect(read(pieces).text).toBe(text);
      }),
    );
  });

  test('escapes that JSON.stringify does not use are understood', () => {
    expect(read(['{"input":"\\u00fc\\/\\b\\f\\ud83d', '\\udc4b"}']).text).toBe('ü/\b\f👋');
  });

  test('no piece ends between the halves of a pair', () => {
    const raw = new RawInput();
    const told = [...'{"input":"a👋"}'.split('')].map((unit) => raw.push(unit));
    expect(told.every((piece) => piece.isWellFormed())).toBe(true);
    expect(told.join('')).toBe('a👋');
  });

  test('the text comes before the end of the arguments', () => {
    expect(read(['{"input":"as it ', 'comes']).before).toBe('as it comes');
  });

  test.each([
    ['another name', '{"patch":"*** Begin"}', '*** Begin'],
    ['a field before it', '{"reason":"because","input":"the text"}', 'the text'],
    ['a plain string', '"the text"', 'the text'],
    ['no object at all', 'the text', 'the text'],
    ['several other fields', '{"a":"1","b":"2"}', '{"a":"1","b":"2"}'],
    ['an empty object', '{}', ''],
    ['nothing', '', ''],
    ['a number as input', '{"input":5}', '{"input":5}'],
    ['something after it', '{"input":"the text","reason":"because"}', 'the text'],
    ['a long opening', `{${' '.repeat(100)}"input":"the text"}`, 'the text'],
    ['a raw line break inside', '{"input":"two\nlines"}', 'two\nlines'],
  ])('%s', (_what, json, expected) => {
    expect(read([json]).text).toBe(expected);
    expect(read([...json]).text).toBe(expected);
  });

  test('half an escape at the end is left out', () => {
    expect(read(['{"input":"cut \\u00']).text).toBe('cut ');
  });
});
