/** The table finds what Elysia's router finds: the same routes, asked for the same paths. */
import { expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { RouteTable } from '#src/web/route-table.ts';
import { seededRandom } from '#test/support/seeded-random.ts';

const PATHS = [
  '/',
  '/api/models',
  '/api/models/running',
  '/api/models/:id',
  '/api/models/:id/load',
  '/api/models/*',
  '/api/:area/status',
  '/upstream/:id/*',
  '/upstream/*',
  '/public/css/app.css',
];
const METHODS = ['GET', 'POST'] as const;
const SEGMENTS = [
  'api',
  'models',
  'running',
  'load',
  'status',
  'upstream',
  'public',
  'css',
  'app.css',
  'x',
  '',
  'org%2Fname',
];

const SEED = 20_261_122;
test(`whatever Elysia routes, the table judges by the same route (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 40; round += 1) {
    const app = new Elysia();
    for (const path of PATHS) {
      for (const method of METHODS)
        if (random() < 0.6) app.route(method, path, () => `${method} ${path}`, access('read'));
    }
    const table = new RouteTable(app.routes);
    for (let asked = 0; asked < 60; asked += 1) {
      const length = 1 + Math.floor(random() * 4);
      const path = `/${Array.from({ length }, () => SEGMENTS[Math.floor(random() * SEGMENTS.length)]).join('/')}`;
      if (path.includes('//')) continue;
      const method = METHODS[Math.floor(random() * 2)] ?? 'GET';
      const answer = await app.handle(new Request(`http://localhost${path}`, { method }));
      const finding = table.find(method, path);
      const judged = finding.kind === 'found' ? `${method} ${finding.path}` : null;
      // The table may refuse what Elysia would route (a loose slash); it must never judge by another route.
      if (judged !== null)
        expect({ method, path, routed: await answer.text() }).toEqual({ method, path, routed: judged });
    }
  }
});
