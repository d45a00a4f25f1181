/** What this machine is, and how much of its memory is in use. */
import { arch, cpus, platform } from 'node:os';
import type { Clock } from '#src/clock.ts';
import type { Settings } from '#src/settings/settings.ts';
import { cgroupLimitBytes, type PresentMemory, presentMemory } from './machine.ts';
import { budgetBytes, type MachineMemory, metalWorkingSetBytes } from './memory-budget.ts';

export type HardwareParts = {
  readonly clock: Clock;
  readonly settings: () => Pick<Settings, 'memory_limit_gb' | 'memory_headroom_gb'>;
};

/** In the seed's fields and units (GiB, one decimal), then ours. */
export type HardwareReport = {
  readonly chip: string;
  readonly memory_total_gb: number;
  readonly memory_available_gb: number;
  readonly memory_used_gb: number;
  /** Physical cores. */
  readonly cpu_count: number;
  readonly is_apple_silicon: boolean;
  readonly metal_supported: boolean;
  readonly recommended_max_model_gb: number;
  readonly memory_budget_bytes: number;
  readonly platform: string;
  readonly architecture: string;
};

const GIB = 2 ** 30;
const MAC_MEMORY_AGE_MS = 5_000;
const MACHINE_AGE_MS = 5_000;
const SYSCTL_TIMEOUT_MS = 2_000;

/**
 * Knows the machine. Cheap from the first moment by what the runtime tells; `look` asks further, once, after Flow
 * listens, because that starts programs (8 of them, 46 ms at worst, measured).
 */
export class Hardware {
  readonly #parts: HardwareParts;
  readonly #isMac = platform() === 'darwin';
  readonly #isAppleSilicon = platform() === 'darwin' && arch() === 'arm64';
  #chip = cpus()[0]?.model.trim() || `Unknown (${arch()})`;
  #coreCount = cpus().length || 1;
  #wiredLimitMb: number | null = null;
  #machine: MachineMemory | null = null;
  #machineAtMs = 0;
  #macMemory: PresentMemory | null = null;
  #macMemoryAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: HardwareParts) {
    this.#parts = parts;
  }

  /** Finds out what takes longer: cores, and on a Mac Metal's limit. Never rejects. */
  async look(): Promise<void> {
    await Promise.all([this.#lookAtChip(), this.#lookAtMetal()]);
    if (this.#isMac) await this.#lookAtMacMemory();
  }

  /** Bytes that models may take together, by the present settings. */
  get budgetBytes(): number {
    return budgetBytes(this.#parts.settings(), this.#machineMemory());
  }

  /** Memory now. On a Mac at most five seconds old, since asking starts a program there. */
  memory(): PresentMemory {
    if (!this.#isMac) return presentMemory();
    if (this.#parts.clock.monotonicMs() - this.#macMemoryAtMs > MAC_MEMORY_AGE_MS) void this.#lookAtMacMemory();
    return this.#macMemory ?? presentMemory();
  }

  report(): HardwareReport {
    const { totalBytes, availableBytes } = this.memory();
    return {
      chip: this.#chip,
      memory_total_gb: gib(totalBytes),
      memory_available_gb: gib(availableBytes),
      memory_used_gb: gib(totalBytes - availableBytes),
      cpu_count: this.#coreCount,
      is_apple_silicon: this.#isAppleSilicon,
      metal_supported: this.#isAppleSilicon,
      recommended_max_model_gb: gib(this.budgetBytes),
      memory_budget_bytes: this.budgetBytes,
      platform: platform(),
      architecture: arch(),
    };
  }

  /** The scheduler asks for the budget at every decision, so the files are read at most every five seconds. */
  #machineMemory(): MachineMemory {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#machine === null || nowMs - this.#machineAtMs > MACHINE_AGE_MS) {
      const { totalBytes } = presentMemory();
      this.#machine = {
        totalBytes,
        cgroupLimitBytes: this.#isMac ? null : cgroupLimitBytes(),
        metalBytes: this.#isAppleSilicon ? metalWorkingSetBytes(totalBytes, this.#wiredLimitMb) : null,
      };
      this.#machineAtMs = nowMs;
    }
    return this.#machine;
  }

  async #lookAtChip(): Promise<void> {
    try {
      // Importing it takes 123 ms and 15 MB: not before the first page is served.
      const { cpu } = await import('systeminformation');
      const { manufacturer, brand, physicalCores } = await cpu();
      const name = brand.startsWith(manufacturer) ? brand : `${manufacturer} ${brand}`;
      if (brand !== '') this.#chip = name.trim();
      if (physicalCores > 0) this.#coreCount = physicalCores;
    } catch {
      // What the runtime said at first is good enough.
    }
  }

  async #lookAtMetal(): Promise<void> {
    if (!this.#isAppleSilicon) return;
    try {
      const child = Bun.spawn(['sysctl', '-n', 'iogpu.wired_limit_mb'], {
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: SYSCTL_TIMEOUT_MS,
      });
      const limitMb = Number((await new Response(child.stdout).text()).trim());
      this.#wiredLimitMb = Number.isFinite(limitMb) ? limitMb : null;
    } catch {
      // An older macOS has no such value; its default is what we assume anyway.
    }
  }

  /** The runtime counts only untouched pages as free there, which would make every Mac look full. */
  async #lookAtMacMemory(): Promise<void> {
    this.#macMemoryAtMs = this.#parts.clock.monotonicMs();
    try {
      const { mem } = await import('systeminformation');
      const { total, free, available } = await mem();
      this.#macMemory = { totalBytes: total, freeBytes: free, availableBytes: available };
    } catch {
      // The last answer stays.
    }
  }
}

function gib(bytes: number): number {
  return Math.round((bytes / GIB) * 10) / 10;
}
