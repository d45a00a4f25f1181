/**
 * Every route and what it demands, read from the application itself: what is not in the table does not exist, and a
 * route without a declaration is refused at start. It finds as Elysia's router does: exact before parameter before
 * rest.
 */
import type { Access, Scope } from '#src/access.ts';
import { assert } from '#src/assert.ts';
import { isObject, type JsonObject, numberOrNull } from '#src/json.ts';

/** One route as Elysia lists it. */
export type ListedRoute = { readonly method: string; readonly path: string; readonly hooks: unknown };

/** What the table knows of a path: the declaration for this method, or the methods that the path has. */
export type Finding =
  | { readonly kind: 'found'; readonly access: Access; readonly path: string }
  | { readonly kind: 'wrong-method'; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' };

/** What Elysia checks of a request, as JSON Schema; null = nothing. */
export type RouteSchemas = {
  readonly body: JsonObject | null;
  readonly query: JsonObject | null;
  readonly params: JsonObject | null;
};

export type DeclaredRoute = {
  readonly method: string;
  readonly path: string;
  readonly access: Access;
  readonly schemas: RouteSchemas;
};

type Methods = Map<string, DeclaredRoute>;
type Node = { readonly exact: Map<string, Node>; param: Node | null; rest: Methods | null; methods: Methods };

const EVERY_METHOD = 'ALL';
/** Elysia's own name for a WebSocket route. */
const SOCKET_METHOD = 'WS';

/** The routes of an application, by path and method. */
export class RouteTable {
  readonly routes: readonly DeclaredRoute[];
  readonly #exact = new Map<string, Methods>();
  readonly #root: Node = emptyNode();

  /** Throws when a route carries no declaration: that is a mistake in Flow, so it must not start. */
  constructor(listed: readonly ListedRoute[]) {
    this.routes = listed.map(declared);
    for (const route of this.routes) this.#add(route);
  }

  /** Finds a path (without query) for a method. `HEAD` finds what `GET` finds. */
  find(method: string, path: string): Finding {
    const exact = this.#exact.get(path);
    const exactRoute = exact && routeFor(exact, method);
    if (exactRoute) return found(exactRoute);
    const open = descend(this.#root, path.split('/').slice(1), 0, method);
    const openRoute = open && routeFor(open, method);
    if (openRoute) return found(openRoute);
    const methods = exact ?? open;
    return methods ? { kind: 'wrong-method', allow: allowOf(methods) } : { kind: 'unknown' };
  }

  #add(route: DeclaredRoute): void {
    if (!route.path.includes(':') && !route.path.endsWith('*')) {
      // Elysia answers with and without a slash at the end.
      for (const path of [route.path, loose(route.path)]) addTo(this.#exact, path, route);
      return;
    }
    let node = this.#root;
    const segments = route.path.split('/').slice(1);
    for (const segment of segments) {
      if (segment === '*') {
        node.rest ??= new Map();
        node.rest.set(route.method, route);
        return;
      }
      node = segment.startsWith(':') ? paramOf(node) : exactOf(node, segment);
    }
    node.methods.set(route.method, route);
  }
}

function found(route: DeclaredRoute): Finding {
  return { kind: 'found', access: route.access, path: route.path };
}

function declared(route: ListedRoute): DeclaredRoute {
  const access = accessOf(route.hooks);
  assert(access !== null, `an access declaration on ${route.method} ${route.path}`);
  assert(!route.path.includes('?'), `no optional parameter in ${route.path}`);
  return { method: route.method, path: route.path, access, schemas: schemasOf(route.hooks) };
}

function schemasOf(hooks: unknown): RouteSchemas {
  const given: JsonObject = isObject(hooks) ? hooks : {};
  const schema = (value: unknown): JsonObject | null => (isObject(value) ? value : null);
  return { body: schema(given.body), query: schema(given.query), params: schema(given.params) };
}

function accessOf(hooks: unknown): Access | null {
  const detail = isObject(hooks) && isObject(hooks.detail) ? hooks.detail : null;
  const access = detail && isObject(detail.access) ? detail.access : null;
  const scope = scopeOf(access?.scope);
  const bodyBytesMax = numberOrNull(access?.bodyBytesMax);
  return scope === null || bodyBytesMax === null ? null : { scope, bodyBytesMax };
}

function scopeOf(value: unknown): Scope | null {
  switch (value) {
    case 'public':
    case 'page':
    case 'read':
    case 'infer':
    case 'manage':
      return value;
    default:
      return null;
  }
}

function descend(node: Node, segments: readonly string[], depth: number, method: string): Methods | null {
  const segment = segments[depth];
  if (segment === undefined) return node.methods.size > 0 ? node.methods : null;
  const next = node.exact.get(segment);
  const exact = next ? descend(next, segments, depth + 1, method) : null;
  if (exact && routeFor(exact, method)) return exact;
  const param = node.param && segment !== '' ? descend(node.param, segments, depth + 1, method) : null;
  if (param && routeFor(param, method)) return param;
  if (node.rest && routeFor(node.rest, method)) return node.rest;
  return exact ?? param ?? node.rest;
}

function routeFor(methods: Methods, method: string): DeclaredRoute | null {
  const own = methods.get(method) ?? (method === 'HEAD' ? methods.get('GET') : undefined);
  return own ?? methods.get(EVERY_METHOD) ?? null;
}

function allowOf(methods: Methods): readonly string[] {
  const names = new Set([...methods.keys()].map((name) => (name === SOCKET_METHOD ? 'GET' : name)));
  if (names.has('GET')) names.add('HEAD');
  return [...names.add('OPTIONS')].sort();
}

function addTo(paths: Map<string, Methods>, path: string, route: DeclaredRoute): void {
  const methods = paths.get(path) ?? new Map();
  if (!methods.has(route.method)) methods.set(route.method, route);
  paths.set(path, methods);
}

function loose(path: string): string {
  if (path === '/') return path;
  return path.endsWith('/') ? path.slice(0, -1) : `${path}/`;
}

function emptyNode(): Node {
  return { exact: new Map(), param: null, rest: null, methods: new Map() };
}

function exactOf(node: Node, segment: string): Node {
  const next = node.exact.get(segment) ?? emptyNode();
  node.exact.set(segment, next);
  return next;
}

function paramOf(node: Node): Node {
  node.param ??= emptyNode();
  return node.param;
}
