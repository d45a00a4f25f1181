/**
 * A model hub on loopback, real to the wire: search with filters and pages, what a model is, its tree with digests, and
 * files that large ones are redirected to a second host for. It misbehaves on request.
 */
import { type ContentAsked, type ContentFault, type ContentHost, contentHost } from './fake-hub-content.ts';

export type FakeFile = {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Kept by digest and served by the second host, as the hub does with weights; guessed from the name when absent. */
  readonly isLarge?: boolean;
  /** Instead of the true digest. */
  readonly digest?: string;
};

export type FakeRepository = {
  readonly id: string;
  readonly files?: readonly FakeFile[];
  readonly tags?: readonly string[];
  readonly downloads?: number;
  readonly likes?: number;
  readonly task?: string;
  readonly library?: string;
  readonly gated?: 'auto' | 'manual';
  /** Whether the account of the token accepted the licence; true when absent. */
  readonly isAccepted?: boolean;
  readonly isPrivate?: boolean;
  readonly card?: Readonly<Record<string, unknown>>;
  readonly updatedAt?: string;
};

/** What the hub itself does wrong, instead of its answer. */
export type HubTrouble =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Answers this as JSON, whatever was asked. */
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'hang' };

export type FakeHub = AsyncDisposable & {
  readonly url: string;
  /** Origin of the second host. */
  readonly contentOrigin: string;
  /** The one token that the hub takes. */
  readonly token: string;
  /** Paths with queries that the hub was asked for, and whether the token was shown, in order. */
  readonly asked: readonly {
    readonly path: string;
    readonly authorization: string | null;
    readonly range: string | null;
  }[];
  readonly contentAsked: readonly ContentAsked[];
  /** Puts a repository there, or another in its place. */
  put(repository: FakeRepository): void;
  /** The next `times` requests whose path holds `path` go wrong (default: all of them). */
  trouble(path: string, trouble: HubTrouble, times?: number): void;
  /** The same for the bytes of large files. */
  spoil(path: string, fault: ContentFault, times?: number): void;
  /** Everything works again. */
  recover(): void;
};

type Planned<What> = { readonly path: string; readonly what: What; left: number };

const TOKEN = 'hf_fakeHubTokenForTests0123456789';
const TREE_PAGE = 50;

export const sha256Of = (bytes: Uint8Array): string => new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
/** The commit that a repository of the fake hub is at: it changes with its files. */
export const commitOf = ({ id, files = [] }: FakeRepository): string =>
  new Bun.CryptoHasher('sha1').update(id + files.map(({ path, bytes }) => path + sha256Of(bytes)).join()).digest('hex');

/** Starts both hosts on free ports. */
export async function startFakeHub(repositories: readonly FakeRepository[] = []): Promise<FakeHub> {
  const known = new Map(repositories.map((repository) => [repository.id, repository]));
  const troubles: Planned<HubTrouble>[] = [];
  const faults: Planned<ContentFault>[] = [];
  const asked: { path: string; authorization: string | null; range: string | null }[] = [];
  const content: ContentHost = await contentHost(
    (path) => contentAt(known, path),
    (path) => take(faults, path),
  );
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    idleTimeout: 60,
    fetch(request) {
      const url = new URL(request.url);
      const path = decodeURIComponent(url.pathname) + url.search;
      const { headers } = request;
      asked.push({ path, authorization: headers.get('authorization'), range: headers.get('range') });
      const trouble = take(troubles, path);
      return trouble ? misbehave(trouble) : route(request, url, known, content.origin);
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    contentOrigin: content.origin,
    token: TOKEN,
    asked,
    contentAsked: content.asked,
    put: (repository) => void known.set(repository.id, repository),
    trouble: (path, what, left = Number.POSITIVE_INFINITY) => void troubles.push({ path, what, left }),
    spoil: (path, what, left = Number.POSITIVE_INFINITY) => void faults.push({ path, what, left }),
    recover() {
      troubles.length = 0;
      faults.length = 0;
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true);
      await content.close();
    },
  };
}

