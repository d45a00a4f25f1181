// A call that is cut off is never made, wherever it is cut; what is held then comes out as text.
import { describe, expect, test } from 'bun:test';
import { FAMILIES, type Row } from '../../fixtures/calls/families.ts';
import { MORE_FAMILIES } from '../../fixtures/calls/more-families.ts';
import { type Options, type Told, tell, tellText, texts } from './support/answers.ts';

const ROWS = [...FAMILIES, ...MORE_FAMILIES];
const optionsFor = ({ callFormat }: Row): Options => (callFormat ? { traits: { callFormat } } : {});

const callsOf = ({ parts }: Told) => parts.flatMap((part) => ('call' in part ? [[part.call, part.args]] : []));
const textOf = ({ parts }: Told) => parts.map((part) => ('text' in part ? part.text : '')).join('');
const bare = (text: string) => text.replaceAll(/\s/g, '');
const meantCalls = ({ parts }: Row) =>
  parts.filter((part) => typeof part !== 'string').map(([name, args]) => [name, args]);

/** A value with its own closing tag in it: a model that ends right there has said so. */
const saysItself = ({ parts }: Row) => /<\/(?:parameter|arg_value)>/.test(JSON.stringify(parts));

describe.each(ROWS.map((row) => [row.name, row] as const))('%s', (_name, row) => {
  test('cut at any place by a limit makes no call but those that were complete', () => {
    for (let at = 1; at < row.text.length; at += 1) {
      const text = row.text.slice(0, at);
      const told = tell(texts([...text]), { ...optionsFor(row), finish: 'length' });
      const calls = callsOf(told);
      expect({ at, calls }).toEqual({ at, calls: meantCalls(row).slice(0, calls.length) });
      expect(told.finish).toBe('length');
    }
  });

  test('cut at any place by the model makes no call whose arguments were not complete', () => {
    if (saysItself(row)) return;
    for (let at = 1; at < row.text.length; at += 1) {
      const told = tellText(row.text.slice(0, at), optionsFor(row));
      for (const [index, [name, args]] of callsOf(told).entries()) {
        const meant = meantCalls(row)[index];
        expect({ at, name }).toEqual({ at, name: meant?.[0] });
        expect({ at, args: { ...Object(meant?.[1]), ...Object(args) } }).toEqual({ at, args: meant?.[1] });
      }
    }
  });

  test('loses no text wherever it is cut', () => {
    for (let at = 1; at < row.text.length; at += 1) {
      const text = row.text.slice(0, at);
      const told = tellText(text, { ...optionsFor(row), finish: 'length' });
      if (told.uses.some(({ kind }) => kind === 'leaked-call')) continue;
      expect(textOf(told)).toBe(text);
    }
  });
});

test('a call that is cut off ends the answer as too long and says so', () => {
  const cut = '<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "rm -rf \\"a';
  const told = tellText(`Now.\n${cut}`);
  expect(told.parts).toEqual([{ text: `Now.\n${cut}` }]);
  expect(told.finish).toBe('length');
  expect(told.uses.map(({ kind, before }) => [kind, before])).toEqual([['truncated-call', cut]]);
});

test('a call that is cut off ends as the model ended when that repair is off', () => {
  const told = tellText('<tool_call>{"name": "write_file", "arguments": {"path', {
    switches: { truncated_calls: false },
  });
  expect(told.finish).toBe('stop');
});

test('nothing inside a call that is cut off is a call', () => {
  const inner =
    '<tool_call>{\\"name\\": \\"list_files\\", \\"arguments\\": {}}</tool_call>\\n<function=list_files></function>';
  const text = `<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "${inner}`;
  const told = tellText(text);
  expect(told.parts).toEqual([{ text }]);
  expect(bare(textOf(told))).toBe(bare(text));
});

test('a call before the cut one is made, and the answer still ends as too long', () => {
  const told = tellText(
    '<tool_call>{"name": "list_files", "arguments": {}}</tool_call><tool_call>{"name": "get_weather", "argu',
  );
  expect(callsOf(told)).toEqual([['list_files', {}]]);
  expect(told.finish).toBe('length');
});

test('a missing closing tag is forgiven when the model ended there', () => {
  const told = tellText('<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n');
  expect(callsOf(told)).toEqual([['get_weather', { city: 'Paris' }]]);
  expect(told.finish).toBe('tool-calls');
});

test('a missing closing tag is not forgiven when a required argument is missing too', () => {
  const told = tellText('<function=write_file>\n<parameter=path>\na\n</parameter>\n');
  expect(callsOf(told)).toEqual([]);
  expect(told.finish).toBe('length');
});

test('a fault after half a call lets its text out first', () => {
  const half = '<tool_call>{"name": "list_files"';
  const told = tell(
    [
      ...texts([...half]),
      {
        type: 'usage',
        usage: { inputTokens: 1, cachedTokens: 0, outputTokens: 1, thinkingTokens: null },
        timings: { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null },
      },
    ],
    { finish: 'length' },
  );
  expect(textOf(told)).toBe(half);
});

test.each([
  '<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "x" oops "<function=list_files></function>"}}',
  '<tool_call>\n<function=write_file>\n<content>\n<function=list_files>\n</function>\n</content>\n',
  '[TOOL_CALLS]write_file[ARGS]{"path": nothing, "content": "<function=list_files></function>"}',
])('nothing inside a broken call is a call: %j', (text) => {
  for (const pieces of [[text], [...text]]) expect(tell(texts(pieces)).parts).toEqual([{ text }]);
});

test('a call after a broken one is made', () => {
  const broken = '<tool_call>{"name": "list_files", "arguments": nothing}</tool_call>';
  const call = '<tool_call>{"name": "list_files", "arguments": {}}</tool_call>';
  for (const pieces of [[`${broken}\n${call}`], [...`${broken}\n${call}`]]) {
    const told = tell(texts(pieces));
    expect(callsOf(told)).toEqual([['list_files', {}]]);
    expect(textOf(told)).toBe(`${broken}\n`);
  }
});
