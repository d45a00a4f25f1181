/** The models' pages over a Flow: which of its services they are given. */
import { Elysia } from 'elysia';
import type { AgentRoutesParts } from './agents/routes.ts';
import type { Flow } from './flow.ts';
import type { JsonObject } from './json.ts';
import { launchFor } from './models/launch.ts';
import type { LaunchOverrides, Model, ModelConfig } from './models/model.ts';
import { isUnderWay } from './pages/library/download-rows.ts';
import { guidancePages } from './pages/models/guidance-pages.tsx';
import { loadPages } from './pages/models/load-pages.tsx';
import { Mine } from './pages/models/mine.tsx';
import { modelsPages } from './pages/models/pages.tsx';
import { presetPages } from './pages/models/preset-pages.tsx';
import { settingsPages } from './pages/models/settings-pages.tsx';
import { LastUses } from './requests/last-uses.ts';
import { ModelUsages } from './requests/model-usage.ts';
import type { LoadOutlooks } from './scheduling/load-outlook.ts';
import { statusOf } from './scheduling/status.ts';
import type { Shell } from './web/shell.tsx';

/** What other doors of Flow say or check, and these pages too. */
export type ModelsDoors = {
  readonly modelOf: AgentRoutesParts['modelOf'];
  /** What programs get at `/models`. */
  readonly listing: () => JsonObject;
  readonly outlooks: LoadOutlooks;
  /** Throws Fault('invalid-request') for launch settings that an engine would be refused. */
  readonly checkLaunch: (launch: LaunchOverrides, model: Model) => void;
  /** Whether it runs on another version of its engine than it would be started with now. */
  readonly isEngineReplaced: (modelId: string) => boolean;
};

/** Lines of an engine's log that a load from the form shows. */
const TRIAL_LINES = 14;

/** Builds them. */
export function openModelsPages(flow: Flow, shell: Shell, doors: ModelsDoors) {
  const { clock, logs, fleet, registry, presence, measurements, settings, store, removals } = flow;
  const usages = new ModelUsages({ store, clock });
  const lastUses = new LastUses({ store, clock });
  const plainLaunch = (model: Model) => launchFor(model, settings.current, {});
  const needModel = (modelId: string) => registry.need(modelId);
  const mine = new Mine({
    models: () => registry.list(),
    lender: fleet,
    fleetModel: (modelId) => fleet.model(modelId),
    presence,
    needOf: (model) => measurements.needOf(model, plainLaunch(model)),
    launchOf: (model) => launchFor(model, settings.current, fleet.overridesOf(model.id)),
    isEngineReplaced: doors.isEngineReplaced,
    usages: () => usages.all(),
    lastUseOf: (modelId) => lastUses.of(modelId),
    recordDays: () => settings.current.retention_days,
    linesOf: (modelId) =>
      logs.tail({ source: modelId, lines: TRIAL_LINES }).entries.map(({ text }) => Bun.stripANSI(text)),
    underWay: () => flow.downloads.list().filter(({ record }) => isUnderWay(record.state)).length,
    clock,
  });
  const common = { shell, mine, lender: fleet, needModel, registry };
  const settingsParts = {
    ...common,
    checkLaunch: doors.checkLaunch,
    presets: flow.presets,
    applyPreset: (config: ModelConfig, presetId: string) => flow.presets.applied(config, presetId),
    traits: (model: Model) => flow.traits.of(model),
  };
  const routes = new Elysia({ name: 'all-models-pages' })
    .use(
      modelsPages({
        ...common,
        presence,
        removals,
        statusOf: (modelId) => statusOf(fleet.model(modelId).state),
        listing: doors.listing,
        bringDemoBack: () => registry.bringDemoBack(),
      }),
    )
    .use(
      loadPages({
        ...common,
        outlooks: doors.outlooks,
        launchOf: plainLaunch,
        checkLaunch: doors.checkLaunch,
        formulaOf: (model, launch) => measurements.formulaOf(model, launch),
        originOf: (name) => settings.origin(name),
      }),
    )
    .use(
      guidancePages({
        ...common,
        templates: flow.templates,
        agents: { modelOf: doors.modelOf, asksForKey: () => flow.credentials.isRequired },
      }),
    )
    .use(presetPages(settingsParts))
    .use(settingsPages(settingsParts));
  return { mine, routes };
}
