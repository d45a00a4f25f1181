/** The hub, asked through its own library for lists, and directly for the bytes of files. */
import { Fault } from '#src/faults.ts';
import type { Hub, HubBody, HubFile, HubFileName, HubPage, HubQuery, HubRange, HubRepository, HubSort } from './hub.ts';
import { askHub, fetchDocument, type HubAccess } from './hub-request.ts';
import { checkRepositoryId, checkRevision, encodedFilePath } from './names.ts';
import { readFile, readModel, readRepository } from './read-answers.ts';

/** The largest repositories of models have some hundred; data sets have more. */
const FILES_MAX = 20_000;
/** A list of more pages than this, or one that leads round in a circle, is given up. */
const PAGES_MAX = 400;
const CURSOR = /^[A-Za-z0-9+/=_.:%-]{1,2000}$/;
const SORTS = {
  downloads: 'downloads',
  likes: 'likes',
  trending: 'trendingScore',
  updated: 'lastModified',
  created: 'createdAt',
} as const satisfies Record<HubSort, string>;
const FIELDS = ['author', 'tags', 'createdAt', 'library_name'] as const;

/** Asks the hub each time; `CachedHub` remembers. */
export class HubClient implements Hub {
  readonly #access: HubAccess;

  constructor(access: HubAccess) {
    this.#access = access;
  }

  async search(query: HubQuery, signal: AbortSignal): Promise<HubPage> {
    if (query.cursor !== null && !CURSOR.test(query.cursor)) {
      throw new Fault('invalid-request', 'The cursor is not one that a page of results gave.');
    }
    // The library pages by itself, but cannot begin in the middle: the cursor is put in, and the next one read, here.
    let nextCursor: string | null = null;
    const ask = this.#fetchFor(null, signal, {
      change: (url) => {
        // A page shorter than asked for has a successor that the library goes on to by itself.
        if (query.cursor !== null && !url.searchParams.has('cursor')) url.searchParams.set('cursor', query.cursor);
      },
      look: (headers) => {
        nextCursor = cursorOf(headers.get('link'));
      },
    });
    const models = await this.#listed(async ({ listModels }) => {
      const listed = listModels({
        search: {
          ...(query.text === '' ? {} : { query: query.text }),
          ...(query.author === null ? {} : { owner: query.author }),
          tags: [...(query.format === null ? [] : [query.format]), ...query.tags],
        },
        sort: SORTS[query.sort],
        limit: query.limit,
        additionalFields: [...FIELDS],
        hubUrl: this.#access.hubUrl(),
        fetch: query.task === null ? ask : withTask(ask, query.task),
      });
      return (await Array.fromAsync(listed)).map(readModel);
    });
    return { models, nextCursor: models.length < query.limit ? null : nextCursor };
  }

  async repository(id: string, signal: AbortSignal): Promise<HubRepository> {
    const name = checkRepositoryId(id);
    return this.#listed(async ({ modelInfo }) => {
      const additionalFields = [...FIELDS, 'sha' as const, 'cardData' as const];
      const fetch = this.#fetchFor(id, signal, {});
      return readRepository(await modelInfo({ name, additionalFields, hubUrl: this.#access.hubUrl(), fetch }));
    });
  }

  async files(id: string, revision: string, signal: AbortSignal): Promise<readonly HubFile[]> {
    const repo = { type: 'model' as const, name: checkRepositoryId(id) };
    const encoded = encodeURIComponent(checkRevision(revision));
    return this.#listed(async ({ listFiles }) => {
      const fetch = this.#fetchFor(id, signal, {});
      const hubUrl = this.#access.hubUrl();
      const files: HubFile[] = [];
      for await (const entry of listFiles({ repo, recursive: true, revision: encoded, hubUrl, fetch })) {
        if (entry.type === 'file') files.push(readFile(entry));
        if (files.length > FILES_MAX) throw new Fault('hub-broken', `${id} has more than ${FILES_MAX} files.`);
      }
      return files;
    });
  }

  async open({ repository, revision, path }: HubFileName, range: HubRange, signal: AbortSignal): Promise<HubBody> {
    const place = `${checkRepositoryId(repository)}/resolve/${encodeURIComponent(checkRevision(revision))}`;
    const isWhole = range.fromByte === 0 && range.toByte === null;
    const { response, passed } = await askHub(this.#access, {
      url: `${this.#access.hubUrl()}/${place}/${encodedFilePath(path)}`,
      accept: '*/*',
      repository,
      range: isWhole ? null : `bytes=${range.fromByte}-${range.toByte ?? ''}`,
      signal,
    });
    const said = (name: string) =>
      passed.map((headers) => headers.get(name)).find((value) => value !== null && value !== undefined) ?? null;
    const etag = said('x-linked-etag') ?? response.headers.get('x-linked-etag') ?? response.headers.get('etag');
    return {
      ...placeOf(response, range, Number(said('x-linked-size') ?? response.headers.get('x-linked-size') ?? Number.NaN)),
      etag: etag?.replace(/^W\/|"/g, '') ?? null,
      body: response.body ?? new Blob([]).stream(),
    };
  }

  /** Imported on the first question: it takes 20 MB and 20 ms that a start has no use for (measured). */
  async #listed<Value>(ask: (library: typeof import('@huggingface/hub')) => Promise<Value>): Promise<Value> {
    try {
      return await ask(await import('@huggingface/hub'));
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      throw new Fault('hub-broken', `${new URL(this.#access.hubUrl()).host} answered what Flow cannot read.`, {
        cause,
      });
    }
  }

  #fetchFor(repository: string | null, signal: AbortSignal, { change, look }: Hooks): typeof fetch {
    let pages = 0;
    const ask = async (input: string | URL | Request): Promise<Response> => {
      pages += 1;
      if (pages > PAGES_MAX) throw new Fault('hub-broken', "The hub's list has no end.");
      const url = new URL(input instanceof Request ? input.url : input);
      // The library goes on to whatever address the answer names as its next page.
      if (url.origin !== new URL(this.#access.hubUrl()).origin) {
        throw new Fault('hub-broken', `The hub's list goes on at ${url.host}, where Flow does not go.`);
      }
      change?.(url);
      const request = { url: url.href, accept: 'application/json', repository, range: null, signal };
      const { text, headers } = await fetchDocument(this.#access, request);
      look?.(headers);
      const link = headers.get('link');
      return new Response(text, { headers: link === null ? {} : { link } });
    };
    return Object.assign(ask, { preconnect: () => {} });
  }
}

