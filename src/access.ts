/**
 * What a route demands of its caller. Each route carries one declaration; a route without one is refused at start and
 * in the tests.
 */

/**
 * `public`: anyone who reaches us. `page`: the dashboard. `read`: looks. `infer`: asks a model. `manage`: changes
 * something.
 */
export type Scope = 'public' | 'page' | 'read' | 'infer' | 'manage';

export type Access = {
  readonly scope: Scope;
  /** Largest request body, in bytes. */
  readonly bodyBytesMax: number;
};

const SMALL_BODY_BYTES_MAX = 1 << 20;
/** `hide` is never set: it only lets the compiler see that this is one of Elysia's details. */
type RouteDetail = { detail: { access: Access; hide?: boolean } };

/** A 100 MB image is 133 MB of base64. */
export const LARGE_BODY_BYTES_MAX = 256 << 20;

/**
 * The declaration, as the third argument of an Elysia route: `.get('/api/logs', handler, access('read'))`,
 * or spread into it beside a schema: `{ ...access('manage'), body: LoadBody }`.
 */
export function access(scope: Scope, bodyBytesMax = SMALL_BODY_BYTES_MAX): RouteDetail {
  return { detail: { access: { scope, bodyBytesMax } } };
}

/** Methods that only look. */
const LOOKING: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/**
 * Whether somebody with these scopes may use a route. Who may `manage` may `read`; who may `read` may look at what
 * inference left behind and at every page, but press nothing there.
 */
export function isWithin(scopes: readonly Scope[], demanded: Scope, method: string): boolean {
  const may = (scope: Scope): boolean => scopes.includes(scope);
  const mayRead = may('read') || may('manage');
  switch (demanded) {
    case 'public':
      return true;
    case 'infer':
      return may('infer') || (mayRead && LOOKING.has(method));
    case 'read':
      return mayRead;
    case 'page':
      return LOOKING.has(method) ? mayRead : may('manage');
    case 'manage':
      return may('manage');
  }
}
