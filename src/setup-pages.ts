/** The guide of the first run over a Flow: where each step is read, and what its buttons do. */
import { agentCommand } from './agents/routes.ts';
import { byRealPath } from './discovery/register-found.ts';
import { looked } from './discovery/routes.ts';
import { buildBackends } from './engines/build-backends.ts';
import type { Flow } from './flow.ts';
import type { LibraryDoors } from './library-pages.ts';
import type { FragmentKey } from './live/feed.ts';
import { DEMO_ID } from './models/demo.ts';
import { EngineBoard } from './pages/settings/engine-board.ts';
import { Enquiry } from './pages/setup/enquiry.ts';
import { FirstRun } from './pages/setup/first-run.ts';
import { setUpPages } from './pages/setup/pages.tsx';
import { findPicks } from './pages/setup/picks.ts';
import { SetUp } from './pages/setup/set-up.tsx';
import { agentRows, fixedBy } from './settings-pages.ts';
import type { Shell } from './web/shell.tsx';

export type SetUpDoors = Pick<LibraryDoors, 'surroundings'> & {
  /** Says that something the page shows is another now. */
  readonly touch: (key: FragmentKey) => void;
};

/** Looking for engines runs programs; the page does not wait longer, and is told the rest. */
const PREPARE_MS_MAX = 400;
const MINUTE_MS = 60_000;
const HUB_MS_MAX = 30_000;
const FOLDERS_MS_MAX = 25_000;
const RETRY_MS = 15_000;

/** The routes of the guide, what keeps it true, and how the first run went. To be closed before Flow is. */
export function openSetUpPages(flow: Flow, shell: Shell, { surroundings, touch }: SetUpDoors) {
  const { engines, upgrades, hub, hardware, registry, headers, downloads, fleet, settings, clock } = flow;
  const board = new EngineBoard({
    shelves: () => [engines],
    upgrades,
    fixedBy: (kind) => fixedBy(flow, kind),
    onChange: () => touch('engine'),
  });
  const onChange = () => touch('model');
  const budgetBytes = () => hardware.budgetBytes;
  const picks = new Enquiry({
    ask: (signal) => findPicks(hub.fits, budgetBytes(), signal),
    ...{ withinMs: HUB_MS_MAX, keptMs: 10 * MINUTE_MS, retryMs: RETRY_MS, clock, onChange },
  });
  const local = new Enquiry({
    ask: async (signal) => {
      const { models } = await looked({ surroundings }, signal);
      const known = byRealPath(registry.list());
      return models.filter(({ realPath }) => !known.has(realPath));
    },
    ...{ withinMs: FOLDERS_MS_MAX, keptMs: MINUTE_MS, retryMs: RETRY_MS, clock, onChange },
  });
  const firstRun = new FirstRun({ ...flow, installer: engines.installer, lender: fleet });
  const setUp = new SetUp({
    ...{ board, backendsOf: buildBackends, platform: process.platform, firstRun, picks, local, budgetBytes, clock },
    models: () => registry.list(),
    defaultModel: () => settings.current.default_model,
    downloads: () => downloads.list(),
    lender: fleet,
    agents: (modelId) => agentsFor(flow, modelId),
  });
  const routes = setUpPages({
    ...{ shell, setUp, firstRun, picks, local, registry, headers, surroundings, downloads },
    prepare: () => Promise.race([board.look(), Bun.sleep(PREPARE_MS_MAX)]),
    install: () => engines.install({ source: null, version: null }),
    cancelInstall: () => engines.installer.cancel(),
    // Without an engine it is loaded by the first request, once there is one.
    loadDemo: () => {
      const hasEngine = board.kinds().some((kind) => kind.engines.length > 0);
      if (hasEngine && registry.find(DEMO_ID) !== null) fleet.load(DEMO_ID, {});
    },
  });
  return {
    setUp,
    routes,
    /** Whether nothing has ever been answered here, and nobody said that he wants no guide. */
    isFresh: () => firstRun.isFresh,
    close() {
      picks.close();
      local.close();
    },
  };
}

function agentsFor(flow: Flow, modelId: string) {
  return agentRows(flow).map(({ name, title, isInstalled, model }) => ({
    ...{ name, title, isInstalled, isConnected: model !== null },
    connect: agentCommand(name, modelId),
  }));
}