type Hooks = { readonly change?: (url: URL) => void; readonly look?: (headers: Headers) => void };

/** Tasks beyond the library's list are tasks too. */
function withTask(ask: typeof fetch, task: string): typeof fetch {
  const withIt = (input: string | URL | Request): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    url.searchParams.set('pipeline_tag', task);
    return ask(url);
  };
  return Object.assign(withIt, { preconnect: () => {} });
}

/** The next page's cursor out of a Link header; null when this was the last page. */
function cursorOf(link: string | null): string | null {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link ?? '')?.[1];
  const cursor = next === undefined ? null : (URL.parse(next)?.searchParams.get('cursor') ?? null);
  return cursor !== null && CURSOR.test(cursor) ? cursor : null;
}

/** Which part of the file an answer holds. Throws Fault('hub-broken') when it is another than was asked for. */
function placeOf(response: Response, range: HubRange, linkedBytes: number): Omit<HubBody, 'etag' | 'body'> {
  const linked = Number.isSafeInteger(linkedBytes) && linkedBytes >= 0 ? linkedBytes : null;
  const contentRange = response.headers.get('content-range') ?? '';
  if (response.status === 416) {
    const total = /^bytes \*\/(\d+)$/.exec(contentRange)?.[1];
    return { status: 416, fromByte: range.fromByte, totalBytes: total === undefined ? linked : Number(total) };
  }
  if (response.status !== 206) {
    const length = response.headers.get('content-length');
    return { status: 200, fromByte: 0, totalBytes: linked ?? (length === null ? null : Number(length)) };
  }
  const part = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange);
  const [fromByte, toByte] = [Number(part?.[1]), Number(part?.[2])];
  if (fromByte !== range.fromByte || toByte < fromByte || (range.toByte !== null && toByte > range.toByte)) {
    void response.body?.cancel().catch(() => {});
    throw new Fault('hub-broken', `The hub sent another part of the file than byte ${range.fromByte} onwards.`);
  }
  return { status: 206, fromByte, totalBytes: part?.[3] === '*' ? linked : Number(part?.[3]) };
}
