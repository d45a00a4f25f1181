/** What graphics processors say, as their tools write it. */
import { expect, test } from 'bun:test';
import { systemClock } from '#src/clock.ts';
import { Gpu } from '#src/host/gpu.ts';
import { readAppleGpu, readNvidiaGpus, sumOfGpus } from '#src/host/gpu-words.ts';

const MIB = 2 ** 20;

test('NVIDIA: a line for each; what is not available is unknown, not zero', () => {
  const [first, second, ...more] = readNvidiaGpus('92, 61.20, 71, 18022, 24564\n[N/A], [N/A], 40, 0, 8192\n');
  expect(first).toEqual({
    count: 1,
    busyRatio: 0.92,
    powerW: 61.2,
    temperatureC: 71,
    memory: { usedBytes: 18022 * MIB, totalBytes: 24564 * MIB },
  });
  expect(second).toMatchObject({ busyRatio: null, powerW: null, temperatureC: 40 });
  expect(more).toEqual([]);
});

test('a tool that is there but has no driver says nothing', () => {
  expect(readNvidiaGpus("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n")).toEqual([]);
  expect(sumOfGpus([])).toBe(null);
});

test('Apple: how busy it is, from among all its properties', () => {
  const properties =
    '"PerformanceStatistics" = {"In use system memory"=1234,"Device Utilization %"=37,"recoveryCount"=0}';
  expect(readAppleGpu(properties)[0]?.busyRatio).toBe(0.37);
  expect(readAppleGpu('"PerformanceStatistics" = {}')).toEqual([]);
});

test('several together: the busiest and hottest, the sum of power and memory', () => {
  const gpus = readNvidiaGpus('10, 20, 50, 1000, 8000\n90, 30, 70, 2000, 8000\n');
  expect(sumOfGpus(gpus)).toEqual({
    count: 2,
    busyRatio: 0.9,
    powerW: 50,
    temperatureC: 70,
    memory: { usedBytes: 3000 * MIB, totalBytes: 16_000 * MIB },
  });
});

test('on this machine, whatever it has, asking throws nothing and answers at once', () => {
  const gpu = new Gpu({ clock: systemClock });
  expect(gpu.figures()).toBe(null);
});
