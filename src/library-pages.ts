/** The pages about models that are not here yet, over a Flow: which of its services they are given. */
import { Elysia } from 'elysia';
import type { DiscoveryRoutesParts } from './discovery/routes.ts';
import type { Flow } from './flow.ts';
import { downloadPages } from './pages/library/download-pages.tsx';
import { DownloadQueue } from './pages/library/download-queue.tsx';
import { getPages } from './pages/library/get-pages.tsx';
import { type ImportPagesParts, importPages } from './pages/library/import-pages.tsx';
import { statusOf } from './scheduling/status.ts';
import type { Shell } from './web/shell.tsx';

/** What other doors of Flow allow, and these pages too. */
export type LibraryDoors = Pick<ImportPagesParts, 'placeFor' | 'imports'> & Pick<DiscoveryRoutesParts, 'surroundings'>;

/** Builds them. */
export function openLibraryPages(flow: Flow, shell: Shell, { placeFor, imports, surroundings }: LibraryDoors) {
  const { clock, downloads, registry, settings, fleet } = flow;
  const queue = new DownloadQueue({ downloads, isHere: (modelId) => registry.find(modelId) !== null, clock });
  const contextTokens = () => settings.current.default_ctx_size;
  const underWay = () => queue.underWay();
  const routes = new Elysia({ name: 'library-pages' })
    .use(downloadPages({ shell, queue, downloads }))
    .use(
      getPages({
        shell,
        library: flow.hub,
        downloads,
        contextTokens,
        underWay,
        budgetBytes: () => fleet.snapshot().memory.budgetBytes,
      }),
    )
    .use(
      importPages({
        ...{ shell, registry, surroundings, placeFor, imports },
        headers: flow.headers,
        desk: flow.external,
        undo: { ...flow, statusOf: (modelId) => statusOf(fleet.model(modelId).state) },
        modelsDir: () => settings.current.models_dir,
        underWay,
      }),
    );
  return { queue, routes };
}
