// How many connections may stay open, from everybody and with one key, and what the next one is told.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { type AnyElysia, Elysia } from 'elysia';
import { asFault } from '#src/faults.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import { Feeds } from '#src/live/feed.ts';
import { PLACES_MAX, PLACES_PER_KEY_MAX, Places } from '#src/live/places.ts';
import { liveRoutes } from '#src/live/routes.ts';
import { errorHandling, refuser } from '#src/web/errors.tsx';
import { shell } from '#src/web/shell.tsx';
import { loadVendor } from '#src/web/vendor.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { until } from '../support/running-flow.ts';

const key = (id: string) => ({ id, rules: { name: id } }) as unknown as HeldKey;
const faultOf = (work: () => void) => {
  try {
    work();
    return null;
  } catch (cause) {
    return asFault(cause);
  }
};

describe('F-92: places', () => {
  test('are limited for each key and for all, and come back once', () => {
    const places = new Places('sockets');
    const held = Array.from({ length: PLACES_PER_KEY_MAX }, () => places.take(key('a')));
    expect(faultOf(() => places.refuseIfFull(key('a')))?.message).toContain('The key "a" has 64 sockets open');
    expect(faultOf(() => places.refuseIfFull(key('b')))).toBeNull();
    expect(faultOf(() => places.refuseIfFull(null))).toBeNull();
    held[0]?.[Symbol.dispose]();
    held[0]?.[Symbol.dispose]();
    expect([places.taken, faultOf(() => places.refuseIfFull(key('a')))]).toEqual([PLACES_PER_KEY_MAX - 1, null]);
    while (places.taken < PLACES_MAX) places.take(null);
    expect(faultOf(() => places.refuseIfFull(key('b')))).toMatchObject({ kind: 'queue-full', retryAfterS: 5 });
  });
});

describe('F-92: live pages through the front door', () => {
  let app: AnyElysia;
  let feeds: Feeds;
  let url: string;
  let keyed: HeldKey | null;

  beforeEach(async () => {
    keyed = null;
    const page = { render: () => '', all: () => [], isAlone: () => true };
    feeds = new Feeds({ topics: new Map([['shell', page]]), clock: new FakeClock(), version: '1', log: () => {} });
    const frame = shell({ vendor: (await loadVendor()).urls, version: 'test' });
    const errors = refuser({ voiceFor: () => null, shell: frame, log: () => {} });
    app = new Elysia().use(errorHandling(errors)).use(liveRoutes({ feeds, keyOf: () => keyed }));
    app.listen({ port: 0, hostname: '127.0.0.1' });
    url = `127.0.0.1:${app.server?.port}`;
  });
  afterEach(async () => {
    feeds.close();
    await app.stop(true);
  });

  test('one key too many is told so, as a stream and as a socket, and is let in when another has gone', async () => {
    keyed = key('tv');
    const sockets = Array.from({ length: PLACES_PER_KEY_MAX }, () => new WebSocket(`ws://${url}/live`));
    await until('all sockets', () => feeds.size === PLACES_PER_KEY_MAX);
    const refused = await fetch(`http://${url}/live`);
    expect(refused.status).toBe(429);
    expect(await refused.text()).toContain('has 64 pages open already');
    const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const headers = { ...upgrade, 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
    expect((await fetch(`http://${url}/live`, { headers })).status).toBe(429);
    keyed = null;
    const own = await fetch(`http://${url}/live`);
    expect(own.status).toBe(200);
    await own.body?.cancel();
    keyed = key('tv');
    sockets.pop()?.close();
    await until('a free place', () => feeds.size < PLACES_PER_KEY_MAX);
    const again = await fetch(`http://${url}/live`);
    expect(again.status).toBe(200);
    await again.body?.cancel();
  });
});
