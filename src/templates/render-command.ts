/** How the rendering process and its thread are started: from their sources, or out of the single executable. */
import { join } from 'node:path';

/** The word by which the executable knows that it is to render, and to be nothing else (`src/executable.ts`). */
export const RENDER_WORD = '--render-templates';

/** The program and its arguments. */
export const RENDER_COMMAND: readonly string[] = Bun.isStandaloneExecutable
  ? [process.execPath, RENDER_WORD]
  : [process.execPath, '--no-install', join(import.meta.dir, 'render-process.ts')];

/** What the process gives to `Worker`; the executable keeps its modules under their paths below `src`. */
export const RENDER_THREAD = Bun.isStandaloneExecutable
  ? join(import.meta.dir, 'templates', 'render-thread.ts')
  : join(import.meta.dir, 'render-thread.ts');
