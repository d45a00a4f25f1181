/**
 * Real MLX servers for tests, installed by Flow's own installer into `<repository>/.cache/engines/mlx` once and used by
 * all test files.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#src/clock.ts';
import type { InstalledEngine } from '#src/engines/engine.ts';
import { MLX_PROGRAMS, type MlxKind } from '#src/engines/mlx/kinds.ts';
import { MlxShelf } from '#src/engines/mlx/shelf.ts';
import { Bus } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import { sampleSettings } from './sample-settings.ts';

const INSTALL_DIR = join(import.meta.dir, '..', '..', '.cache', 'engines', 'mlx');
const LOCK_MS_MAX = 900_000;

/** A kind's server with what Flow knows of it. */
export type RealMlx = InstalledEngine & { readonly shelf: MlxShelf };

/**
 * The tested version of a kind, installed if need be. Null only when the package index cannot be reached and nobody
 * demands the test (`CI` is not set): then the test says that it was left out. Throws on every other trouble.
 */
export async function realMlx(kind: MlxKind): Promise<RealMlx | null> {
  const shelf = testShelf(kind, INSTALL_DIR);
  const wanted = `${kind}-${MLX_PROGRAMS[kind].version}`;
  const present = async () => (await shelf.list()).installed.find(({ id }) => id === wanted);
  const found = await present();
  if (found) return { ...found, shelf };
  try {
    using _ = await installLock(kind);
    // Another test file may have installed it meanwhile.
    const engine =
      (await present()) ?? (await shelf.add(MLX_PROGRAMS[kind].version, new AbortController().signal, () => {}));
    return { ...engine, shelf };
  } catch (cause) {
    if (process.env.CI || !(cause instanceof Fault && cause.kind === 'offline')) throw cause;
    process.stderr.write(`Left out what needs ${kind}: ${cause.message}\n`);
    return null;
  }
}

/** A shelf over a folder, with nothing that others installed. */
export function testShelf(kind: MlxKind, installDir: string, environment = process.env): MlxShelf {
  const { FLOW_MLX_PYTHON: _, ...rest } = environment;
  return new MlxShelf({
    kind,
    installDir,
    environment: rest,
    machine: { platform: platform(), architecture: arch() },
    bus: new Bus(),
    clock: systemClock,
    places: { python: null, environment: {}, homebrewDirs: [] },
    settings: { current: sampleSettings(), update: async () => sampleSettings() },
    executablesInUse: () => [],
  });
}

/** Held while a kind is installed, by one process at a time; one whose holder is gone counts no more. */
async function installLock(kind: MlxKind): Promise<Disposable> {
  mkdirSync(INSTALL_DIR, { recursive: true });
  const path = join(INSTALL_DIR, `.lock-${kind}`);
  const endMs = performance.now() + LOCK_MS_MAX;
  while (performance.now() < endMs) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    } catch {
      if (!isHeld(path)) rmSync(path, { force: true });
      await Bun.sleep(200);
    }
  }
  throw new Error(`Another process has installed ${kind} for ${LOCK_MS_MAX} ms`);
}

function isHeld(path: string): boolean {
  if (!existsSync(path)) return false;
  const pid = Number(readFileSync(path, 'utf8'));
  // Made a moment ago, and not written yet.
  if (!Number.isInteger(pid) || pid < 2) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
