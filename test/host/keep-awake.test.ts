/** Keeping the computer awake: programs in place of the system's write down how they are called; time is passed in. */
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '#src/events.ts';
import { KeepAwake } from '#src/host/keep-awake.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { until } from '#test/support/running-flow.ts';

/** The last word of systemd-inhibit is the program that it runs; caffeinate just waits. */
const INHIBIT =
  '#!/bin/sh\n[ -z "$FLOW_API_KEY" ] || exit 9\necho "$*" >> "$0.asked"\nfor last; do :; done\nexec "$last"\n';
const CAFFEINATE = '#!/bin/sh\necho "$*" >> "$0.asked"\nexec cat\n';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flow-awake-'));
  symlinkSync(Bun.which('cat') ?? '/bin/cat', join(folder, 'cat'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  chmodSync(join(folder, name), 0o755);
}

function world(platform: NodeJS.Platform) {
  const clock = new FakeClock();
  const bus = new Bus();
  const refused: string[] = [];
  const state = { open: 0, isWished: true };
  const awake = new KeepAwake({
    clock,
    bus,
    platform,
    isWished: () => state.isWished,
    openRequests: () => state.open,
    environment: { PATH: folder, FLOW_API_KEY: 'a-key-for-flow-alone' },
    onRefused: (words) => refused.push(words),
  });
  const requests = (open: number): void => {
    state.open = open;
    bus.publish({ type: 'request-changed', requestId: 'r', modelId: 'm' });
  };
  return { clock, bus, refused, state, awake, requests, [Symbol.dispose]: () => awake[Symbol.dispose]() };
}

const asked = (name: string): string[] => {
  const path = join(folder, `${name}.asked`);
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};
const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
};

test('it is taken while requests run, once, and given back some seconds after the last', async () => {
  put('systemd-inhibit', INHIBIT);
  using house = world('linux');
  const { clock, requests, awake } = house;
  requests(1);
  expect(awake.pid).toBeNull();
  clock.advance(1_000);
  const pid = awake.pid ?? 0;
  expect(pid).toBeGreaterThan(0);
  await until('it was called', () => asked('systemd-inhibit').length === 1);
  expect(asked('systemd-inhibit')[0]).toStartWith('--what=sleep:idle --who=Flow ');
  requests(2);
  requests(0);
  clock.advance(5_000);
  requests(1);
  clock.advance(60_000);
  expect(awake.pid).toBe(pid);
  requests(0);
  clock.advance(9_999);
  expect(awake.pid).toBe(pid);
  clock.advance(1);
  expect(awake.pid).toBeNull();
  await until('its end', () => !isAlive(pid));
  expect(asked('systemd-inhibit')).toHaveLength(1);
});

test('on a Mac it is caffeinate, which lets the display go dark and ends with Flow', async () => {
  put('caffeinate', CAFFEINATE);
  using house = world('darwin');
  house.requests(1);
  house.clock.advance(1_000);
  await until('it was called', () => asked('caffeinate').length === 1);
  expect(asked('caffeinate')).toEqual([`-i -w ${process.pid}`]);
});

test('a short request keeps it awake too, but never for ever', () => {
  put('systemd-inhibit', INHIBIT);
  using house = world('linux');
  house.requests(1);
  house.requests(0);
  house.clock.advance(1_000);
  expect(house.awake.pid).not.toBeNull();
  house.clock.advance(9_000);
  expect(house.awake.pid).toBeNull();
});

test('the setting keeps it from being taken, and gives it back at once', () => {
  put('systemd-inhibit', INHIBIT);
  using house = world('linux');
  house.state.isWished = false;
  house.requests(1);
  house.clock.advance(60_000);
  expect(house.awake.pid).toBeNull();
  house.state.isWished = true;
  house.requests(1);
  house.clock.advance(1_000);
  expect(house.awake.pid).not.toBeNull();
  house.state.isWished = false;
  house.bus.publish({ type: 'settings-changed', keys: ['keep_awake'] });
  expect(house.awake.pid).toBeNull();
});

test('a system without the program goes without, and without a word', () => {
  using house = world('linux');
  house.requests(1);
  house.clock.advance(1_000);
  expect({ pid: house.awake.pid, refused: house.refused }).toEqual({ pid: null, refused: [] });
});

test('a refusal is told once, and not provoked again for ten minutes', async () => {
  put('systemd-inhibit', '#!/bin/sh\necho x >> "$0.asked"\nexit 1\n');
  using house = world('linux');
  house.requests(1);
  house.clock.advance(1_000);
  await until('the refusal', () => house.refused.length === 1);
  for (let second = 0; second < 60; second += 1) {
    house.requests(1);
    house.clock.advance(1_000);
  }
  expect({ refused: house.refused, asked: asked('systemd-inhibit') }).toEqual({
    refused: ['systemd-inhibit does not keep this computer awake: it ended with code 1'],
    asked: ['x'],
  });
  house.clock.advance(600_000);
  house.requests(1);
  house.clock.advance(1_000);
  await until('another try', () => asked('systemd-inhibit').length === 2);
});

test('what holds it ends with Flow, however Flow ends', async () => {
  put('systemd-inhibit', INHIBIT);
  // A program of its own that takes it and is killed.
  const source = `
    const { KeepAwake } = await import(${JSON.stringify(join(import.meta.dir, '../../src/host/keep-awake.ts'))});
    const { Bus } = await import(${JSON.stringify(join(import.meta.dir, '../../src/events.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(import.meta.dir, '../../src/clock.ts'))});
    const bus = new Bus();
    const awake = new KeepAwake({ clock: systemClock, bus, platform: 'linux', isWished: () => true,
      openRequests: () => 1, environment: { PATH: ${JSON.stringify(folder)} }, onRefused: () => {} });
    bus.publish({ type: 'request-changed', requestId: 'r', modelId: 'm' });
    setInterval(() => { if (awake.pid !== null) process.stdout.write(awake.pid + '\\n'); }, 20);
  `;
  const flow = Bun.spawn([process.execPath, '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const { value } = await flow.stdout.getReader().read();
    const pid = Number.parseInt(Buffer.from(value ?? []).toString(), 10);
    expect(isAlive(pid)).toBe(true);
    flow.kill('SIGKILL');
    await until('its end', () => !isAlive(pid));
  } finally {
    flow.kill('SIGKILL');
    await flow.exited;
  }
});
