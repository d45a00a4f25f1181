/** Settings and their file: precedence, damage, edits by hand, kills. The routes are at the end. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Elysia } from 'elysia';
import { Bus, type FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { settingsRoutes } from '#src/settings/routes.ts';
import { openSettings, type SettingsParts } from '#src/settings/store.ts';
import { SETTING_NAMES } from '#src/settings/validation.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

let folder = '';
let clock: FakeClock;
let events: FlowEvent[];
const path = () => join(folder, 'settings.json');
const onDisk = () => JSON.parse(readFileSync(path(), 'utf8'));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-settings-'));
  clock = new FakeClock();
  events = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open(overrides: SettingsParts['overrides'] = {}) {
  const bus = new Bus();
  bus.subscribe((event) => events.push(event));
  return openSettings({ path: path(), bus, clock, overrides, modelsDirDefault: join(folder, 'models') });
}

async function refusal(promise: Promise<unknown>): Promise<Fault> {
  const cause = await promise.then(() => null).catch((thrown: unknown) => thrown);
  if (cause instanceof Fault) return cause;
  throw new Error(`Not refused: ${String(cause)}`);
}

test('without a file everything is a default, and nothing is written', async () => {
  const settings = await open();
  expect(settings.current).toMatchObject({ port: 3377, jit_cooldown_seconds: 300, models_dir: join(folder, 'models') });
  expect(SETTING_NAMES.every((name) => settings.origin(name) === 'default')).toBe(true);
  expect(readdirSync(folder)).toEqual([]);
});

test('a flag wins over the file, the file over the default, and a flag cannot be changed here', async () => {
  writeFileSync(path(), '{"port": 4000, "jit_enabled": false}');
  const settings = await open({ port: { value: 0, origin: 'flag' } });
  expect(settings.current).toMatchObject({ port: 0, jit_enabled: false });
  expect([settings.origin('port'), settings.origin('jit_enabled'), settings.origin('host')]).toEqual([
    'flag',
    'file',
    'default',
  ]);
  const fault = await refusal(settings.update({ port: 5000, jit_enabled: true }));
  expect(fault.kind).toBe('conflict');
  expect(settings.current.jit_enabled).toBe(false);
  // A form sends all fields back: an unchanged one is no attempt.
  await settings.update({ port: 0, jit_enabled: true });
  expect(onDisk()).toEqual({ port: 4000, jit_enabled: true });
});

test('an update is written, private, copied, applied and told', async () => {
  const settings = await open();
  const models = join(folder, 'elsewhere', 'models');
  await settings.update({ jit_cooldown_seconds: 0, models_dir: models });
  expect(settings.current).toMatchObject({ jit_cooldown_seconds: 0, models_dir: models });
  expect(onDisk()).toEqual({ jit_cooldown_seconds: 0, models_dir: models });
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(existsSync(models)).toBe(true);
  expect(readFileSync(`${path()}.bak`, 'utf8')).toBe(readFileSync(path(), 'utf8'));
  expect(events).toEqual([{ type: 'settings-changed', keys: ['models_dir', 'jit_cooldown_seconds'] }]);
  expect(Object.isFrozen(settings.current)).toBe(true);
  expect((await open()).current.jit_cooldown_seconds).toBe(0);
});

describe('a wrong value is refused in words, and nothing changes', () => {
  const cases: readonly (readonly [string, unknown, string])[] = [
    ['out of bounds', { port: 0 }, 'port must be a whole number from 1 to 65535; it was 0.'],
    ['a fraction', { port: 80.5 }, 'port must be a whole number from 1 to 65535; it was 80.5.'],
    [
      'text for a number',
      { jit_cooldown_seconds: '60' },
      'jit_cooldown_seconds must be a whole number from 0 to 31536000; it was "60".',
    ],
    ['not a choice', { default_flash_attn: 'yes' }, 'default_flash_attn must be one of on, off, auto; it was "yes".'],
    ['not a boolean', { jit_enabled: 1 }, 'jit_enabled must be true or false; it was 1.'],
    ['empty', { models_dir: '' }, 'models_dir must be text of 1 to 4096 characters; it was "".'],
    ['relative', { models_dir: 'models' }, 'models_dir must be an absolute path; it was "models".'],
    ['unknown', { colour: 'red' }, 'colour is not a setting.'],
    [
      'two at once',
      { port: -1, colour: 1, jit_enabled: false },
      'port must be a whole number from 1 to 65535; it was -1. colour is not a setting.',
    ],
    ['no object', [1], 'The settings must be a JSON object.'],
    ['a prototype', JSON.parse('{"__proto__": {"port": 1}}'), '__proto__ is not a setting.'],
  ];
  test.each(cases)('%s', async (_name, patch, message) => {
    const settings = await open();
    const before = settings.current;
    const fault = await refusal(settings.update(patch));
    expect(fault.kind).toBe('invalid-request');
    expect(fault.message).toBe(message);
    expect(settings.current).toBe(before);
    expect(existsSync(path())).toBe(false);
  });
});

describe('F-76: a damaged file is kept aside and the last good one used', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['half written', '{"port": 4000, "jit'],
    ['zeros', '\0'.repeat(100)],
    ['a list', '[1, 2]'],
  ];
  test.each(cases)('%s', async (_name, text) => {
    await (await open()).update({ port: 4001 });
    writeFileSync(path(), text);
    const settings = await open();
    expect(settings.current.port).toBe(4001);
    expect(settings.notices[0]).toContain('.bad-');
    const aside = readdirSync(folder).filter((name) => name.includes('.bad-'));
    expect(aside.map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([text]);
    expect((await open()).notices).toEqual([]);
  });
  test('without a last good one the defaults are used', async () => {
    writeFileSync(path(), '{');
    const settings = await open();
    expect(settings.current.port).toBe(3377);
    expect(settings.notices).toHaveLength(1);
  });
});

test('F-76: one bad value costs only itself, is named, and unknown keys survive a save', async () => {
  writeFileSync(path(), '\uFEFF{"port": "many", "jit_enabled": false, "from_the_future": {"a": 1}}');
  const settings = await open();
  expect(settings.current).toMatchObject({ port: 3377, jit_enabled: false });
  expect(settings.notices).toEqual([
    'In settings.json port must be a whole number from 1 to 65535; it was "many". The default is used.',
  ]);
  await settings.update({ queue_limit: 5 });
  expect(onDisk()).toEqual({ port: 'many', jit_enabled: false, from_the_future: { a: 1 }, queue_limit: 5 });
});

test('F-77: a save that puts back what was edited by hand a moment ago wins, as the later word', async () => {
  const settings = await open();
  expect(settings.current.queue_limit).toBe(1000);
  writeFileSync(path(), '{"queue_limit": 7}');
  expect((await settings.update({ queue_limit: 1000 })).queue_limit).toBe(1000);
  expect(onDisk().queue_limit).toBe(1000);
});

test('F-77: a change by hand is picked up within five seconds and not overwritten by a save', async () => {
  const settings = await open();
  await settings.update({ port: 4000 });
  writeFileSync(path(), '{"port": 4000, "jit_enabled": false}');
  clock.advance(5_000);
  await settings.refresh();
  expect(settings.current.jit_enabled).toBe(false);
  writeFileSync(path(), '{"port": 4000, "jit_enabled": false, "queue_limit": 7}');
  await settings.update({ port: 4002 });
  expect(settings.current).toMatchObject({ port: 4002, jit_enabled: false, queue_limit: 7 });
  writeFileSync(path(), '{"port": 4000, ');
  const fault = await refusal(settings.update({ port: 4003 }));
  expect(fault.kind).toBe('conflict');
  expect(readFileSync(path(), 'utf8')).toBe('{"port": 4000, ');
  expect(settings.current.port).toBe(4002);
});

test('ten saves at once lose nothing', async () => {
  const settings = await open();
  const patches = [
    { port: 4000 },
    { jit_enabled: false },
    { queue_limit: 9 },
    { retention_days: 3 },
    { memory_limit_gb: 1.5 },
  ];
  await Promise.all(patches.map((patch) => settings.update(patch)));
  expect(onDisk()).toEqual(Object.assign({}, ...patches));
});

test('the home folder may be written as ~', async () => {
  writeFileSync(path(), '{"models_dir": "~/models"}');
  expect((await open()).current.models_dir).toBe(join(homedir(), 'models'));
});

test('F-77: a folder that cannot be written is said, and the settings stay', async () => {
  const settings = await open();
  chmodSync(folder, 0o500);
  try {
    // Root may write anywhere: there the folder is taken away instead.
    if (process.getuid?.() === 0) rmSync(folder, { recursive: true });
    const fault = await refusal(settings.update({ port: 4000 }));
    expect(fault.message).toContain('cannot be written');
    expect(settings.current.port).toBe(3377);
  } finally {
    if (existsSync(folder)) chmodSync(folder, 0o700);
  }
});

test('F-76: killed at any moment of saving, the file is whole', async () => {
  for (let round = 0; round < 12; round += 1) {
    const command = ['bun', join(import.meta.dir, 'save-forever.ts'), path()];
    const child = Bun.spawn(command, { stdio: ['ignore', 'pipe', 'inherit'], cwd: process.cwd() });
    await child.stdout.getReader().read();
    await Bun.sleep(5 + round * 7);
    child.kill('SIGKILL');
    await child.exited;
    if (!existsSync(path())) continue;
    const values = onDisk();
    expect(values.cors_origins).toEqual(Array.from({ length: 50 }, () => `http://localhost:${values.port}`));
    const settings = await open();
    expect(settings.notices).toEqual([]);
    expect(settings.current.port).toBe(values.port);
  }
  expect(existsSync(path())).toBe(true);
});

test('the routes give the seed its twelve first, change a part, and tell where values come from', async () => {
  const settings = await open({ port: { value: 4444, origin: 'environment' } });
  const app = new Elysia().use(settingsRoutes({ settings }));
  const ask = async (path: string, init?: RequestInit) => {
    const response = await app.handle(new Request(`http://localhost${path}`, init));
    return { status: response.status, body: await response.json().catch(() => null) };
  };
  const headers = { 'content-type': 'application/json' };
  const before = await ask('/api/settings');
  expect(Object.keys(before.body).slice(0, 2)).toEqual(['models_dir', 'port']);
  expect(Object.keys(before.body).sort()).toEqual([...SETTING_NAMES].sort());
  for (const method of ['PUT', 'PATCH']) {
    const body = JSON.stringify({ queue_limit: method.length, port: 4444 });
    const answer = await ask('/api/settings', { method, headers, body });
    expect(answer.body).toMatchObject({ status: 'ok', settings: { queue_limit: method.length } });
  }
  const detail = await ask('/api/settings?detail=1');
  const rows: { name: string }[] = detail.body.settings;
  expect(rows.find((row) => row.name === 'port')).toMatchObject({
    value: 4444,
    default: 3377,
    origin: 'environment',
    locked: true,
  });
  expect(rows.find((row) => row.name === 'queue_limit')).toMatchObject({
    origin: 'file',
    locked: false,
    schema: { minimum: 1 },
  });
  const wrong = await ask('/api/settings', { method: 'PUT', headers, body: '{"port": 99999}' });
  expect(wrong.status).toBe(400);
});
