/** GET /openapi.json by itself; behind its guard: `test/security/api-fuzz.test.ts`. */
import { expect, test } from 'bun:test';
import { LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { apiDescriptionRoutes } from '#src/api-description/routes.ts';

const ROUTES = [
  {
    method: 'POST',
    path: '/v1/messages',
    access: { scope: 'infer', bodyBytesMax: LARGE_BODY_BYTES_MAX },
    schemas: { body: null, query: null },
  },
] as const;

test('the description is made when the routes are complete, and not sent twice to who has it', async () => {
  let asked = 0;
  const routes = () => {
    asked += 1;
    return ROUTES;
  };
  const app = apiDescriptionRoutes({ routes, version: '1.2.3' });
  expect(asked).toBe(0);
  const first = await app.handle(new Request('http://localhost/openapi.json'));
  expect(first.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const { openapi, info, paths } = await first.json();
  expect({ openapi, version: info.version, paths: Object.keys(paths) }).toEqual({
    openapi: '3.1.0',
    version: '1.2.3',
    paths: ['/v1/messages'],
  });
  const etag = first.headers.get('etag') ?? '';
  const again = await app.handle(new Request('http://localhost/openapi.json', { headers: { 'if-none-match': etag } }));
  expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' });
  expect(asked).toBe(1);
});
