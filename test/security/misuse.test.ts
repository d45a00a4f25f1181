/** F-93: methods and addresses that clients get wrong. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { rawRequest } from '../support/raw-requests.ts';
import { type FrontDoor, openFrontDoor } from './support/front-door.ts';

let door: FrontDoor;
beforeAll(async () => {
  door = await openFrontDoor();
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

type Misuse = readonly [method: string, path: string, status: number, says: RegExp];
/** In the words of OpenAI, of Anthropic, of Responses, of Ollama and of Flow's own API. */
const MISUSES: readonly Misuse[] = [
  ['GET', '/v1/chat/completions', 405, /answers .*POST, not GET/],
  ['GET', '/v1/messages', 405, /answers .*POST, not GET/],
  ['GET', '/v1/messages/count_tokens', 405, /answers .*POST, not GET/],
  ['GET', '/v1/embeddings', 405, /answers .*POST, not GET/],
  ['DELETE', '/v1/chat/completions', 405, /not DELETE/],
  ['PUT', '/v1/responses', 405, /not PUT/],
  ['POST', '/v1/models', 405, /answers .*GET.*, not POST/],
  ['PUT', '/v1/chat/completions', 405, /answers .*POST, not PUT/],
  ['DELETE', '/v1/models', 405, /answers .*GET.*, not DELETE/],
  ['PATCH', '/v1/models/flow-demo', 405, /not PATCH/],
  ['GET', '/api/chat', 405, /answers .*POST, not GET/],
  ['GET', '/api/generate', 405, /answers .*POST, not GET/],
  ['PROPFIND', '/v1/models', 405, /not PROPFIND/],
  ['TRACE', '/v1/models', 405, /not TRACE/],
  ['POST', '/v1/v1/chat/completions', 404, /leave it out of the base URL/],
  ['GET', '/v1/v1/models', 404, /leave it out of the base URL/],
  ['POST', '/v1/v1/messages', 404, /leave it out of the base URL/],
  ['POST', '/v1//chat/completions', 404, /nothing at/],
  ['POST', '//v1/chat/completions', 404, /nothing at/],
  ['POST', '/v1/chat/completion', 404, /nothing at/],
  ['GET', '/v1/nothing', 404, /nothing at/],
  ['GET', '/v1', 404, /nothing at/],
  ['GET', '/v1/', 404, /nothing at/],
  ['POST', '/v1/chat/completions', 400, /empty/],
  ['POST', '/v1/chat/completions/', 400, /empty/],
  ['POST', '/v1/messages', 400, /empty/],
  ['POST', '/v1/responses', 400, /empty/],
  ['POST', '/v1/embeddings', 400, /empty/],
  ['POST', '/api/chat', 400, /empty/],
];

describe.each(['application/json', 'text/html,*/*;q=0.8'])('F-93: asked for %s,', (accept) => {
  test.each(MISUSES)('%s %s is %d, as JSON, and says what is meant', async (method, path, status, says) => {
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${door.port}`,
      `Accept: ${accept}`,
      'Content-Type: application/json',
      'Content-Length: 0',
    ];
    const answer = await rawRequest(door.port, `${head.join('\r\n')}\r\n\r\n`);
    const [headers = '', body = ''] = answer.text.split('\r\n\r\n');
    expect(answer.status).toBe(status);
    expect(headers).toMatch(/content-type: application\/json/i);
    if (status === 405) expect(headers).toMatch(/^allow: .*OPTIONS/im);
    const { error } = JSON.parse(body);
    const words = typeof error === 'string' ? error : `${error.message} ${error.hint ?? ''}`;
    expect(words).toMatch(says);
  });
});

test('F-93: a slash at the end is no other address', async () => {
  for (const path of ['/v1/models', '/v1/models/', '/api/tags/', '/health/'])
    expect([path, (await fetch(door.url + path)).status]).toEqual([path, 200]);
});

test('F-93: HEAD answers as GET does, without a body; OPTIONS says what there is', async () => {
  for (const path of ['/v1/models', '/api/tags', '/', '/health', '/api/events']) {
    const answer = await fetch(door.url + path, { method: 'HEAD' });
    expect([path, answer.status, await answer.text()]).toEqual([path, 200, '']);
  }
  const head = await fetch(`${door.url}/v1/chat/completions`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([405, '']);
  const ways = [
    ['/v1/models', 'GET'],
    ['/v1/chat/completions', 'POST'],
  ] as const;
  for (const [path, method] of ways) {
    const options = await fetch(door.url + path, { method: 'OPTIONS' });
    expect([path, options.status, options.headers.get('allow')]).toEqual([path, 204, expect.stringContaining(method)]);
  }
  expect((await fetch(`${door.url}/v1/nowhere`, { method: 'OPTIONS' })).status).toBe(404);
});
