/**
 * The description of Flow's HTTP API, as OpenAPI 3.1: what each route declares (access, schemas) and what the catalogue
 * says of it. Pure, and the same for the same routes, whatever their order.
 */
import type { Access } from '#src/access.ts';
import { assert } from '#src/assert.ts';
import type { FaultKind } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { CATALOGUE } from './catalogue/catalogue.ts';
import { COMPONENT_SHAPES } from './components.ts';
import { errorComponent, expectedFaults } from './expected-faults.ts';
import { type Answer, type Operation, TAGS, type Tag } from './operation.ts';
import { published } from './schema-text.ts';
import { schemaOf } from './shape.ts';

/** A route as the guard's table lists it. */
export type ApiRoute = {
  readonly method: string;
  readonly path: string;
  readonly access: Access;
  readonly schemas: { readonly body: JsonObject | null; readonly query: JsonObject | null };
};

/** One operation, with all that is known of it. */
export type DescribedOperation = {
  readonly id: string;
  readonly tag: Tag;
  /** In lower case, as OpenAPI has it. */
  readonly method: string;
  readonly path: string;
  readonly scope: Access['scope'];
  readonly bodyBytesMax: number;
  readonly isEndless: boolean;
  readonly summary: string;
  readonly about: string | null;
  readonly parameters: readonly Parameter[];
  readonly body: { readonly schema: JsonObject; readonly isRequired: boolean } | null;
  readonly responses: readonly DescribedResponse[];
};

/** All that is described: the operations, and by name the schemas that they share. */
export type DescribedApi = { readonly operations: readonly DescribedOperation[]; readonly schemas: JsonObject };

export type Parameter = {
  readonly name: string;
  readonly place: 'path' | 'query';
  readonly isRequired: boolean;
  readonly about: string | null;
  readonly schema: JsonObject;
};

export type DescribedResponse = {
  readonly status: number;
  readonly about: string;
  /** Null where there is no JSON. */
  readonly schema: JsonObject | null;
  readonly other: readonly string[];
};

/** Where callers of a public route stand: nobody asks them for a key. */
const SECURITY = [{ bearer: [] }, { xApiKey: [] }] as const;
const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key of this Flow; not asked for while it has none.' },
  xApiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
} as const;

/** Whether a route is one of those that are described: no page, no file, nothing that only a form sends. */
export function isDescribed({ path, access }: Pick<ApiRoute, 'path' | 'access'>): boolean {
  if (access.scope === 'page') return false;
  return access.scope !== 'public' || path === '/health' || path === '/ready';
}

/** The name of a route in the catalogue. */
export function routeName({ method, path }: Pick<ApiRoute, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

/** The same for as long as the routes are; to be made once: some 15 ms of work. */
export function describedApi(routes: readonly ApiRoute[]): DescribedApi {
  return { operations: describedOperations(routes), schemas: componentSchemas() };
}

/** Every operation that the catalogue knows and the routes have, in the catalogue's order. */
export function describedOperations(routes: readonly ApiRoute[]): readonly DescribedOperation[] {
  const byName = new Map(routes.map((route) => [routeName(route), route]));
  return CATALOGUE.flatMap(({ tag, operations }) =>
    operations.flatMap((operation) => {
      const route = byName.get(operation.route);
      return route ? [described(tag, operation, route)] : [];
    }),
  );
}

/** The document. `version` is Flow's own. */
export function openApiDocument(routes: readonly ApiRoute[], version: string): JsonObject {
  const { operations, schemas } = describedApi(routes);
  const paths = new Map<string, Record<string, unknown>>();
  for (const operation of operations) {
    const methods = paths.get(operation.path) ?? {};
    assert(methods[operation.method] === undefined, `one description of ${operation.method} ${operation.path}`);
    methods[operation.method] = operationObject(operation);
    paths.set(operation.path, methods);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Flow',
      version,
      description: 'A local gateway between coding agents and models. Unknown fields in answers may be added any time.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: TAGS.map(({ name, about }) => ({ name, description: about })),
    paths: Object.fromEntries(paths),
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
  };
}

/** The shared schemas by name. */
function componentSchemas(): JsonObject {
  return Object.fromEntries(Object.entries(COMPONENT_SHAPES).map(([name, shape]) => [name, published(shape)]));
}

function described(tag: Tag, operation: Operation, route: ApiRoute): DescribedOperation {
  const path = operation.path ?? route.path.replace(/:(\w+)/g, '{$1}');
  assert(!path.includes('*'), `a path without a star for ${operation.route}`);
  // A handshake is a GET; what is then spoken is beyond OpenAPI.
  const method = route.method === 'WS' ? 'get' : route.method.toLowerCase();
  const parameters = [...pathParameters(path, operation), ...queryParameters(operation, route)];
  const body = bodyOf(operation, route);
  const takesInput = body !== null || parameters.length > 0;
  const faults = expectedFaults({
    method: method.toUpperCase(),
    path,
    access: route.access,
    tag,
    takesInput,
    operation,
  });
  return {
    id: `${method}${path.replace(/[^A-Za-z0-9]+/g, '_').replace(/_$/, '')}`,
    tag,
    method,
    path,
    scope: route.access.scope,
    bodyBytesMax: route.access.bodyBytesMax,
    isEndless: operation.isEndless ?? false,
    summary: operation.summary,
    about: operation.about ?? null,
    parameters,
    body,
    responses: responsesOf(operation.answers, faults, errorComponent(tag, path)),
  };
}

function pathParameters(path: string, { parameters }: Operation): readonly Parameter[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => {
    const schema = { type: 'string', minLength: 1 };
    return { name, place: 'path', isRequired: true, about: parameters?.[name] ?? null, schema };
  });
}

