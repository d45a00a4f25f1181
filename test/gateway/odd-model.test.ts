/**
 * F-91: what stands where a model's name belongs and is no name. Taken for absent, another model than was meant would
 * answer. All other wrong types, on every route: `test/security/api-fuzz.test.ts`.
 */
import { afterAll, expect, test } from 'bun:test';
import { House, post } from './support/house.ts';

const houses: House[] = [];
afterAll(() => Promise.all(houses.map((house) => house.close())));

const MESSAGES = [{ role: 'user', content: 'a' }];

test.each([
  ['/v1/chat/completions', { messages: MESSAGES }],
  ['/v1/completions', { prompt: 'a' }],
  ['/v1/embeddings', { input: 'a' }],
  ['/v1/rerank', { query: 'a', documents: ['a'] }],
  ['/v1/messages', { max_tokens: 1, messages: MESSAGES }],
  ['/v1/messages/count_tokens', { messages: MESSAGES }],
  ['/v1/responses', { input: 'a' }],
  ['/v1/responses/input_tokens', { input: 'a' }],
  ['/api/chat', { messages: MESSAGES }],
  ['/api/chat', { messages: [] }],
  ['/api/generate', { prompt: 'a' }],
  ['/api/embed', { input: 'a' }],
  ['/api/embed', { input: '' }],
  ['/api/embeddings', { prompt: 'a' }],
  ['/api/show', {}],
  ['/tokenize', { content: 'a' }],
])('F-91: %s does not take a number, a list or an object for a name: %j', async (path, body) => {
  const house = new House();
  houses.push(house);
  const asked: string[] = [];
  house.server((request) => {
    asked.push(request.url);
    return Response.json({});
  });
  const url = house.listen();
  for (const model of [5, [], {}, true]) {
    const response = await post(url + path, JSON.stringify({ ...body, model }));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(`model is of type ${typeof model}; a name is expected.`);
  }
  expect(asked).toEqual([]);
});
