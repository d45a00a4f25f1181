// The client against a real hub on loopback: what it asks, what it shows to whom, and how refusals are told apart.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { systemClock } from '#src/clock.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { HubQuery } from '#src/hub/hub.ts';
import { HubClient } from '#src/hub/hub-client.ts';
import { commitOf, type FakeHub, type FakeRepository, sha256Of, startFakeHub } from '#test/support/fake-hub.ts';

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 7) % 251);
const weights = bytes(200_000);
const PLAIN: FakeRepository = {
  id: 'maker/plain-GGUF',
  tags: ['gguf', 'license:mit', 'base_model:maker/plain', 'base_model:quantized:maker/plain'],
  downloads: 30,
  card: { license: 'mit', language: ['en', 'de'] },
  files: [
    { path: 'plain-Q4_K_M.gguf', bytes: weights },
    { path: 'deep/er/config.json', bytes: bytes(20) },
    ...Array.from({ length: 120 }, (_, index) => ({ path: `notes/${index}.txt`, bytes: bytes(index) })),
  ],
};
const GATED: FakeRepository = { id: 'maker/gated', gated: 'auto', files: [{ path: 'a.gguf', bytes: weights }] };
const CLOSED: FakeRepository = { ...GATED, id: 'maker/closed', isAccepted: false };
const SECRET: FakeRepository = { id: 'maker/secret', isPrivate: true, files: [{ path: 'a.gguf', bytes: weights }] };
const signal = new AbortController().signal;
const ANY: HubQuery = {
  text: '',
  author: null,
  format: null,
  tags: [],
  task: null,
  sort: 'downloads',
  limit: 20,
  cursor: null,
};

let hub: FakeHub;
beforeAll(async () => {
  const many = Array.from({ length: 45 }, (_, index) => ({
    id: `crowd/model-${index}`,
    tags: index % 2 ? ['gguf'] : ['mlx'],
    likes: 100 - index,
  }));
  hub = await startFakeHub([PLAIN, GATED, CLOSED, SECRET, ...many]);
});
afterEach(() => hub.recover());
afterAll(() => hub[Symbol.asyncDispose]());

const client = (token: string | null = null, hubUrl = hub.url) =>
  new HubClient({ clock: systemClock, hubUrl: () => hubUrl, tokenFor: () => token });
const faultOf = async (promise: Promise<unknown>): Promise<Fault> => {
  const cause = await promise.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  );
  if (!(cause instanceof Fault)) throw new Error(`No Fault: ${cause}`);
  return asFault(cause);
};
const open = (of: HubClient, repository: string, path: string, fromByte = 0, toByte: number | null = null) =>
  of.open({ repository, revision: 'main', path }, { fromByte, toByte }, signal);

describe('a search', () => {
  test('goes on where the page before ended, and ends', async () => {
    const ids: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page = await client().search({ ...ANY, text: 'model-', limit: 20, cursor }, signal);
      ids.push(...page.models.map(({ id }) => id));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== null && pages < 10);
    expect(pages).toBe(3);
    expect(new Set(ids).size).toBe(45);
  });

  test('filters by format, author and tags, and sorts', async () => {
    const page = await client().search({ ...ANY, format: 'gguf', author: 'crowd', sort: 'likes', limit: 2 }, signal);
    expect(page.models.map(({ id }) => id)).toEqual(['crowd/model-1', 'crowd/model-3']);
    const tagged = await client().search({ ...ANY, tags: ['license:mit'] }, signal);
    expect(tagged.models.map(({ id }) => id)).toEqual(['maker/plain-GGUF']);
  });

  test('with a cursor of somebody else asks nothing', async () => {
    const before = hub.asked.length;
    expect((await faultOf(client().search({ ...ANY, cursor: 'a b' }, signal))).kind).toBe('invalid-request');
    expect(hub.asked.length).toBe(before);
  });
});

describe('a repository', () => {
  test('is told with its commit, licence, languages and origin', async () => {
    const found = await client().repository(PLAIN.id, signal);
    expect(found).toMatchObject({ id: PLAIN.id, licence: 'mit', languages: ['en', 'de'], gated: false });
    expect(found.baseModels).toEqual(['maker/plain']);
    expect(found.commit).toBe(commitOf(PLAIN));
  });

  test('lists all files of all folders over several pages, with digests of large ones alone', async () => {
    const files = await client().files(PLAIN.id, 'main', signal);
    expect(files).toHaveLength(122);
    expect(files.find(({ path }) => path === 'plain-Q4_K_M.gguf')).toEqual({
      path: 'plain-Q4_K_M.gguf',
      sizeBytes: weights.length,
      sha256: sha256Of(weights),
      gitId: null,
    });
    const small = files.find(({ path }) => path === 'deep/er/config.json');
    expect(small).toMatchObject({ sha256: null, gitId: expect.stringMatching(/^[0-9a-f]{40}$/) });
  });

  test.each(['sha256:../../../etc/passwd', '', 'A'.repeat(64)])('with the digest %p is refused', async (digest) => {
    hub.put({ id: 'maker/odd', files: [{ path: 'a.gguf', bytes: weights, digest }] });
    expect((await faultOf(client().files('maker/odd', 'main', signal))).kind).toBe('hub-broken');
  });

  test.each([
    '',
    'plain',
    '../plain',
    'maker/..',
    'maker/a/b',
    'maker/a%2fb',
    'maker/a?b',
    `${'a'.repeat(97)}/b`,
    '/b',
  ])('cannot be called %p', async (id) => {
    const before = hub.asked.length;
    expect((await faultOf(client().repository(id, signal))).kind).toBe('invalid-request');
    expect((await faultOf(client().files(id, 'main', signal))).kind).toBe('invalid-request');
    expect(hub.asked.length).toBe(before);
  });
});

