/**
 * S-09, S-10, S-13, S-45: every way to show every kind of key, on every route there is: one table, to be read as the
 * policy.
 * Judging alone: test/web/credentials.test.ts; with a real engine behind: test/e2e/keys.test.ts.
 */
import { afterAll, beforeAll, describe, expect, spyOn, test } from 'bun:test';
import { newKeyText, sessionFor } from '#src/keys/key-text.ts';
import type { DeclaredRoute } from '#src/web/route-table.ts';
import { rawRequest } from '../support/raw-requests.ts';
import { until } from '../support/running-flow.ts';
import { type FrontDoor, forEach, headOf, openFrontDoor, pathFor } from './support/front-door.ts';
import { REACHED, SHOWN, type ShowKey, type Twin, twinOf } from './support/twin.ts';

const OWNER = 'the key that Flow was started with';
/** What a route is for: its scope, and whether it looks or acts. */
type Kind =
  | 'public looks'
  | 'public acts'
  | 'page looks'
  | 'page acts'
  | 'read looks'
  | 'read acts'
  | 'infer looks'
  | 'infer acts'
  | 'manage acts';
type Holder = 'nobody' | 'infer' | 'read' | 'manage' | 'owner';

/** The policy. A kind of route that is not in it opens to nobody, and fails the test of the owner. */
const OPENS: Readonly<Record<Holder, readonly Kind[]>> = {
  nobody: ['public looks', 'public acts'],
  infer: ['public looks', 'public acts', 'infer looks', 'infer acts'],
  read: ['public looks', 'public acts', 'page looks', 'read looks', 'read acts', 'infer looks'],
  manage: [
    ...(['public looks', 'public acts', 'page looks', 'page acts', 'read looks', 'read acts'] as const),
    ...(['infer looks', 'manage acts'] as const),
  ],
  owner: [
    ...(['public looks', 'public acts', 'page looks', 'page acts', 'read looks', 'read acts'] as const),
    ...(['infer looks', 'infer acts', 'manage acts'] as const),
  ],
};

/** How a key may be shown; by any other way it counts as none, or as a wrong one. */
const WAYS: readonly (readonly [string, ShowKey])[] = Object.entries(SHOWN);
const COUNTING = ['as bearer', 'as bearer in lower case', 'as x-api-key', 'by both'] as const;
const LOOKING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'WS']);

const kindOf = ({ method, access }: DeclaredRoute): string =>
  `${access.scope} ${LOOKING.has(method) ? 'looks' : 'acts'}`;
const opens = (holder: Holder, route: DeclaredRoute): boolean => OPENS[holder].some((kind) => kind === kindOf(route));
const isPublic = ({ access }: DeclaredRoute): boolean => access.scope === 'public';

let door: FrontDoor;
/** Asks for a key of everybody. */
let locked: Twin;
/** Asks for none on this machine. */
let open: Twin;
const keys = { infer: '', read: '', manage: '', revoked: '', expired: '', bad: newKeyText(), owner: OWNER };
beforeAll(async () => {
  door = await openFrontDoor();
  const { flow } = door;
  for (const scope of ['infer', 'read', 'manage'] as const) {
    keys[scope] = flow.keys.create({ name: scope, scopes: [scope] }).text;
  }
  const gone = flow.keys.create({ name: 'gone', scopes: ['infer', 'read', 'manage'] });
  keys.revoked = gone.text;
  flow.keys.revoke(gone.key.id);
  const soon = new Date(Date.now() + 500).toISOString();
  const brief = flow.keys.create({ name: 'brief', scopes: ['infer', 'read', 'manage'], expires_at: soon });
  keys.expired = brief.text;
  await until('the key has expired', () => brief.key.isExpired);
  locked = twinOf(door, { apiKey: OWNER });
  open = twinOf(door, {});
});
afterAll(async () => {
  await door[Symbol.asyncDispose]();
});

type Trial = { readonly twin: Twin; readonly headers: Readonly<Record<string, string>>; readonly query?: string };

/** Asks every route; each that does not answer as expected. */
async function unlike(trial: Trial, expected: (route: DeclaredRoute) => number): Promise<readonly object[]> {
  const wrong: object[] = [];
  await forEach(trial.twin.routes, async (route) => {
    const status = await trial.twin.ask(route, trial.headers, '127.0.0.1', trial.query);
    if (status !== expected(route))
      wrong.push({ method: route.method, path: route.path, status, expected: expected(route) });
  });
  return wrong;
}

