/** Reads what tools say of graphics processors. Pure. */

/** Of one, or of all together; null = it does not say. */
export type GpuFigures = {
  readonly count: number;
  readonly busyRatio: number | null;
  readonly powerW: number | null;
  readonly temperatureC: number | null;
  readonly memory: { readonly usedBytes: number; readonly totalBytes: number } | null;
};

const MIB = 2 ** 20;
/** What one line of `nvidia-smi` holds: percent, watts, degrees, MiB used, MiB in all. */
const NVIDIA_FIELDS = 5;

/** One line for each, `92, 61.20, 71, 18022, 24564`; what it cannot tell is `[N/A]`. */
export function readNvidiaGpus(text: string): readonly GpuFigures[] {
  return text
    .split('\n')
    .map((line) => line.split(',').map((field) => numberOf(field)))
    .filter((fields) => fields.length === NVIDIA_FIELDS && fields.some((field) => field !== null))
    .map(([busyPercent, powerW, temperatureC, usedMib, totalMib]) => ({
      count: 1,
      busyRatio: busyPercent == null ? null : busyPercent / 100,
      powerW: powerW ?? null,
      temperatureC: temperatureC ?? null,
      memory: usedMib == null || totalMib == null ? null : { usedBytes: usedMib * MIB, totalBytes: totalMib * MIB },
    }));
}

/** One number in a long list of properties; its memory is the machine's, and tells nothing of its own. */
export function readAppleGpu(text: string): readonly GpuFigures[] {
  const percents = [...text.matchAll(/"Device Utilization %"=(\d{1,3})\b/g)].map(([, digits]) => Number(digits));
  return percents.map((percent) => ({
    count: 1,
    busyRatio: Math.min(100, percent) / 100,
    powerW: null,
    temperatureC: null,
    memory: null,
  }));
}

/** All as one: the busiest and the hottest count, power and memory add up. Null when there is none. */
export function sumOfGpus(gpus: readonly GpuFigures[]): GpuFigures | null {
  if (gpus.length === 0) return null;
  const told = (pick: (gpu: GpuFigures) => number | null): readonly number[] => gpus.flatMap((gpu) => pick(gpu) ?? []);
  const most = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.max(...values));
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const power = told(({ powerW }) => powerW);
  const memories = gpus.flatMap(({ memory }) => memory ?? []);
  return {
    count: gpus.length,
    busyRatio: most(told(({ busyRatio }) => busyRatio)),
    powerW: power.length === 0 ? null : sum(power),
    temperatureC: most(told(({ temperatureC }) => temperatureC)),
    memory:
      memories.length === 0
        ? null
        : {
            usedBytes: sum(memories.map(({ usedBytes }) => usedBytes)),
            totalBytes: sum(memories.map(({ totalBytes }) => totalBytes)),
          },
  };
}

function numberOf(field: string): number | null {
  const text = field.trim();
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null;
}