describe('a file', () => {
  test('S-22: comes whole from the second host, which never sees the token', async () => {
    const before = hub.contentAsked.length;
    const got = await open(client(hub.token), 'maker/gated', 'a.gguf');
    expect(got).toMatchObject({ status: 200, fromByte: 0, totalBytes: weights.length, etag: sha256Of(weights) });
    expect(sha256Of(await new Response(got.body).bytes())).toBe(sha256Of(weights));
    const asked = hub.contentAsked.slice(before);
    expect(asked).toHaveLength(1);
    expect(JSON.stringify(asked)).not.toContain(hub.token);
    expect(hub.asked.at(-1)?.authorization).toBe(`Bearer ${hub.token}`);
  });

  test('comes in parts, from both hosts', async () => {
    const part = await open(client(), PLAIN.id, 'plain-Q4_K_M.gguf', 100_000, 100_999);
    expect(part).toMatchObject({ status: 206, fromByte: 100_000, totalBytes: weights.length });
    expect(await new Response(part.body).bytes()).toEqual(weights.slice(100_000, 101_000));
    const small = await open(client(), PLAIN.id, 'deep/er/config.json', 5);
    expect(small).toMatchObject({ status: 206, fromByte: 5, totalBytes: 20 });
  });

  test('asked beyond its end is said to end', async () => {
    const got = await open(client(), PLAIN.id, 'plain-Q4_K_M.gguf', weights.length);
    expect(got).toMatchObject({ status: 416, totalBytes: weights.length });
  });

  test('that comes whole instead of in part says so; another part is refused', async () => {
    hub.spoil('plain', { kind: 'whole' }, 1);
    const whole = await open(client(), PLAIN.id, 'plain-Q4_K_M.gguf', 10);
    expect(whole).toMatchObject({ status: 200, fromByte: 0 });
    await whole.body.cancel();
    hub.spoil('plain', { kind: 'wrong-range' }, 1);
    expect((await faultOf(open(client(), PLAIN.id, 'plain-Q4_K_M.gguf', 10))).kind).toBe('hub-broken');
  });

  test.each(['../x', 'a/../../x', '..\\x', '/etc/passwd', 'a//b', 'a\0b', '', './a', 'a\nb', 'x'.repeat(1_001)])(
    'cannot be called %p',
    async (path) => {
      const before = hub.asked.length;
      expect((await faultOf(open(client(), PLAIN.id, path))).kind).toBe('invalid-request');
      expect(hub.asked.length).toBe(before);
    },
  );
});

describe('F-68: a refusal is told apart', () => {
  const token = (isRight: boolean) => (isRight ? hub.token : 'hf_wrong');
  test.each([
    ['unknown, no token', null, 'maker/none', 'hub-token-missing', 403, 'Add an access token'],
    ['unknown, with a token', true, 'maker/none', 'not-found', 404, 'whether your token may see it'],
    ['private, no token', null, 'maker/secret', 'hub-token-missing', 403, 'Add an access token'],
    ['a wrong token', false, 'maker/gated', 'hub-token-refused', 403, 'Make a new one'],
    ['gated, no token', null, 'maker/gated', 'hub-gated', 403, 'then add your access token'],
    ['gated, licence not accepted', true, 'maker/closed', 'hub-gated', 403, 'the account of your token'],
  ] as const)('%s', async (_, isRight, id, kind, status, help) => {
    const fault = await faultOf(open(client(isRight === null ? null : token(isRight)), id, 'a.gguf'));
    expect(fault).toMatchObject({ kind, status });
    expect(fault.hint).toContain(help);
    expect(`${fault.message} ${fault.hint} ${JSON.stringify(fault.details)}`).not.toContain(hub.token);
  });

  test('a gated one names the page where its licence is', async () => {
    const fault = await faultOf(open(client(), 'maker/gated', 'a.gguf'));
    expect(fault.details).toMatchObject({ acceptUrl: `${hub.url}/maker/gated`, needsToken: true });
  });

  test('a file that is not there is no missing repository', async () => {
    expect((await faultOf(open(client(), PLAIN.id, 'other.gguf'))).message).toContain('no such file');
  });

  test.each([
    [{ 'retry-after': '42' }, 42],
    [{ ratelimit: '"api";r=0;t=17' }, 17],
    [{ 'retry-after': '99999999' }, 60],
    [{}, 60],
  ] as const)('429 with %p waits', async (headers, waitS) => {
    hub.trouble('/api/models', { kind: 'status', status: 429, headers });
    expect(await faultOf(client().search(ANY, signal))).toMatchObject({ kind: 'hub-busy', retryAfterS: waitS });
  });

  test('F-70: 5xx of either host, and what is no JSON', async () => {
    hub.trouble('/api/models', { kind: 'status', status: 503 });
    expect(await faultOf(client().search(ANY, signal))).toMatchObject({ kind: 'hub-broken', status: 502 });
    hub.recover();
    hub.spoil('plain', { kind: 'status', status: 403 });
    expect((await faultOf(open(client(), PLAIN.id, 'plain-Q4_K_M.gguf'))).kind).toBe('hub-broken');
    hub.trouble('/api/models', { kind: 'json', value: { not: 'a list' } });
    expect((await faultOf(client().search(ANY, signal))).kind).toBe('hub-broken');
    hub.recover();
    hub.trouble('/api/models', { kind: 'json', value: [{ id: 7 }] });
    expect((await faultOf(client().search(ANY, signal))).kind).toBe('hub-broken');
  });

  test('F-70: nobody there is offline', async () => {
    const gone = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
    const url = `http://127.0.0.1:${gone.port}`;
    await gone.stop(true);
    expect(await faultOf(client(null, url).search(ANY, signal))).toMatchObject({ kind: 'offline', status: 503 });
  });
});

