/** The Monitor over a Flow: which of its services it is given, and who lets it book each second. */
import type { Timer } from './clock.ts';
import type { Flow } from './flow.ts';
import { Gpu } from './host/gpu.ts';
import type { Feeds } from './live/feed.ts';
import { isOutdated, launchFor } from './models/launch.ts';
import { keepPace } from './pages/monitor/keep-pace.ts';
import { Monitor } from './pages/monitor/monitor.tsx';
import { type MonitorPagesParts, monitorPages } from './pages/monitor/pages.tsx';
import { ModelUsages } from './requests/model-usage.ts';
import type { Shell } from './web/shell.tsx';

/** What the Monitor's page looks at. */
export const MONITOR_TOPIC = 'monitor';

/** What it asks of its surroundings. */
export type MonitorDoors = Pick<MonitorPagesParts, 'isFresh'> & {
  /** Whether it runs on another version of its engine than it would be started with now. */
  readonly isEngineReplaced: (modelId: string) => boolean;
};

/** Builds it. `keep` runs until what it gives is disposed. */
export function openMonitorPages(flow: Flow, shell: Shell, doors: MonitorDoors) {
  const { clock, fleet, tracker, registry, hardware, settings, store } = flow;
  const usages = new ModelUsages({ store, clock });
  const gpu = new Gpu({ clock });
  const monitor = new Monitor({
    models: () => registry.list(),
    lender: fleet,
    tracker,
    memory: () => hardware.memory(),
    gpu: () => gpu.figures(),
    usages: () => usages.all(),
    slotsOf: (model) => launchFor(model, settings.current, {}).n_parallel,
    isOutdated: (model, { state }) =>
      isOutdated({
        model,
        running: state.phase === 'ready' ? state.launch : null,
        launch: launchFor(model, settings.current, fleet.overridesOf(model.id)),
        isEngineReplaced: doors.isEngineReplaced(model.id),
      }),
    clock,
  });
  const routes = monitorPages({
    monitor,
    shell,
    lender: fleet,
    tracker,
    isFresh: doors.isFresh,
    findModel: (modelId) => registry.find(modelId),
    pin: (modelId, isPinned) => void registry.updateConfig(modelId, { is_pinned: isPinned }),
  });
  const keep = (feeds: Feeds): Timer => keepPace({ monitor, feeds, topic: MONITOR_TOPIC, clock });
  return { monitor, routes, keep };
}
