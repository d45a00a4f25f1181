/** A shelf in a temporary folder, over wheels that the test made. */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import type { InstallProgress } from '#src/engines/install-source.ts';
import type { Machine } from '#src/engines/mlx/package-set.ts';
import { MlxShelf } from '#src/engines/mlx/shelf.ts';
import { Bus } from '#src/events.ts';
import { openSettings } from '#src/settings/store.ts';
import { packageIndex, type ServerKindOfTest, writeWheels } from './tiny-wheels.ts';

export type ShelfBench = AsyncDisposable & {
  readonly shelf: MlxShelf;
  readonly folder: string;
  readonly installDir: string;
  readonly steps: readonly InstallProgress[];
  readonly inUse: string[];
  readonly setSettings: (patch: Record<string, unknown>) => Promise<unknown>;
  /** Everything in the folder of environments, hidden or not. */
  readonly names: () => string[];
};

export type ShelfBenchParts = {
  readonly versions?: Readonly<Record<string, ServerKindOfTest>>;
  /** `pip` hides uv. */
  readonly tool?: 'any' | 'pip' | 'none';
  readonly environment?: Readonly<Record<string, string>>;
  readonly machine?: Machine;
  /** Where servers of others are looked for. */
  readonly path?: string;
  readonly python?: string;
};

export async function shelfBench(parts: ShelfBenchParts = {}): Promise<ShelfBench> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'flow-mlx-')));
  const wheels = join(folder, 'wheels');
  writeWheels(wheels, parts.versions ?? { '9.1': 'sound', '9.2': 'sound', '9.3': 'broken' });
  const index = packageIndex(wheels);
  const bus = new Bus();
  const settings = await openSettings({
    path: join(folder, 'settings.json'),
    bus,
    clock: systemClock,
    overrides: {},
    modelsDirDefault: join(folder, 'models'),
  });
  const environment = {
    ...pathFor(parts.tool ?? 'any', folder),
    HOME: folder,
    ...{ UV_DEFAULT_INDEX: index.url, UV_CACHE_DIR: join(folder, 'uv-cache') },
    ...{ PIP_INDEX_URL: index.url, PIP_CACHE_DIR: join(folder, 'pip-cache') },
    ...parts.environment,
  };
  const installDir = join(folder, 'engines', 'mlx');
  const inUse: string[] = [];
  const shelf = new MlxShelf({
    kind: 'mlx-lm',
    installDir,
    environment,
    machine: parts.machine ?? { platform: platform(), architecture: arch() },
    bus,
    clock: systemClock,
    places: { python: parts.python ?? null, environment: { PATH: parts.path ?? '' }, homebrewDirs: [] },
    settings,
    executablesInUse: () => inUse,
  });
  const steps: InstallProgress[] = [];
  shelf.installer.onProgress((step) => steps.push(step));
  return {
    ...{ shelf, folder, installDir, steps, inUse },
    setSettings: (patch) => settings.update(patch),
    names: () => {
      try {
        return readdirSync(installDir).sort();
      } catch {
        return [];
      }
    },
    async [Symbol.asyncDispose]() {
      shelf.installer.cancel();
      settings[Symbol.dispose]();
      index[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A `PATH` with a Python and, unless it is to be hidden, whatever uv there is. */
function pathFor(tool: 'any' | 'pip' | 'none', folder: string): { readonly PATH: string } {
  if (tool === 'any') return { PATH: process.env.PATH ?? '' };
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  if (tool === 'pip') symlinkSync(realPython(), join(bin, 'python3'));
  return { PATH: bin };
}

/** A shim would look for more on `PATH`. */
function realPython(): string {
  const { stdout } = Bun.spawnSync(['python3', '-c', 'import sys; print(sys.executable)']);
  return stdout.toString().trim();
}