describe('S-22: a redirect', () => {
  test.each(['http://169.254.169.254/latest', 'file:///etc/passwd', 'http://a:b@127.0.0.1/', 'http://[fe80::1]/'])(
    'to %s is not followed',
    async (location) => {
      hub.trouble('/resolve/', { kind: 'redirect', location });
      expect((await faultOf(open(client(), PLAIN.id, 'plain-Q4_K_M.gguf'))).kind).toBe('hub-broken');
    },
  );

  test('S-22: in a circle ends after five', async () => {
    const before = hub.asked.length;
    hub.trouble('/resolve/', { kind: 'redirect', location: `/${PLAIN.id}/resolve/main/x` });
    expect((await faultOf(open(client(), PLAIN.id, 'plain-Q4_K_M.gguf'))).kind).toBe('hub-broken');
    expect(hub.asked.length - before).toBe(6);
  });
});

describe('bounds', () => {
  test('a question that is withdrawn ends at once, and its body too', async () => {
    hub.trouble('/api/models', { kind: 'hang' });
    const leaving = new AbortController();
    const waiting = faultOf(client().search(ANY, leaving.signal));
    leaving.abort();
    expect((await waiting).kind).toBe('cancelled');
    hub.spoil('plain', { kind: 'stall', afterBytes: 10 });
    const going = new AbortController();
    const name = { repository: PLAIN.id, revision: 'main', path: 'plain-Q4_K_M.gguf' };
    const { body } = await client().open(name, { fromByte: 0, toByte: null }, going.signal);
    const reading = new Response(body).bytes().then(
      () => 'ended',
      () => 'broken',
    );
    going.abort();
    expect(await reading).toBe('broken');
  });

  test('S-23: an answer of more than 32 MiB is cut', async () => {
    hub.trouble('/api/models', { kind: 'json', value: ['x'.repeat(33 << 20)] });
    expect((await faultOf(client().search(ANY, signal))).message).toContain('larger');
  });

  test('S-23: an answer that unpacks to more is cut, and a list without an end given up', async () => {
    const packed = Bun.gzipSync(Buffer.from(`["${' '.repeat(64 << 20)}"]`));
    let pages = 0;
    using odd = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        const url = new URL(request.url);
        if (url.pathname === '/api/models') return new Response(packed, { headers: { 'content-encoding': 'gzip' } });
        pages += 1;
        url.searchParams.set('cursor', String(pages));
        return Response.json([], { headers: { link: `<${url.href}>; rel="next"` } });
      },
    });
    const of = client(null, `http://127.0.0.1:${odd.port}`);
    expect((await faultOf(of.search(ANY, signal))).message).toContain('larger');
    expect((await faultOf(of.files('a/b', 'main', signal))).message).toContain('no end');
    expect(pages).toBe(400);
  });

  test('a page shorter than asked for leads to the next, not to itself', async () => {
    const cursors: (string | null)[] = [];
    using short = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch(request) {
        const url = new URL(request.url);
        const cursor = url.searchParams.get('cursor');
        cursors.push(cursor);
        url.searchParams.set('cursor', `${cursor}x`);
        const headers: Record<string, string> = cursors.length < 3 ? { link: `<${url.href}>; rel="next"` } : {};
        return Response.json([{ _id: '1', id: `a/${cursors.length}`, lastModified: '' }], { headers });
      },
    });
    const page = await client(null, `http://127.0.0.1:${short.port}`).search({ ...ANY, cursor: 'c' }, signal);
    expect(cursors).toEqual(['c', 'cx', 'cxx']);
    expect(page.models.map(({ id }) => id)).toEqual(['a/1', 'a/2', 'a/3']);
  });
});
