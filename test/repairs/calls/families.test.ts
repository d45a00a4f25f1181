// What each family of models writes becomes the same calls, however it is cut. What is no call: untouched.test.ts.
import { describe, expect, test } from 'bun:test';
import { FAMILIES, type Row } from '../../fixtures/calls/families.ts';
import { MORE_FAMILIES } from '../../fixtures/calls/more-families.ts';
import { gist, type Options, tell, tellText, texts } from './support/answers.ts';

const ROWS = [...FAMILIES, ...MORE_FAMILIES];
const optionsFor = ({ callFormat }: Row): Options => (callFormat ? { traits: { callFormat } } : {});

const meant = ({ parts }: Row): unknown[] =>
  parts.map((part) => (typeof part === 'string' ? { text: part } : { call: part[0], args: part[1] }));

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

describe.each(ROWS.map((row) => [row.name, row] as const))('%s', (_name, row) => {
  test('is understood as a whole', () => {
    const told = tellText(row.text, optionsFor(row));
    expect(gist(told)).toEqual(meant(row));
    expect(told.finish).toBe('tool-calls');
  });

  test('is understood character by character', () => {
    expect(gist(tell(texts([...row.text]), optionsFor(row)))).toEqual(meant(row));
  });

  test('is understood wherever it is cut in two', () => {
    for (let at = 1; at < row.text.length; at += 1) {
      const cut = texts([row.text.slice(0, at), row.text.slice(at)]);
      expect({ at, parts: gist(tell(cut, optionsFor(row))) }).toEqual({ at, parts: meant(row) });
    }
  });

  test('is text when no tools were offered', () => {
    expect(gist(tellText(row.text, { tools: [] }))).toEqual([{ text: row.text }]);
  });

  test('is text in a fenced block', () => {
    const fenced = `Like so:\n\`\`\`xml\n${row.text.replaceAll('```', "'''")}\n\`\`\`\n`;
    expect(gist(tell(texts([...fenced]), optionsFor(row)))).toEqual([{ text: fenced }]);
  });
});

const tagged = ROWS.filter(({ isWhole, callFormat, text }) => !isWhole && !callFormat && /^[^<]{0,9}</.test(text));

test.each(tagged.map((row) => [row.name, row] as const))('%s is understood when escaped', (_name, row) => {
  const texted = { ...row, parts: row.parts.map((part) => (typeof part === 'string' ? escaped(part) : part)) };
  const text = escaped(row.text);
  expect(gist(tellText(text, optionsFor(row)))).toEqual(meant(texted));
  expect(gist(tell(texts([...text]), optionsFor(row)))).toEqual(meant(texted));
});
