/** What is compressed on its way out, and what is not. */
import { expect, test } from 'bun:test';
import { compressPage, isCompressible, PAGE_VARIES_BY } from '#src/web/compress-page.ts';

const asked = (coding: string | null) =>
  new Request('http://flow.test/', { headers: coding === null ? {} : { 'accept-encoding': coding } });
const answered = (body: string | null, headers: Record<string, string> = { vary: PAGE_VARIES_BY }) =>
  new Response(body, { status: 422, headers: { 'content-type': 'text/html; charset=utf-8', ...headers } });

test.each([
  ['a page for a browser', 'gzip, br', answered('x'), true],
  ['a page for who takes no gzip', null, answered('x'), false],
  ['an answer that is no page of ours', 'gzip', answered('x', {}), false],
  ['what is compressed already', 'gzip', answered('x', { vary: PAGE_VARIES_BY, 'content-encoding': 'br' }), false],
  ['an answer without a body', 'gzip', answered(null), false],
])('%s', (_name, coding, response, isExpected) => {
  expect(isCompressible(asked(coding), response)).toBe(isExpected);
});

test('a long fragment becomes small and keeps its status, headers and words', async () => {
  const words = '<p>the same again</p>'.repeat(200);
  const response = await compressPage(answered(words, { vary: PAGE_VARIES_BY, 'hx-trigger': 'told' }));
  expect([response.status, response.headers.get('hx-trigger')]).toEqual([422, 'told']);
  expect(response.headers.get('content-encoding')).toBe('gzip');
  const bytes = await response.bytes();
  expect(bytes.byteLength).toBeLessThan(words.length / 5);
  expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe(words);
});

test('a short one travels as it is', async () => {
  const response = await compressPage(answered('<p>short</p>'));
  expect([response.headers.get('content-encoding'), await response.text()]).toEqual([null, '<p>short</p>']);
});
