/**
 * What the graphics processors tell of themselves: NVIDIA's by its own tool, AMD's by files of the kernel, Apple's by
 * the registry of devices. Where none of them answers, nothing is said.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#src/clock.ts';
import { type GpuFigures, readAppleGpu, readNvidiaGpus, sumOfGpus } from './gpu-words.ts';

export type GpuParts = { readonly clock: Pick<Clock, 'monotonicMs'> };

/** One way to ask. Null = there is nothing that would answer. */
type Source = (() => Promise<readonly GpuFigures[]>) | null;

const LOOK_AGE_MS = 5_000;
const TOOL_TIMEOUT_MS = 2_000;
const CARDS = '/sys/class/drm';
const MICRO = 1e-6;
const MILLI = 1e-3;
const NVIDIA = [
  '--query-gpu=utilization.gpu,power.draw,temperature.gpu,memory.used,memory.total',
  '--format=csv,noheader,nounits',
];
const APPLE = ['-r', '-d', '1', '-w', '0', '-c', 'IOAccelerator'];

/** Looks when it is asked and the last look is old, so that nothing is started while nobody wants to know. */
export class Gpu {
  readonly #clock: GpuParts['clock'];
  #source: Source | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #figures: GpuFigures | null = null;

  constructor({ clock }: GpuParts) {
    this.#clock = clock;
  }

  /** What the last look found, some seconds ago; null before the first, and where nothing tells. Never throws. */
  figures(): GpuFigures | null {
    this.#source ??= sourceHere();
    if (this.#source !== null && !this.#isLooking && this.#clock.monotonicMs() - this.#lookedMs > LOOK_AGE_MS) {
      void this.#look(this.#source);
    }
    return this.#figures;
  }

  async #look(source: () => Promise<readonly GpuFigures[]>): Promise<void> {
    this.#isLooking = true;
    try {
      this.#figures = sumOfGpus(await source());
    } catch {
      // A driver that is being updated: there is nothing to tell until it answers again.
      this.#figures = null;
    } finally {
      this.#isLooking = false;
      this.#lookedMs = this.#clock.monotonicMs();
    }
  }
}

function sourceHere(): Source {
  if (platform() === 'darwin') return async () => readAppleGpu(await said('ioreg', APPLE));
  const tool = Bun.which('nvidia-smi');
  if (tool !== null) return async () => readNvidiaGpus(await said(tool, NVIDIA));
  const cards = amdCards();
  return cards.length === 0 ? null : async () => cards.map(amdFigures);
}

async function said(tool: string, words: readonly string[]): Promise<string> {
  const child = Bun.spawn([tool, ...words], { stdio: ['ignore', 'pipe', 'ignore'], timeout: TOOL_TIMEOUT_MS });
  return new Response(child.stdout).text();
}

/** Folders of the devices that tell how busy they are. */
function amdCards(): readonly string[] {
  return entriesOf(CARDS)
    .filter((name) => /^card\d+$/.test(name))
    .map((name) => join(CARDS, name, 'device'))
    .filter((folder) => numberIn(join(folder, 'gpu_busy_percent')) !== null);
}

function amdFigures(folder: string): GpuFigures {
  const [sensors] = entriesOf(join(folder, 'hwmon'));
  const sensor = (name: string, unit: number): number | null => {
    const value = sensors === undefined ? null : numberIn(join(folder, 'hwmon', sensors, name));
    return value === null ? null : value * unit;
  };
  const busyPercent = numberIn(join(folder, 'gpu_busy_percent'));
  const usedBytes = numberIn(join(folder, 'mem_info_vram_used'));
  const totalBytes = numberIn(join(folder, 'mem_info_vram_total'));
  return {
    count: 1,
    busyRatio: busyPercent === null ? null : busyPercent / 100,
    powerW: sensor('power1_average', MICRO) ?? sensor('power1_input', MICRO),
    temperatureC: sensor('temp1_input', MILLI),
    memory: usedBytes === null || totalBytes === null ? null : { usedBytes, totalBytes },
  };
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function numberIn(path: string): number | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    const value = Number(text);
    return text === '' || !Number.isFinite(value) ? null : value;
  } catch {
    return null;
  }
}
