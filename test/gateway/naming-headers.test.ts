/** Each door says which request it was and which model, also where no engine answered in words. */
import { afterAll, expect, test } from 'bun:test';
import { House, post } from './support/house.ts';

const houses: House[] = [];
afterAll(() => Promise.all(houses.map((house) => house.close())));

const ANSWERS: { readonly [path: string]: object } = {
  '/v1/embeddings': { data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 1 } },
  '/v1/chat/completions/input_tokens': { input_tokens: 3 },
};

/** A gateway before one model of this name. */
function opened(modelId: string): string {
  const { models } = new House().services;
  const meant = models.resolve('some');
  const named = { ...meant, model: { ...meant.model, id: modelId } };
  const house = new House({ models: { resolve: () => named, list: () => [named.model] } });
  houses.push(house);
  house.server((request) => Response.json(ANSWERS[new URL(request.url).pathname] ?? {}));
  return house.listen();
}

test.each([
  ['/api/generate', { model: 'some' }],
  ['/api/chat', { model: 'some', messages: [] }],
  ['/api/embed', { model: 'some', input: '' }],
  ['/api/embed', { model: 'some', input: 'a' }],
  ['/api/embeddings', { model: 'some', prompt: '' }],
  ['/v1/messages/count_tokens', { model: 'some', messages: [{ role: 'user', content: 'a' }] }],
  ['/v1/responses/input_tokens', { model: 'some', input: 'a' }],
])('%s names its request and its model: %j', async (path, body) => {
  const response = await post(opened('org/Some-Model') + path, JSON.stringify(body));
  expect(response.status).toBe(200);
  expect(response.headers.get('x-request-id')).toBe('r1');
  expect(response.headers.get('x-flow-model')).toBe('org/Some-Model');
});

test('embeddings of a model whose name looks like an escape are told', async () => {
  const response = await post(`${opened('50%-model')}/api/embed`, JSON.stringify({ model: 'some', input: 'a' }));
  expect(await response.json()).toMatchObject({ model: '50%-model', embeddings: [[1, 2]] });
});