describe('S-09: where a key is asked for', () => {
  const holders = ['infer', 'read', 'manage', 'owner'] as const;
  test.each(holders.flatMap((holder) => COUNTING.map((how) => [holder, how] as const)))(
    'the key %s shown %s opens what the table says, and nothing else',
    async (holder, how) => {
      const headers = SHOWN[how](keys[holder]);
      const expected = (route: DeclaredRoute) => (opens(holder, route) ? REACHED : 403);
      expect(await unlike({ twin: locked, headers }, expected)).toEqual([]);
    },
  );

  const others = WAYS.filter(([how]) => !COUNTING.some((one) => one === how));
  test.each(others)('%s: no key opens anything', async (_, headersOf) => {
    for (const key of [keys.infer, keys.manage, keys.owner]) {
      const headers = headersOf(key, key === keys.manage ? keys.owner : keys.manage);
      const wrong = await unlike({ twin: locked, headers }, (route) => (isPublic(route) ? REACHED : 401));
      expect(wrong).toEqual([]);
    }
  });

  test.each(['bad', 'revoked', 'expired'] as const)('the %s key opens nothing, however it is shown', async (which) => {
    for (const [, headersOf] of WAYS) {
      const headers = headersOf(keys[which], keys.owner);
      const wrong = await unlike({ twin: locked, headers }, (route) => (isPublic(route) ? REACHED : 401));
      expect(wrong).toEqual([]);
    }
    const cookie = `flow_session=${sessionFor(keys[which])}`;
    const wrong = await unlike({ twin: locked, headers: { cookie } }, (route) => (isPublic(route) ? REACHED : 401));
    expect(wrong).toEqual([]);
  });

  test('a key in the address opens nothing', async () => {
    const names = ['key', 'api_key', 'api-key', 'token', 'access_token', 'x-api-key', 'authorization', 't'];
    const query = `?${names.map((name) => `${name}=${encodeURIComponent(keys.owner)}`).join('&')}`;
    const wrong = await unlike({ twin: locked, headers: {}, query }, (route) => (isPublic(route) ? REACHED : 401));
    expect(wrong).toEqual([]);
  });

  test.each(holders)(
    'the session of %s is for the dashboard: it opens what the key does, but asks no model',
    async (holder) => {
      const headers = { cookie: `other=1; flow_session=${sessionFor(keys[holder])}` };
      const expected = (route: DeclaredRoute) => {
        if (kindOf(route) === 'infer acts') return 401;
        return opens(holder, route) ? REACHED : 403;
      };
      expect(await unlike({ twin: locked, headers }, expected)).toEqual([]);
    },
  );

  test('the owner on this machine proves himself by a file that only he can read', async () => {
    const headers = SHOWN['as the proof of the own user'](door.flow.localKey ?? '');
    expect(await unlike({ twin: locked, headers }, () => REACHED)).toEqual([]);
  });
});

describe('S-09: on this machine, where no key is asked for', () => {
  test('whoever shows none is the owner, and so is an agent that must send some word', async () => {
    for (const headers of [
      {},
      SHOWN['as bearer']('ollama'),
      SHOWN['as x-api-key']('sk-none'),
      SHOWN['as Basic']('x'),
    ]) {
      expect(await unlike({ twin: open, headers }, () => REACHED)).toEqual([]);
    }
  });

  test.each(['infer', 'read', 'manage'] as const)(
    'whoever shows the key %s may do what it may, and no more',
    async (holder) => {
      const headers = SHOWN['as bearer'](keys[holder]);
      expect(await unlike({ twin: open, headers }, (route) => (opens(holder, route) ? REACHED : 403))).toEqual([]);
    },
  );

  test.each(['bad', 'revoked', 'expired'] as const)('the %s key is refused, not overlooked', async (which) => {
    for (const how of [...COUNTING, 'as bearer beside another key', 'as x-api-key beside another key'] as const) {
      const showKey: ShowKey = SHOWN[how];
      const headers = showKey(keys[which], keys.manage);
      const wrong = await unlike({ twin: open, headers }, (route) => (isPublic(route) ? REACHED : 401));
      expect(wrong).toEqual([]);
    }
  });
});

describe('S-13: who is on this machine is told by the socket alone', () => {
  const CLAIMS: readonly Readonly<Record<string, string>>[] = [
    { 'x-forwarded-for': '127.0.0.1' },
    { 'x-forwarded-for': '' },
    { forwarded: 'for=127.0.0.1;host=localhost' },
    { 'x-real-ip': '127.0.0.1' },
    { 'x-forwarded-host': 'localhost' },
    { 'x-forwarded-proto': 'http' },
    { via: '1.1 proxy' },
    { 'cf-connecting-ip': '127.0.0.1' },
  ];
  const FAR = ['192.168.1.9', '::ffff:192.168.1.9', 'fe80::1', '203.0.113.7', '2001:db8::1', ''];

  test.each(CLAIMS)('a proxy that says %p makes a request somebody else’s, also from this machine', async (claim) => {
    const wrong = await unlike({ twin: open, headers: claim }, (route) => (isPublic(route) ? REACHED : 401));
    expect(wrong).toEqual([]);
    const proof = SHOWN['as the proof of the own user'](door.flow.localKey ?? '');
    const proven = await unlike({ twin: open, headers: { ...claim, ...proof } }, (route) =>
      isPublic(route) ? REACHED : 401,
    );
    expect(proven).toEqual([]);
  });

  test.each(FAR)('from the address "%s" no claim helps', async (from) => {
    const wrong: object[] = [];
    const proof = SHOWN['as the proof of the own user'](door.flow.localKey ?? '');
    const trials = [{}, proof, ...CLAIMS].flatMap((claim) => open.routes.map((route) => ({ claim, route })));
    await forEach(trials, async ({ claim, route }) => {
      const status = await open.ask(route, claim, from);
      if (status !== (isPublic(route) ? REACHED : 401)) wrong.push({ claim, path: route.path, status });
    });
    expect(wrong).toEqual([]);
  });

  test.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])('the address %s is this machine', async (from) => {
    const [route] = open.routes.filter(({ path }) => path === '/api/models');
    expect(route && (await open.ask(route, {}, from))).toBe(REACHED);
  });
});

