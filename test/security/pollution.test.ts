/**
 * S-42: names that reach for prototypes, in bodies, queries and cookies of every described operation. Flow runs in this
 * process, so that a polluted prototype is seen at once, and by whoever comes next.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { openApiDocument } from '#src/api-description/describe.ts';
import { isObject } from '#src/json.ts';
import { operationsOf } from './support/api-asking.ts';
import { type FrontDoor, openFrontDoor } from './support/front-door.ts';

const EVIL = '{"flowPolluted":"yes","detail":"1","force":true,"stream":true}';
const REACHES = [`"__proto__":${EVIL}`, `"constructor":{"prototype":${EVIL}}`];
/** The same inside each part of a body that is laid over something else. */
const NESTED = ['behaviour', 'launch', 'config', 'load_params', 'chat_template_kwargs', 'forced', 'repairs', 'options'];
const BODIES = REACHES.flatMap((reach) => [
  `{${reach}}`,
  `{${reach},"model":"flow-demo","name":"evil","messages":[{"role":"user","content":"hi",${reach}}]}`,
  ...NESTED.map((field) => `{"model":"flow-demo","name":"evil","${field}":{${reach}}}`),
  `{"behaviour":{"chat_template_kwargs":{${reach}},"forced":{${reach}},"repairs":{${reach}}}}`,
  `{"chat_template_kwargs":{"deep":{${reach}}}}`,
]);
const QUERIES = [
  '__proto__[flowPolluted]=yes',
  '__proto__.flowPolluted=yes',
  'constructor[prototype][flowPolluted]=yes',
];
const COOKIE = '__proto__={"flowPolluted":"yes"}; constructor.prototype=flowPolluted; flow_session=__proto__';

let door: FrontDoor;
beforeAll(async () => {
  door = await openFrontDoor();
});
afterAll(() => door[Symbol.asyncDispose]());

/** Everything that all objects, lists, texts and functions have in common. */
function prototypes(): string {
  const all = [Object.prototype, Array.prototype, String.prototype, Function.prototype, Headers.prototype];
  return JSON.stringify(all.map((one) => Reflect.ownKeys(one).map(String)));
}

const filled = (path: string): string => path.replace(/\{\w+\}/g, 'flow-demo');

test('S-42: names that reach for prototypes reach none, in the body of any operation', async () => {
  const before = prototypes();
  const operations = operationsOf(openApiDocument(door.routes, 'test'));
  const broken: string[] = [];
  for (const { method, path } of operations.filter(({ what }) => isObject(what.requestBody))) {
    for (const body of BODIES) {
      const headers = { 'content-type': 'application/json' };
      const signal = AbortSignal.timeout(30_000);
      const response = await fetch(door.url + filled(path), { method, headers, body, signal });
      await response.body?.cancel();
      if (response.status === 500 || prototypes() !== before) broken.push(`${method} ${path} ${body}`);
    }
  }
  expect(broken).toEqual([]);
  expect(operations.length).toBeGreaterThan(100);
}, 180_000);

test('S-42: nor in queries and cookies', async () => {
  const before = prototypes();
  const operations = operationsOf(openApiDocument(door.routes, 'test'));
  const broken: string[] = [];
  for (const { method, path } of operations.filter((operation) => operation.method === 'GET')) {
    for (const query of QUERIES) {
      const response = await fetch(`${door.url}${filled(path)}?${query}`, { method, headers: { cookie: COOKIE } });
      await response.body?.cancel();
      if (response.status === 500 || prototypes() !== before) broken.push(`${method} ${path}?${query}`);
    }
  }
  expect(broken).toEqual([]);
}, 180_000);

test('S-42: settings take no field of a prototype, and are as they were', async () => {
  const settings = async (): Promise<unknown> => (await fetch(`${door.url}/api/settings`)).json();
  const before = await settings();
  for (const reach of REACHES) {
    const headers = { 'content-type': 'application/json' };
    const body = `{${reach},"jit_enabled":false}`;
    const response = await fetch(`${door.url}/api/settings`, { method: 'PUT', headers, body });
    expect(response.status).toBe(400);
  }
  expect(await settings()).toEqual(before);
});