function take<What>(planned: Planned<What>[], path: string): What | null {
  const found = planned.find((plan) => plan.left > 0 && path.includes(plan.path));
  if (!found) return null;
  found.left -= 1;
  return found.what;
}

function misbehave(trouble: HubTrouble): Response | Promise<Response> {
  switch (trouble.kind) {
    case 'status':
      return new Response(trouble.body ?? JSON.stringify({ error: 'as the test wants it' }), {
        status: trouble.status,
        headers: { 'content-type': 'application/json', ...trouble.headers },
      });
    case 'json':
      return Response.json(trouble.value);
    case 'redirect':
      return new Response(null, { status: 302, headers: { location: trouble.location } });
    case 'hang':
      return new Promise<Response>(() => {});
  }
}

function route(request: Request, url: URL, known: Map<string, FakeRepository>, contentOrigin: string): Response {
  const given = request.headers.get('authorization');
  if (given !== null && given !== `Bearer ${TOKEN}`) {
    return refused(401, null, 'Invalid credentials in Authorization header');
  }
  const isKnown = given !== null;
  if (url.pathname === '/api/models') return search(url, [...known.values()], isKnown);
  const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
  const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
  const id = api?.[1] ?? resolve?.[1];
  const repository = id === undefined ? undefined : known.get(id);
  if (!repository || (repository.isPrivate && !isKnown)) {
    return isKnown
      ? refused(404, 'RepoNotFound', 'Repository not found')
      : refused(401, null, 'Invalid username or password.');
  }
  const revision = decodeURIComponent(api?.[3] ?? resolve?.[2] ?? '');
  if (!['main', 'HEAD', commitOf(repository)].includes(revision)) {
    return refused(404, 'RevisionNotFound', 'Invalid rev id');
  }
  if (api?.[2] === 'revision') return Response.json(info(repository));
  if (api) return tree(url, repository);
  return file(request, repository, decodeURIComponent(resolve?.[3] ?? ''), contentOrigin, isKnown);
}

function refused(status: number, code: string | null, message: string): Response {
  const headers = { 'x-error-message': message, ...(code === null ? {} : { 'x-error-code': code }) };
  return Response.json({ error: message }, { status, headers });
}

const SORT_FIELDS: Readonly<Record<string, (repository: FakeRepository) => number>> = {
  downloads: ({ downloads = 0 }) => downloads,
  likes: ({ likes = 0 }) => likes,
  trendingScore: ({ likes = 0 }) => likes,
  lastModified: ({ updatedAt = '2026-01-01' }) => Date.parse(updatedAt),
  createdAt: () => 0,
};

function search(url: URL, all: readonly FakeRepository[], isKnown: boolean): Response {
  const query = url.searchParams;
  const text = query.get('search')?.toLowerCase() ?? '';
  const filters = query.getAll('filter');
  const value = SORT_FIELDS[query.get('sort') ?? 'downloads'] ?? (() => 0);
  const found = all
    .filter(({ isPrivate }) => isKnown || !isPrivate)
    .filter(({ id }) => id.toLowerCase().includes(text))
    .filter(({ id }) => query.get('author') === null || id.startsWith(`${query.get('author')}/`))
    .filter(({ task }) => query.get('pipeline_tag') === null || task === query.get('pipeline_tag'))
    .filter(({ tags = [] }) => filters.every((filter) => tags.includes(filter)))
    .sort((a, b) => value(b) - value(a));
  return paged(url, found.map(info), Number(query.get('limit') ?? '20'));
}

function info(repository: FakeRepository): Record<string, unknown> {
  const { id, tags = [], downloads = 0, likes = 0, gated = false, files = [], card = {} } = repository;
  return {
    _id: new Bun.CryptoHasher('md5').update(id).digest('hex').slice(0, 24),
    id,
    author: id.split('/')[0],
    downloads,
    likes,
    tags,
    gated,
    private: repository.isPrivate ?? false,
    sha: commitOf(repository),
    pipeline_tag: repository.task,
    library_name: repository.library,
    createdAt: '2025-11-01T00:00:00.000Z',
    lastModified: repository.updatedAt ?? '2026-01-01T00:00:00.000Z',
    cardData: card,
    siblings: files.map(({ path }) => ({ rfilename: path })),
  };
}