function queryParameters({ query }: Operation, { schemas }: ApiRoute): readonly Parameter[] {
  const schema = published(query ?? schemas.query ?? {});
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(isObject(schema.properties) ? schema.properties : {}).map(([name, each]) => {
    const isRequired = required.includes(name);
    return { name, place: 'query', isRequired, about: null, schema: isObject(each) ? each : {} };
  });
}

function bodyOf({ body, isBodyOptional }: Operation, { schemas }: ApiRoute): DescribedOperation['body'] {
  const shape = body ?? schemas.body;
  if (shape === null) return null;
  return { schema: published(shape), isRequired: !isBodyOptional };
}

function responsesOf(
  answers: Readonly<Record<number, Answer>>,
  faults: ReadonlyMap<number, readonly FaultKind[]>,
  component: string,
): readonly DescribedResponse[] {
  const successes = Object.entries(answers).map(([status, { about, json, other }]) => ({
    status: Number(status),
    about: about ?? 'As asked.',
    schema: json === undefined ? null : published(json),
    other: other ?? [],
  }));
  const known = new Set(successes.map(({ status }) => status));
  const refusals = [...faults].flatMap(([status, kinds]) => {
    if (known.has(status)) return [];
    return [{ status, about: `${kinds.join(', ')}.`, schema: schemaOf(component), other: [] }];
  });
  return [...successes, ...refusals].sort((one, other) => one.status - other.status);
}

function operationObject(operation: DescribedOperation): JsonObject {
  const { id, tag, scope, bodyBytesMax, isEndless, summary, about, parameters, body, responses } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(about === null ? {} : { description: about }),
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(parameterObject) }),
    ...(body === null
      ? {}
      : { requestBody: { required: body.isRequired, content: { 'application/json': { schema: body.schema } } } }),
    responses: Object.fromEntries(responses.map((response) => [response.status, responseObject(response)])),
    security: scope === 'public' ? [] : SECURITY,
    'x-flow-scope': scope,
    ...(body === null ? {} : { 'x-flow-body-bytes-max': bodyBytesMax }),
    ...(isEndless ? { 'x-flow-endless': true } : {}),
  };
}

function parameterObject({ name, place, isRequired, about, schema }: Parameter): JsonObject {
  return { name, in: place, required: isRequired, ...(about === null ? {} : { description: about }), schema };
}

function responseObject({ about, schema, other }: DescribedResponse): JsonObject {
  const json = schema === null ? [] : [['application/json', { schema }] as const];
  const content = [...json, ...other.map((type) => [type, {}] as const)];
  return { description: about, ...(content.length === 0 ? {} : { content: Object.fromEntries(content) }) };
}