describe('S-45: guessing', () => {
  test('is slowed down after ten keys in a minute, at the price of one look-up each, and hinders nobody else', async () => {
    const hasty = twinOf(door, { apiKey: OWNER, isHasty: true });
    const route = hasty.routes.find(({ path }) => path === '/api/models');
    if (route === undefined) throw new Error('There is no such route.');
    const before = door.state();
    const looking = spyOn(door.flow.keys, 'byDigest');
    const statuses: number[] = [];
    for (let count = 0; count < 1_000; count += 1) {
      statuses.push(await hasty.ask(route, SHOWN['as bearer'](newKeyText()), '192.168.1.9'));
    }
    const lookUps = looking.mock.calls.length;
    looking.mockRestore();
    expect(statuses.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
    expect(new Set(statuses.slice(10))).toEqual(new Set([429]));
    expect(lookUps).toBe(1_000);
    expect(door.state()).toEqual(before);
    for (const from of ['192.168.1.9', '192.168.1.10', '127.0.0.1']) {
      expect(await hasty.ask(route, SHOWN['as bearer'](keys.manage), from)).toBe(REACHED);
      expect(await hasty.ask(route, SHOWN['as bearer'](OWNER), from)).toBe(REACHED);
    }
    expect(await hasty.ask(route, SHOWN['as bearer'](keys.bad), '192.168.1.10')).toBe(401);
  });

  test('at the door of the dashboard counts together with guessing elsewhere', async () => {
    await using real = await openFrontDoor({ FLOW_API_KEY: OWNER });
    const guess = async (key: string): Promise<number> => {
      const body = new URLSearchParams({ key, next: '/' });
      return (await headOf(`${real.url}/login`, { method: 'POST', body, headers: { origin: real.url } })).status;
    };
    const statuses: number[] = [];
    for (let count = 0; count < 12; count += 1) statuses.push(await guess(`guess ${count}`));
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429, 429]);
    const api = await fetch(`${real.url}/v1/models`, { headers: { 'x-api-key': 'guess' } });
    expect([api.status, Number(api.headers.get('retry-after')) > 0]).toEqual([429, true]);
    expect(await guess(OWNER)).toBe(303);
  });
});

describe('behind the real handlers', () => {
  const HOSTILE = [
    "' OR 1=1--",
    "'; drop table api_keys;--",
    '\u00ff\u00fe',
    'x'.repeat(12_000),
    '%00',
    '../../flow.db',
  ];

  test('S-09, S-10: who has no key, or a hostile one, changes nothing and leaves nothing in the log', async () => {
    await using real = await openFrontDoor({ FLOW_API_KEY: OWNER });
    const before = real.state();
    const wrong: object[] = [];
    const asked = real.routes.flatMap((route) => ['', ...HOSTILE].map((key) => ({ route, key })));
    await forEach(asked, async ({ route, key }) => {
      if (isPublic(route) || route.method === 'WS') return;
      const shown = key === '' ? {} : { 'x-api-key': key };
      const headers = { 'content-type': 'application/json', ...shown };
      const body = LOOKING.has(route.method) ? null : '{}';
      const { status } = await headOf(real.url + pathFor(route), { method: route.method, headers, body });
      if (status !== 401 && !(key !== '' && status === 429))
        wrong.push({ path: route.path, key: key.slice(0, 20), status });
    });
    expect(wrong).toEqual([]);
    expect(real.state()).toEqual(before);
    const long = `GET /api/models HTTP/1.1\r\nHost: 127.0.0.1:${real.port}\r\nx-api-key: ${'x'.repeat(1_000_000)}\r\n\r\n`;
    expect([0, 400, 431]).toContain((await rawRequest(real.port, long)).status);
    const lines = real.flow.logs.tail({ lines: 1_000 }).entries.map(({ text }) => text);
    expect(lines.filter((line) => /drop table|OR 1=1|xxxxxxxx/.test(line))).toEqual([]);
  });
});
