/**
 * The description of the API, held against the routes of a whole Flow: nothing of it is forgotten and nothing invented.
 * Whether answers are as described is asked in `test/security/api-fuzz.test.ts`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CATALOGUE } from '#src/api-description/catalogue/catalogue.ts';
import {
  type ApiRoute,
  describedOperations,
  isDescribed,
  openApiDocument,
  routeName,
} from '#src/api-description/describe.ts';
import { openApp } from '#src/app.ts';
import { readConfig } from '#src/config.ts';
import { FAULTS } from '#src/faults.ts';
import { openFlow } from '#src/flow.ts';
import { isObject, type JsonObject } from '#src/json.ts';

/** Forms and fragments of pages: what they may send is their page's affair. Files and scripts are no API either. */
const PAGE_ROUTES_AT_LEAST = 100;

let folder: string;
let routes: readonly ApiRoute[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flow-api-'));
  const environment = { HOME: folder, FLOW_DATA_DIR: folder };
  const flow = await openFlow(readConfig({}, environment), '0.0.0', environment);
  const app = await openApp(flow, () => true);
  routes = app.guarded.routes;
  app.close();
  await flow.close();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Every `$ref` in a value. */
function refsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(refsIn);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    name === '$ref' && typeof part === 'string' ? [part] : refsIn(part),
  );
}

describe('every route is described', () => {
  test('a route of the API without a description is a mistake', () => {
    const known = new Set(CATALOGUE.flatMap(({ operations }) => operations.map(({ route }) => route)));
    const forgotten = routes.filter(isDescribed).map(routeName);
    expect(forgotten.filter((name) => !known.has(name))).toEqual([]);
    expect(forgotten.length).toBeGreaterThan(100);
  });

  test('a description without a route is one, too', () => {
    const present = new Set(routes.filter(isDescribed).map(routeName));
    const described = CATALOGUE.flatMap(({ operations }) => operations.map(({ route }) => route));
    expect(described.filter((name) => !present.has(name))).toEqual([]);
  });

  test('only pages, their forms and files are left out', () => {
    const left = routes.filter((route) => !isDescribed(route));
    expect(left.every(({ access }) => access.scope === 'page' || access.scope === 'public')).toBeTrue();
    expect(left.filter(({ access }) => access.scope === 'page').length).toBeGreaterThan(PAGE_ROUTES_AT_LEAST);
    expect(left.filter(({ path }) => /^\/(api|v1|upstream|metrics)\b/.test(path))).toEqual([]);
  });

  test('what takes a body says what it takes, unless there is nothing to say', () => {
    const silent = describedOperations(routes)
      .filter(({ method, body }) => ['post', 'put', 'patch'].includes(method) && body === null)
      .map(({ path }) => path);
    // These only press a button.
    expect(silent.toSorted()).toEqual([
      '/api/check-updates',
      '/api/conversations/{id}/restore',
      '/api/downloads/{id}/cancel',
      '/api/downloads/{id}/pause',
      '/api/downloads/{id}/resume',
      '/api/downloads/{id}/retry',
      '/api/external/scan',
      '/api/models/scan',
      '/api/requests/clear-stuck',
      '/api/requests/{id}/cancel',
      '/api/update-backend/{backend}',
      '/v1/responses/{id}/cancel',
    ]);
  });
});

describe('the document', () => {
  const made = (): JsonObject => openApiDocument(routes, '1.2.3');

  test('is the same for the same routes in any order', () => {
    expect(JSON.stringify(openApiDocument(routes.toReversed(), '1.2.3'))).toBe(JSON.stringify(made()));
  });

  test('names nothing that is not there', () => {
    const { components } = made();
    const schemas = isObject(components) && isObject(components.schemas) ? components.schemas : {};
    const refs = new Set(refsIn(made()).map((ref) => ref.replace('#/components/schemas/', '')));
    expect([...refs].filter((name) => !Object.hasOwn(schemas, name))).toEqual([]);
  });

  test('gives every operation an id of its own, its tag, its scope and its parameters', () => {
    const operations = describedOperations(routes);
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length);
    for (const { path, parameters, summary } of operations) {
      const inPath = parameters.filter(({ place }) => place === 'path').map(({ name }) => `{${name}}`);
      expect([...(path.match(/\{\w+\}/g) ?? [])]).toEqual(inPath);
      expect(summary).toMatch(/^[A-Z].{3,100}$/);
    }
  });

  test('tells every operation how it is refused, in the words of its protocol', () => {
    for (const { responses, scope, path } of describedOperations(routes)) {
      const statuses = responses.map(({ status }) => status);
      expect(statuses).toContain(403);
      expect(statuses.includes(401)).toBe(scope !== 'public');
      // Nobody may count on a mistake of Flow's own.
      expect(statuses).not.toContain(FAULTS.internal.status);
      const refusal = responses.find(({ status }) => status === 403)?.schema;
      if (path.startsWith('/v1/messages')) expect(refusal).toEqual({ $ref: '#/components/schemas/AnthropicError' });
      if (path === '/api/models') expect(refusal).toEqual({ $ref: '#/components/schemas/Error' });
    }
  });

  test('names no place of this machine', () => {
    expect(JSON.stringify(made())).not.toContain(folder);
  });
});
