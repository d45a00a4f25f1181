/**
 * The real llama-server for tests: `FLOW_TEST_LLAMA_SERVER`, else what Flow's own installer put into the test cache,
 * else PATH.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type RealEngine = { readonly executable: string; readonly libraryPath: string | null };

/** Finds it. Throws when there is none: a check that would be skipped is a failure (`.ci/run` installs one). */
export function realEngine(): RealEngine {
  const executable = process.env.FLOW_TEST_LLAMA_SERVER ?? cachedEngine() ?? Bun.which('llama-server');
  if (!executable) {
    throw new Error(
      'No llama-server for the tests: run `bun src/main.ts engines install llama.cpp` or set FLOW_TEST_LLAMA_SERVER',
    );
  }
  const folder = dirname(executable);
  const hasOwnLibraries = existsSync(join(folder, 'libllama.so')) || existsSync(join(folder, 'libllama.dylib'));
  return { executable, libraryPath: hasOwnLibraries ? folder : null };
}

/** `<repository>/.cache/engines` is where `.ci/run` lets Flow install an engine for the tests. */
function cachedEngine(): string | null {
  const root = join(import.meta.dir, '..', '..', '.cache', 'engines');
  if (!existsSync(root)) return null;
  // Python environments beside it hold tens of thousands of files.
  for (const folder of readdirSync(root).filter((name) => name !== 'mlx')) {
    const glob = new Bun.Glob('**/llama-server');
    for (const found of glob.scanSync({ cwd: join(root, folder), onlyFiles: true })) return join(root, folder, found);
  }
  return null;
}
