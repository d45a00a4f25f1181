/** The pages about models that are not here yet, over a Flow: which of its services they are given. */
import { Elysia } from 'elysia';
import type { Flow } from './flow.ts';
import { downloadPages } from './pages/library/download-pages.tsx';
import { DownloadQueue } from './pages/library/download-queue.tsx';
import type { Shell } from './web/shell.tsx';

/** Builds them. */
export function openLibraryPages(flow: Flow, shell: Shell) {
  const { clock, downloads, registry } = flow;
  const queue = new DownloadQueue({ downloads, isHere: (modelId) => registry.find(modelId) !== null, clock });
  const routes = new Elysia({ name: 'library-pages' }).use(downloadPages({ shell, queue, downloads }));
  return { queue, routes };
}
