/** Engines in a temporary data folder, with the sources a test wants. */
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { Engines } from '#src/engines/engines.ts';
import type { Environment } from '#src/engines/environment.ts';
import type { InstallProgress, InstallSource } from '#src/engines/install-source.ts';
import { Installer } from '#src/engines/installer.ts';
import { releaseArchive } from '#src/engines/release-archive.ts';
import { Bus, type FlowEvent } from '#src/events.ts';
import { openSettings } from '#src/settings/store.ts';

export type Bench = AsyncDisposable & {
  readonly folder: string;
  readonly installDir: string;
  readonly engines: Engines;
  readonly installer: Installer;
  readonly steps: readonly InstallProgress[];
  readonly events: readonly FlowEvent[];
  readonly setSettings: (patch: Record<string, unknown>) => Promise<unknown>;
  /** Programs to be taken for running ones. */
  readonly inUse: string[];
  /** Everything in the folder of installed engines, hidden or not. */
  readonly installedNames: () => string[];
};

export type BenchParts = {
  readonly sources?: readonly InstallSource[];
  /** Makes the release archive a source, from this host. */
  readonly releasesUrl?: string;
  readonly configured?: string | null;
  readonly environment?: Environment;
  readonly homebrewDirs?: readonly string[];
  readonly folder?: string;
};

/** PATH holds the system's tools only, so that no llama-server of the machine is found by chance. */
export const PLAIN: Environment = { PATH: '/usr/bin:/bin', HOME: process.env.HOME };

export async function bench(parts: BenchParts = {}): Promise<Bench> {
  const folder = parts.folder ?? realpathSync(mkdtempSync(join(tmpdir(), 'flow-engines-')));
  const installDir = join(folder, 'engines', 'llama.cpp');
  mkdirSync(join(folder, 'engines'), { recursive: true });
  const bus = new Bus();
  const events: FlowEvent[] = [];
  bus.subscribe((event) => events.push(event));
  const environment = parts.environment ?? PLAIN;
  const releasesUrl = parts.releasesUrl ?? 'http://127.0.0.1:9/releases';
  const machine = { platform: 'linux', architecture: 'x64', environment };
  const release = releaseArchive({ ...machine, releasesUrl, hasVulkan: () => false });
  const sources = parts.sources ?? [release];
  const installer = new Installer({ installDir, sources, environment, bus, clock: systemClock });
  const steps: InstallProgress[] = [];
  installer.onProgress((progress) => steps.push(progress));
  const settings = await openSettings({
    path: join(folder, 'settings.json'),
    bus,
    clock: systemClock,
    overrides: {},
    modelsDirDefault: join(folder, 'models'),
  });
  const inUse: string[] = [];
  const places = {
    configured: parts.configured ?? null,
    installDir,
    environment,
    homebrewDirs: parts.homebrewDirs ?? [],
  };
  const executablesInUse = () => inUse;
  const engines = new Engines({ places, installer, settings, bus, clock: systemClock, releasesUrl, executablesInUse });
  return {
    folder,
    installDir,
    engines,
    installer,
    steps,
    events,
    inUse,
    setSettings: (patch) => settings.update(patch),
    installedNames: () => {
      try {
        return readdirSync(installDir).sort();
      } catch {
        return [];
      }
    },
    async [Symbol.asyncDispose]() {
      installer.cancel();
      settings[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
