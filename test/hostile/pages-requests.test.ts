/**
 * S-27 to S-29: hostile clients, wishes, refusals, leaked calls, log lines and crashes, on the Monitor, Telemetry and
 * Logs: live and anew, in drawers, in files to take away.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { isObject } from '#src/json.ts';
import { seeOnly, stillLives, throughHtmx } from './support/looks.ts';
import type { Sink } from './support/model-sinks.ts';
import { eventsOf, openRawLive, type RawLive } from './support/raw-live.ts';
import { CLIENTS, cast, LEAKS, LOGS, REFUSALS, WISHES } from './support/request-sinks.ts';
import type { AttackedPage } from './support/watch.ts';
import { openWorld, type World } from './support/world.ts';

const SINKS: readonly Sink[] = [WISHES, REFUSALS, LEAKS, LOGS, CLIENTS];
const LIVE_PAGES = ['/', '/models', '/telemetry', '/logs', '/logs?source=crasher', '/settings'] as const;
/** Connections that are looked at byte by byte. */
const RAW_PAGES = ['monitor', 'models', 'telemetry', 'logs'] as const;
/** Every event that Flow has. */
const OWN_EVENTS = ['', 'hello', 'beat', 'notice'];
const MOST = 100;

let world: World;
const opened = new Map<string, AttackedPage>();
const raw = new Map<string, RawLive>();
beforeAll(async () => {
  world = await openWorld();
  await cast(world);
  for (const path of LIVE_PAGES) opened.set(path, await world.open(path));
  for (const name of RAW_PAGES) raw.set(name, await openRawLive(world.flow.url, name));
  for (const sink of SINKS) await sink.plant(world, world.corpus(sink.name));
}, 180_000);
afterAll(() => world?.[Symbol.asyncDispose]());

test('S-28: pages that were open meanwhile still hear Flow', async () => {
  await Promise.all([...opened.values()].map((attacked) => stillLives(attacked)));
});

test.each(LIVE_PAGES)('S-28: the page %s that was open meanwhile is unharmed', async (path) => {
  const attacked = opened.get(path);
  if (!attacked) throw new Error(`${path} was not opened`);
  await seeOnly(world, attacked, path === '/logs?source=crasher' ? { log: 90 } : {});
  await attacked[Symbol.asyncDispose]();
});

test.each(RAW_PAGES)('S-28: the bytes of %s hold our own events and nothing else', async (name) => {
  const events = eventsOf((await raw.get(name)?.end()) ?? '');
  expect(events.length).toBeGreaterThan(3);
  expect(events.filter((event) => !OWN_EVENTS.includes(event.name))).toEqual([]);
  // Markup comes as whole partials: what a text forged would stand between them.
  const markup = events.filter((event) => event.name === '').map(({ data }) => data.trim());
  expect(markup.filter((data) => !/^<hx-partial [\s\S]*<\/hx-partial>$/.test(data))).toEqual([]);
});

const PAGES: readonly (readonly [path: string, shows: Readonly<Record<string, number>>])[] = [
  ['/', { client: 5 }],
  ['/telemetry', { client: MOST }],
  ['/telemetry?outcome=failed', { refusal: 10 }],
  ['/logs', {}],
  ['/logs?source=crasher&plain=1&q=pwned', { log: 50 }],
  ['/logs?source=crasher&level=error', {}],
];
test.each(PAGES)('S-27: %s shows requests and lines as they are', async (path, shows) => {
  await using attacked = await world.open(path);
  await seeOnly(world, attacked, shows);
});

test('S-27: what is recorded of a request is text in its drawer', async () => {
  const { body } = await world.flow.json('/api/telemetry?limit=500');
  const records = Array.isArray(body.records) ? body.records.filter(isObject) : [];
  // The last of each kind is enough: the sinks were planted one after the other.
  const chosen = records.filter((_, index) => index % 4 === 0);
  expect(chosen.length).toBeGreaterThan(50);
  await using attacked = await world.open('/telemetry');
  await throughHtmx(
    attacked,
    '#drawer',
    chosen.map(({ id }) => `/telemetry/requests/${id}`),
  );
}, 180_000);

test('S-29: colours come through, and nothing else that a terminal would obey', async () => {
  await using attacked = await world.open('/logs?source=crasher');
  const text = (await attacked.page.textContent('#log-lines')) ?? '';
  expect(text).not.toContain('\u001b');
  expect(text).toContain('qlog');
  const codes = [...text].filter((character) => character < ' ' && character !== '\n' && character !== '\t');
  expect(codes).toEqual([]);
  await seeOnly(world, attacked, { log: 90 });
});

test('a spreadsheet finds no formula in the export, and a reader of JSON finds the truth', async () => {
  const csv = await (await fetch(`${world.flow.url}/telemetry/export.csv`)).text();
  const cells = csv.split('\r\n').flatMap((line) => [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)]);
  const values = cells.map(([, quoted, bare]) => quoted ?? bare ?? '');
  expect(values.length).toBeGreaterThan(500);
  expect(values.filter((value) => /^[=+\-@\t\r]/.test(value))).toEqual([]);
  const answer = await fetch(`${world.flow.url}/telemetry/export.json`);
  expect(answer.headers.get('content-type')).toContain('application/json');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(JSON.stringify(await answer.json())).toContain('qclient');
});

test('the names of files to take away are plain, whatever their source is called', async () => {
  for (const { text } of world.corpus('source')) {
    const answer = await fetch(
      `${world.flow.url}/logs/download?source=${encodeURIComponent(text.slice(0, 60).toWellFormed())}`,
    );
    await answer.body?.cancel();
    const disposition = answer.headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(/^attachment; filename="[\w.%-]+"$/);
  }
});
