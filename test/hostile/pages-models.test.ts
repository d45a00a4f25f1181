/**
 * S-27, S-28: hostile names, files, templates, presets, folders and settings, by the doors of strangers, on every page
 * that shows models: both in pages that were open while it came (by `/live`) and in pages opened after.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { seeOnly, stillLives, throughHtmx } from './support/looks.ts';
import {
  ALIASES,
  CHOICES,
  FOLDERS,
  idsOf,
  MODELS,
  PRESETS,
  SETTINGS,
  type Sink,
  VARIANTS,
} from './support/model-sinks.ts';
import type { AttackedPage } from './support/watch.ts';
import { openWorld, type World } from './support/world.ts';

const SINKS: readonly Sink[] = [MODELS, ALIASES, VARIANTS, CHOICES, PRESETS, FOLDERS, SETTINGS];
const LIVE_PAGES = ['/', '/models', '/chat', '/settings', '/logs', '/telemetry'] as const;
/** Enough of a hundred or so; some strings are refused by a door, or lose what their mark is in. */
const MOST = 100;

let world: World;
const opened = new Map<string, AttackedPage>();
let count: number;
let ids: readonly string[];
beforeAll(async () => {
  world = await openWorld({ engineVersion: 'version: <img/pwned/src=/canary/version/onerror=alert(1)>"' });
  for (const path of LIVE_PAGES) opened.set(path, await world.open(path));
  for (const sink of SINKS) await sink.plant(world, world.corpus(sink.name));
  count = world.corpus('name').length;
  ids = await idsOf(world, world.corpus('name'));
}, 180_000);
afterAll(() => world?.[Symbol.asyncDispose]());

test('each string is a model of its own', () => {
  expect(ids.length).toBe(count);
});

test('S-28: pages that were open meanwhile still hear Flow', async () => {
  await Promise.all([...opened.values()].map((attacked) => stillLives(attacked)));
});

test.each(LIVE_PAGES)('S-28: the page %s that was open meanwhile is unharmed', async (path) => {
  const attacked = opened.get(path);
  if (!attacked) throw new Error(`${path} was not opened`);
  await seeOnly(world, attacked, path === '/' ? { name: MOST } : {});
  await attacked[Symbol.asyncDispose]();
});

const PAGES: readonly (readonly [path: string, ready: string, shows: Readonly<Record<string, number>>])[] = [
  ['/', '#models', { name: MOST }],
  ['/models', '#mine-rows', { name: MOST, alias: MOST, variant: MOST, file: MOST }],
  ['/models?q=%3Cimg', '#mine-rows', {}],
  ['/models/import', '#import-found:not([aria-busy])', { folder: MOST }],
  ['/chat', '#composer', { name: MOST }],
  ['/settings', '#settings-engines', { name: MOST, setting: MOST }],
];
test.each(PAGES)('S-27: %s shows names as names', async (path, ready, shows) => {
  await using attacked = await world.open(path);
  await attacked.page.waitForSelector(ready, { state: 'attached' });
  await seeOnly(world, attacked, shows);
});

// Each drawer is swapped in by htmx, whose second parser and attributes are part of the way. Every string comes to
// several of them.
test.each([
  ['load', 0, 3],
  ['settings', 1, 3],
  ['template', 2, 3],
  ['agent', 0, 2],
] as const)(
  'S-27: the drawer %s of a model is a drawer and nothing more',
  async (drawer, first, step) => {
    await using attacked = await world.open('/models?q=no-such-model');
    const some = ids.filter((_, index) => index % step === first);
    await throughHtmx(
      attacked,
      '#drawer',
      some.map((id) => `/models/${drawer}?model=${encodeURIComponent(id)}`),
    );
    await attacked.page.waitForFunction(() => document.querySelector('#drawer .htmx-request') === null);
    await seeOnly(world, attacked, {});
  },
  180_000,
);

test('S-27: presets, template words and what an engine calls its version are shown as they are', async () => {
  const id = ids.find((one) => one.includes('<script>')) ?? '';
  await using drawer = await world.open(`/models/settings?model=${encodeURIComponent(id)}`);
  await seeOnly(world, drawer, { name: 1, preset: MOST, choice: 1 });
  await using settings = await world.open('/settings');
  expect(await settings.page.textContent('#settings-engines')).toContain('/onerror=alert(1)>');
});

test('S-27: the palette finds hostile names, and choosing one changes nothing else', async () => {
  await using attacked = await world.open('/logs');
  await attacked.page.keyboard.press('Control+k');
  await attacked.page.keyboard.type('pwned');
  await attacked.page.waitForSelector('#palette-results [role=option]');
  await seeOnly(world, attacked, {});
  await throughHtmx(
    attacked,
    '#palette-results',
    ['svg', '<img', '"', 'hx-', 'x-data', '&', '{{'].map((text) => `/palette?q=${encodeURIComponent(text)}`),
  );
  await seeOnly(world, attacked, {});
});

test('a hostile name is the same name in every form: its row, its drawer, its actions', async () => {
  await using attacked = await world.open('/models?q=%26lt%3Bimg');
  const names = await attacked.page
    .locator('[id^="mine-"] form input[name=model]')
    .evaluateAll((fields) => fields.map((field) => (field instanceof HTMLInputElement ? field.value : '')));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(ids).toContain(name);
});
