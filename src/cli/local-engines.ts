/** The engines of a data directory whose Flow does not run: looked at and installed by the command line itself. */
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import { type Environment, type Flags, readConfig } from '#src/config.ts';
import { type Engines, openEngines } from '#src/engines/engines.ts';
import { type MlxEngines, openMlxEngines } from '#src/engines/mlx/mlx-engines.ts';
import { Bus } from '#src/events.ts';
import { readSettingsFile } from '#src/settings/file.ts';
import { openSettings, SettingsFile, type SettingsParts } from '#src/settings/store.ts';
import { lockDataDir, prepareDataDir } from '#src/store/data-dir.ts';

/** Which data directory, by which settings. */
export type Place = { readonly flags: Flags; readonly environment: Environment };

/** Engines and the settings they go by, to be disposed. */
export type LocalEngines = Disposable & {
  readonly engines: Engines;
  readonly mlx: MlxEngines;
  readonly settings: SettingsFile;
  readonly dataDir: string;
};

/** Opens them to be looked at: nothing is made, changed or mended by it. */
export async function readEngines(place: Place): Promise<LocalEngines> {
  const parts = partsOf(place);
  const settings = new SettingsFile(parts.settings, await readSettingsFile(parts.settings.path), []);
  return opened(place, parts, settings, () => {});
}

/**
 * Opens them to be changed, and holds the data directory meanwhile. Throws Fault('conflict') while a Flow or another
 * such command holds it.
 */
export async function holdEngines(place: Place): Promise<LocalEngines> {
  process.umask(0o077);
  const parts = partsOf(place);
  prepareDataDir(parts.dataDir);
  const lock = lockDataDir(parts.dataDir);
  const settings = await openSettings(parts.settings);
  return opened(place, parts, settings, () => lock[Symbol.dispose]());
}

type Parts = { readonly dataDir: string; readonly configured: string | null; readonly settings: SettingsParts };

function partsOf({ flags, environment }: Place): Parts {
  const config = readConfig(flags, environment);
  return {
    dataDir: config.dataDir,
    configured: config.llamaServer,
    settings: {
      path: join(config.dataDir, 'settings.json'),
      bus: new Bus(),
      clock: systemClock,
      overrides: config.fixed,
      modelsDirDefault: join(config.dataDir, 'models'),
    },
  };
}

function opened(place: Place, parts: Parts, settings: SettingsFile, release: () => void): LocalEngines {
  const { dataDir, configured } = parts;
  const { bus, clock } = parts.settings;
  const { environment } = place;
  const shelf = { dataDir, environment, settings, bus, clock, executablesInUse: () => [] };
  return {
    engines: openEngines({ ...shelf, configured }),
    mlx: openMlxEngines(shelf),
    settings,
    dataDir,
    [Symbol.dispose]() {
      settings[Symbol.dispose]();
      release();
    },
  };
}
