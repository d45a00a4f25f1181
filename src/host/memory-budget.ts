/** How much memory models may take together. Pure. */
import type { Settings } from '#src/settings/settings.ts';

/** What bounds the memory of this machine, in bytes. */
export type MachineMemory = {
  readonly totalBytes: number;
  /** The container's limit; null when there is none. */
  readonly cgroupLimitBytes: number | null;
  /** What Metal lets stay resident; null where there is no Metal. */
  readonly metalBytes: number | null;
};

const GB = 1e9;
const GIB = 2 ** 30;
/** A machine smaller than the headroom still gets to load something small. */
const BUDGET_RATIO_MIN = 0.25;

/** The user's limit, else what the machine can spare: all of it less the headroom, within the container and Metal. */
export function budgetBytes(
  { memory_limit_gb, memory_headroom_gb }: Pick<Settings, 'memory_limit_gb' | 'memory_headroom_gb'>,
  machine: MachineMemory,
): number {
  if (memory_limit_gb > 0) return Math.round(memory_limit_gb * GB);
  const usable = Math.min(machine.totalBytes, machine.cgroupLimitBytes ?? Number.POSITIVE_INFINITY);
  const spared = Math.max(usable - memory_headroom_gb * GB, usable * BUDGET_RATIO_MIN);
  return Math.floor(Math.min(spared, machine.metalBytes ?? Number.POSITIVE_INFINITY));
}

/**
 * Metal's working set: `iogpu.wired_limit_mb` where somebody set it (0 or null = not set), else what macOS gives by
 * default: two thirds of the memory up to 36 GiB, three quarters above.
 */
export function metalWorkingSetBytes(totalBytes: number, wiredLimitMb: number | null): number {
  if (wiredLimitMb !== null && wiredLimitMb > 0) return Math.min(totalBytes, wiredLimitMb * 2 ** 20);
  return Math.floor(totalBytes > 36 * GIB ? totalBytes * 0.75 : (totalBytes * 2) / 3);
}
