// The words for what was relaxed. The relaxing itself: test/repairs/schemas; that it reaches clients: test/e2e.
import { expect, test } from 'bun:test';
import { relaxedSchemas } from '#src/gateway/relaxed-schemas.ts';
import type { Json } from '#src/json.ts';

test('names of any length and any letters make a header that may be sent and a note that may be kept', () => {
  const pattern = { type: 'string', pattern: '\\d' };
  const names = ['line\r\nbreak', 'é\u{1f999}', '\ud83e', 'x'.repeat(1_000_000)];
  const properties = Object.fromEntries(names.flatMap((name) => [0, 1, 2].map((at) => [`${name}${at}`, pattern])));
  const parameters = { type: 'object', properties };
  const tools = [{ type: 'function' as const, function: { name: 'open', parameters } }];
  const { headers, notes } = relaxedSchemas({ messages: [], tools }, tools);
  const [note = ''] = notes;
  expect(new Headers(headers).get('x-flow-relaxed')).toMatch(/^open\.line\?\?break0: pattern; .*and \d+ more$/);
  expect(headers['x-flow-relaxed']?.length).toBeLessThan(1_100);
  expect(note.length).toBeLessThanOrEqual(1_000);
  expect(note.isWellFormed()).toBeTrue();
  // The same list gives the same bytes: the prompt's cache lives on them.
  const copy = structuredClone(tools);
  const [first, again] = [
    relaxedSchemas({ messages: [], tools }, tools),
    relaxedSchemas({ messages: [], tools: copy }, copy),
  ];
  expect(JSON.stringify(first.set) === JSON.stringify(again.set)).toBeTrue();
});

test('two tools of one name are both relaxed, and their calls are held against neither', () => {
  const tool = (parameters: Json) => ({ type: 'function' as const, function: { name: 'open', parameters } });
  const tools = [
    tool({ type: 'object', properties: { a: { type: 'integer' } } }),
    tool({ type: 'object', properties: { a: { type: 'string', pattern: '\\d' } } }),
  ];
  const { originals, headers } = relaxedSchemas({ messages: [], tools }, tools);
  expect(headers).toEqual({ 'x-flow-relaxed': 'open.a: pattern' });
  expect(originals.size).toBe(0);
});
