// What a predecessor got wrong, row by row.
import { expect, test } from 'bun:test';
import { gist, tellText } from './support/answers.ts';

const LIST = { call: 'list_files', args: {} };
const LIST_TEXT = '<tool_call>\n{"name": "list_files", "arguments": {}}\n</tool_call>';

test('text before and after a call is kept', () => {
  expect(gist(tellText(`Before.\n${LIST_TEXT}\nAfter.`))).toEqual([{ text: 'Before.\n' }, LIST, { text: 'After.' }]);
});

test('names may have dashes and dots, in functions and parameters', () => {
  const text = '<tool_call><function=mcp-server__do.it><parameter=p-q>v</parameter></function></tool_call>';
  expect(gist(tellText(text))).toEqual([{ call: 'mcp-server__do.it', args: { 'p-q': 'v' } }]);
});

test('an XML call without its last two tags is a call', () => {
  const text = '<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>';
  expect(gist(tellText(text))).toEqual([{ call: 'get_weather', args: { city: 'Paris' } }]);
});

test('a closed call before a truncated one is made, and the truncated one is not', () => {
  const cut = '<tool_call>{"name": "get_weather", "arguments": {"city": "Pa';
  const told = tellText(`${LIST_TEXT}\n${cut}`);
  expect(gist(told)).toEqual([LIST, { text: cut }]);
  expect(told.finish).toBe('length');
});

test('an XML call and a JSON call in one answer are both made', () => {
  const xml = '<tool_call><function=get_weather><parameter=city>Paris</parameter></function></tool_call>';
  expect(gist(tellText(`${xml}\n${LIST_TEXT}`))).toEqual([{ call: 'get_weather', args: { city: 'Paris' } }, LIST]);
});

test('arguments given as a JSON text are read once', () => {
  const text = '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}</tool_call>';
  expect(gist(tellText(text))).toEqual([{ call: 'get_weather', args: { city: 'Paris' } }]);
});

test('a command that was cut is not executed', () => {
  const text = '<tool_call>{"name": "write_file", "arguments": {"path": "x", "content": "rm -rf \\"a';
  expect(gist(tellText(text))).toEqual([{ text }]);
});

test('entities in an answer stay', () => {
  const text = 'Write &lt;div&gt; for a box.';
  expect(gist(tellText(text))).toEqual([{ text }]);
});

test('entities around a call stay', () => {
  const text = `Write &lt;div&gt;.\n${LIST_TEXT}\n&lt;b&gt;`;
  expect(gist(tellText(text))).toEqual([{ text: 'Write &lt;div&gt;.\n' }, LIST, { text: '&lt;b&gt;' }]);
});

test('entities in the arguments of a plain call stay', () => {
  const text =
    '<tool_call>{"name": "write_file", "arguments": {"path": "a", "content": "&lt;b&gt; &quot;"}}</tool_call>';
  expect(gist(tellText(text))).toEqual([{ call: 'write_file', args: { path: 'a', content: '&lt;b&gt; &quot;' } }]);
});

test('prose that mentions </think> stays', () => {
  const text = 'The tag </think> ends a thought.';
  expect(gist(tellText(text))).toEqual([{ text }]);
});

test('a call in a code fence is shown and not made', () => {
  const text = `Look:\n\`\`\`\n${LIST_TEXT}\n\`\`\`\n`;
  expect(gist(tellText(text))).toEqual([{ text }]);
});

test('a bare function is a call', () => {
  expect(gist(tellText('<function=list_files>\n</function>'))).toEqual([LIST]);
});

test('a value has the type of the schema', () => {
  const text = '<function=get_weather><parameter=city>5</parameter><parameter=days>5</parameter></function>';
  expect(gist(tellText(text))).toEqual([{ call: 'get_weather', args: { city: '5', days: 5 } }]);
});
