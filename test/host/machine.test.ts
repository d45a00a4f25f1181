/** What the system's files say, and the report that the API gives of this very machine. */
import { expect, test } from 'bun:test';
import { totalmem } from 'node:os';
import { systemClock } from '#src/clock.ts';
import { Hardware } from '#src/host/hardware.ts';
import { LoopLag } from '#src/host/loop-lag.ts';
import { cgroupLimitBytes, parseMeminfo } from '#src/host/machine.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { quickestMs } from '#test/support/quickest.ts';

test('meminfo is read in KiB; something else is not meminfo', () => {
  const text = 'MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    9000 kB\n';
  expect(parseMeminfo(text)).toEqual({
    totalBytes: 16_384_000,
    freeBytes: 1_024_000,
    availableBytes: 9_216_000,
  });
  expect(parseMeminfo('MemTotal:       16000 kB\nMemFree:         1000 kB\n')?.availableBytes).toBe(1_024_000);
  expect(parseMeminfo('')).toBeNull();
});

const files = (contents: Record<string, string>) => (path: string) => contents[path] ?? null;

test('the tightest limit of all levels counts; max and the huge number of version 1 are none', () => {
  expect(cgroupLimitBytes(files({}))).toBeNull();
  expect(cgroupLimitBytes(files({ '/sys/fs/cgroup/memory.max': 'max\n' }))).toBeNull();
  expect(cgroupLimitBytes(files({ '/sys/fs/cgroup/memory.max': '8000000000\n' }))).toBe(8e9);
  expect(cgroupLimitBytes(files({ '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712' }))).toBeNull();
  const nested = files({
    '/proc/self/cgroup': '0::/user.slice/flow.service\n',
    '/sys/fs/cgroup/user.slice/memory.max': '4000000000',
    '/sys/fs/cgroup/user.slice/flow.service/memory.max': '6000000000',
  });
  expect(cgroupLimitBytes(nested)).toBe(4e9);
});

test('the report of this machine has the seed fields, before and after the long look', async () => {
  const settings = () => ({ memory_limit_gb: 0, memory_headroom_gb: 2 });
  const hardware = new Hardware({ clock: systemClock, settings });
  const before = hardware.report();
  expect(before.chip.length).toBeGreaterThan(0);
  expect(before.cpu_count).toBeGreaterThan(0);
  await hardware.look();
  const report = hardware.report();
  expect(report.memory_total_gb).toBeCloseTo(totalmem() / 2 ** 30, 0);
  expect(report.memory_used_gb + report.memory_available_gb).toBeCloseTo(report.memory_total_gb, 0);
  expect(report.recommended_max_model_gb).toBeLessThan(report.memory_total_gb);
  expect(report.metal_supported).toBe(report.is_apple_silicon);
});

test('asking for the report is quick enough for every request', () => {
  const hardware = new Hardware({
    clock: systemClock,
    settings: () => ({ memory_limit_gb: 0, memory_headroom_gb: 2 }),
  });
  hardware.report();
  expect(quickestMs(5, () => hardware.report())).toBeLessThan(5);
});

test('a late tick shows as lag for fifteen seconds, then is forgotten', () => {
  const clock = new FakeClock();
  let lateMs = 0;
  using lag = new LoopLag({ clock: { ...delegate(clock), monotonicMs: () => clock.monotonicMs() + lateMs } });
  clock.advance(500);
  expect(lag.worstMs).toBe(0);
  lateMs = 80;
  clock.advance(500);
  expect(lag.worstMs).toBe(80);
  clock.advance(16_000);
  expect(lag.worstMs).toBe(0);
});

function delegate(clock: FakeClock) {
  return {
    wallMs: () => clock.wallMs(),
    after: (delayMs: number, action: () => void) => clock.after(delayMs, action),
    every: (intervalMs: number, action: () => void) => clock.every(intervalMs, action),
  };
}