function tree(url: URL, { files = [] }: FakeRepository): Response {
  const folders = new Set(
    files.flatMap(({ path }) => (path.includes('/') ? [path.slice(0, path.lastIndexOf('/'))] : [])),
  );
  const entries = [
    ...[...folders].map((path) => ({ type: 'directory', oid: 'f'.repeat(40), size: 0, path })),
    ...files.map((held) => {
      const { path, bytes } = held;
      // Of a file that is kept by digest it is the name of a pointer to it.
      const oid = isLarge(held) ? gitIdOf(Buffer.from(path)) : (held.digest ?? gitIdOf(bytes));
      const lfs = { oid: held.digest ?? sha256Of(bytes), size: bytes.length, pointerSize: 135 };
      return { type: 'file', oid, size: bytes.length, path, ...(isLarge(held) ? { lfs, xetHash: lfs.oid } : {}) };
    }),
  ];
  return paged(url, entries, TREE_PAGE);
}

/** What git calls a content. */
function gitIdOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** A page, and where the next one is, as a link to this very host. */
function paged(url: URL, all: readonly unknown[], size: number): Response {
  const from = Number(Buffer.from(url.searchParams.get('cursor') ?? '', 'base64url').toString() || '0');
  const next = new URL(url);
  next.searchParams.set('cursor', Buffer.from(String(from + size)).toString('base64url'));
  const link = from + size < all.length ? { link: `<${next.href}>; rel="next"` } : {};
  return Response.json(all.slice(from, from + size), { headers: link });
}

function file(request: Request, repository: FakeRepository, path: string, contentOrigin: string, isKnown: boolean) {
  const { id, gated, isAccepted = true, files = [] } = repository;
  if (gated && !isKnown) {
    return refused(401, 'GatedRepo', `Access to model ${id} is restricted. You must be authenticated to access it.`);
  }
  if (gated && !isAccepted) return refused(403, 'GatedRepo', `Access to model ${id} is restricted.`);
  const held = files.find((candidate) => candidate.path === path);
  if (!held) return refused(404, 'EntryNotFound', 'Entry not found');
  const { bytes } = held;
  const commit = { 'x-repo-commit': commitOf(repository), 'accept-ranges': 'bytes' };
  if (isLarge(held)) {
    const etag = held.digest ?? sha256Of(bytes);
    const location = `${contentOrigin}/${id}/${path.split('/').map(encodeURIComponent).join('/')}?signature=abc`;
    const headers = { ...commit, location, 'x-linked-etag': `"${etag}"`, 'x-linked-size': String(bytes.length) };
    return new Response(null, { status: 302, headers });
  }
  const etag = `"${new Bun.CryptoHasher('sha1').update(bytes).digest('hex')}"`;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get('range') ?? '');
  if (!range) return new Response(Buffer.from(bytes), { headers: { ...commit, etag } });
  const from = Number(range[1]);
  const to = Math.min(range[2] ? Number(range[2]) : bytes.length - 1, bytes.length - 1);
  const all = `bytes */${bytes.length}`;
  if (from >= bytes.length) return new Response(null, { status: 416, headers: { 'content-range': all } });
  const headers = { ...commit, etag, 'content-range': `bytes ${from}-${to}/${bytes.length}` };
  return new Response(Buffer.from(bytes.slice(from, to + 1)), { status: 206, headers });
}

function isLarge({ path, isLarge: isSaid }: FakeFile): boolean {
  return isSaid ?? /\.(?:gguf|safetensors|bin|pt)$/.test(path);
}

function contentAt(known: Map<string, FakeRepository>, path: string): Uint8Array | null {
  const [, owner, name, ...rest] = path.split('/');
  return known.get(`${owner}/${name}`)?.files?.find((held) => held.path === rest.join('/'))?.bytes ?? null;
}
