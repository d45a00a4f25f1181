/** The table of contents: every door of Flow, in order, and the guard in front of all of them. */
import { homedir } from 'node:os';
import { Elysia } from 'elysia';
import { agentRoutes } from './agents/routes.ts';
import { apiDescriptionRoutes } from './api-description/routes.ts';
import { presetRoutes } from './behaviour/routes.ts';
import { chronicleRoutes } from './chronicle/routes.ts';
import { openDashboard } from './dashboard.ts';
import { anthropic } from './dialects/anthropic/anthropic.ts';
import { chatVoice } from './dialects/chat/voice.ts';
import type { Voice } from './dialects/dialect.ts';
import { normaliseMessages } from './dialects/normalise.ts';
import { ollamaVoice } from './dialects/ollama/voice.ts';
import { openResponses, responsesVoice } from './dialects/responses/responses.ts';
import { discoveryRoots } from './discovery/roots.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { downloadRoutes } from './downloads/routes.ts';
import { downloadWire } from './downloads/wire.ts';
import { fileRoots, templatesFolder } from './engine-room.ts';
import { allowedPath } from './engines/allowed-path.ts';
import { checkArguments } from './engines/check-arguments.ts';
import { foldersOf } from './engines/llama-server.ts';
import { type EngineRoutesParts, engineRoutes } from './engines/routes.ts';
import { externalRoutes } from './external/routes.ts';
import type { Flow } from './flow.ts';
import { LargeBodies } from './gateway/large-bodies.ts';
import { servicesByCaller } from './gateway/on-behalf.ts';
import { routerModels } from './gateway/router-models.ts';
import { gatewayRoutes } from './gateway/routes.ts';
import type { GatewayServices } from './gateway/services.ts';
import { TokenEstimates } from './gateway/token-estimates.ts';
import { hostRoutes } from './host/routes.ts';
import { hubRoutes } from './hub/routes.ts';
import { importRoutes } from './imports/routes.ts';
import { keyRoutes } from './keys/routes.ts';
import { EventStreams, eventRoutes } from './live/events.ts';
import { socketRoutes } from './live/socket.ts';
import { logRoutes } from './logs/routes.ts';
import { launchFor } from './models/launch.ts';
import type { LaunchOverrides, Model } from './models/model.ts';
import { ModelScan } from './models/model-scan.ts';
import { checkedPlace } from './models/place.ts';
import { removalRoutes } from './models/removal-routes.ts';
import { type Naming, type Resolved, resolveAmong, resolveModel } from './models/resolve.ts';
import { modelRoutes } from './models/routes.ts';
import { apiPages } from './pages/api/pages.tsx';
import { openAccounts } from './requests/accounts.ts';
import { measuredSpeeds } from './requests/measured-speeds.ts';
import { repairRoutes } from './requests/repair-routes.ts';
import { requestRoutes } from './requests/routes.ts';
import { LoadOutlooks } from './scheduling/load-outlook.ts';
import { outlookRoutes } from './scheduling/outlook-routes.ts';
import { schedulingRoutes } from './scheduling/routes.ts';
import { statusOf } from './scheduling/status.ts';
import { settingsRoutes } from './settings/routes.ts';
import { isLocalKey, LOCAL_KEY_HEADER } from './store/local-key.ts';
import { TemplateOverrides } from './templates/overrides.ts';
import { templateRoutes, templateWord } from './templates/routes.ts';
import { backendRoutes } from './upgrades/backend-routes.ts';
import { upgradeRoutes } from './upgrades/routes.ts';
import { reportSummary } from './upgrades/wire.ts';
import { openDescriptorRoom } from './web/descriptor-room.ts';
import { errorHandling, refuser } from './web/errors.tsx';
import { type Guarded, guard } from './web/guard.ts';
import { interfaceAddresses } from './web/listen.ts';
import { loginPages } from './web/login.tsx';
import { publicFiles } from './web/public-files.ts';
import { shell } from './web/shell.tsx';
import { loadVendor, vendorRoutes } from './web/vendor.ts';

/** The doors, and what must be closed with them. */
export type App = { readonly guarded: Guarded; close(): void };

/** Builds the doors. `isAccepting` turns false when Flow begins to stop. */
export async function openApp(flow: Flow, isAccepting: () => boolean): Promise<App> {
  const { settings, logs, credentials, callers, keys } = flow;
  const vendor = await loadVendor();
  const pages = shell({ vendor: vendor.urls, version: flow.version });
  const refuse = refuser({
    voiceFor,
    shell: pages,
    log: ({ requestId, path, cause }) => {
      flow.mishaps.note('request');
      logs.error('a request met the unexpected', { requestId, path, cause });
    },
  });
  const services = gatewayServices(flow);
  const dashboard = openDashboard(flow, pages, {
    listing: () => routerModels(services),
    outlooks: openOutlooks(flow),
    checkLaunch: (launch, model) => checkLaunch(flow, launch, model),
    isEngineReplaced: whatRuns(flow).isEngineReplaced,
    modelOf: (wanted) => modelWithContext(flow, wanted),
    ask: async (request) => app.fetch(request),
    resolve: (name) => resolved(flow, name).model,
    placeFor: (path, headers) => placeFor(flow, path, headers),
    surroundings: surroundings(flow),
    imports: importing(flow),
  });
  const live = openLive(flow);
  const closing = new AbortController();
  const app = new Elysia({ name: 'flow', normalize: false })
    .use(errorHandling(refuse))
    .use(vendorRoutes({ vendor }))
    .use(await publicFiles())
    .use(loginPages({ credentials, shell: pages }))
    .use(dashboard.routes)
    .use(apiPages({ shell: pages, routes: () => guarded.routes }))
    .use(live.routes)
    .use(management(flow, isAccepting, closing.signal))
    .use(apiDescriptionRoutes({ routes: () => guarded.routes, version: flow.version }))
    .use(gatewayRoutes(services, servicesByCaller({ services, callers, keys, resolveAmong: among(flow) })));
  const guarded: Guarded = guard({
    app,
    settings: () => settings.current,
    credentials,
    callers,
    onKey: (key, address, userAgent) => keys.seen(key, address, userAgent),
    refuser: refuse,
    room: openDescriptorRoom(flow.clock, (text) => flow.logs.warning(text)),
    host: settings.current.host,
    interfaceAddresses,
    port: settings.current.port,
  });
  return {
    guarded,
    close() {
      closing.abort();
      dashboard.close();
      live.close();
    },
  };
}

/** Events as JSON, for scripts. */
function openLive({ clock, bus, fleet, tracker, settings, downloads, callers }: Flow) {
  const keyOf = (request: Request) => callers.keyOf(request);
  const source = {
    clock,
    fleet: () => fleet.snapshot(),
    tracker,
    settings: () => settings.current,
    downloads: {
      list: () => downloads.list().map((view) => downloadWire(view, clock)),
      find: (id: string) => {
        const view = downloads.find(id);
        return view && downloadWire(view, clock);
      },
    },
  };
  const streams = new EventStreams({ bus, source });
  const routes = new Elysia({ name: 'live' })
    .use(eventRoutes({ streams, keyOf }))
    .use(socketRoutes({ bus, source, keyOf }));
  return { routes, close: () => streams.close() };
}

/** `/api`, `/health`, `/metrics`. */
function management(flow: Flow, isAccepting: () => boolean, closing: AbortSignal) {
  const { clock, logs, settings, fleet, tracker, registry, hardware, measurements } = flow;
  const snapshot = () => fleet.snapshot();
  return new Elysia({ name: 'management' })
    .use(hostRoutes({ ...flow, fleet: snapshot, isAccepting }))
    .use(settingsRoutes({ settings }))
    .use(keyRoutes(flow))
    .use(logRoutes({ logs, clock, closing }))
    .use(requestRoutes({ tracker, telemetry: flow.telemetry, accounts: openAccounts(flow), fleet: snapshot }))
    .use(repairRoutes({ repairs: flow.repairs }))
    .use(chronicleRoutes(flow))
    .use(engineRoutes({ engines: flow.engines, mlx: flow.mlx, updates: updateWords(flow) }))
    .use(backendRoutes(flow))
    .use(
      upgradeRoutes({
        upgrades: flow.upgrades,
        settings: () => settings.current,
        needModel: (name) => resolved(flow, name).model,
      }),
    )
    .use(externals(flow))
    .use(downloadRoutes({ downloads: flow.downloads, clock }))
    .use(hubRoutes({ library: flow.hub, modelsDir: () => settings.current.models_dir }))
    .use(agentRoutes(agentSetUps(flow)))
    .use(
      schedulingRoutes({
        fleet,
        findModel: (modelId) => registry.find(modelId),
        checkLaunch: (launch, model) => checkLaunch(flow, launch, model),
        hardware: () => hardware.report(),
        clock,
      }),
    )
    .use(
      outlookRoutes({
        outlooks: openOutlooks(flow),
        needModel: (name) => flow.presence.need(resolved(flow, name).model),
        checkLaunch: (launch, model) => checkLaunch(flow, launch, model),
      }),
    )
    .use(
      modelRoutes({
        registry,
        removals: flow.removals,
        presence: flow.presence,
        placeFor: (path, headers) => placeFor(flow, path, headers),
        scan: new ModelScan({ registry, clock, modelsDir: () => settings.current.models_dir }),
        ...whatRuns(flow),
        launchOf: (model) => launchFor(model, settings.current, fleet.overridesOf(model.id)),
        needOf: (model) => measurements.needOf(model, launchFor(model, settings.current, {})),
        checkLaunch: (launch, model) => checkLaunch(flow, launch, model),
        applyPreset: (config, presetId) => flow.presets.applied(config, presetId),
        templateOf: (model) => templateWord(model, flow.templates.known(model)),
      }),
    )
    .use(removalRoutes({ removals: flow.removals }))
    .use(discoveryRoutes({ registry, headers: flow.headers, surroundings: surroundings(flow) }))
    .use(importRoutes(importing(flow)))
    .use(templateRoutes(templating(flow)))
    .use(
      presetRoutes({
        presets: flow.presets,
        needModel: (modelId) => registry.need(modelId),
        traits: (model) => flow.traits.of(model),
      }),
    );
}

/** What agents' set-ups are made from. */
function agentSetUps(flow: Flow) {
  const modelOf = (wanted: string | null) => modelWithContext(flow, wanted);
  return { modelOf, asksForKey: () => flow.credentials.isRequired };
}

/** What loads would be like. */
function openOutlooks(flow: Flow): LoadOutlooks {
  const { clock, fleet, settings, measurements, headers, hardware, registry, telemetry } = flow;
  return new LoadOutlooks({
    clock,
    fleet,
    launchFor: (model, overrides) => launchFor(model, settings.current, overrides),
    needs: measurements,
    factsOf: (path) => headers.factsOf(path),
    availableBytes: () => hardware.memory().availableBytes,
    measured: () => measuredSpeeds({ models: () => registry.list(), telemetry, headers }),
    commandOf: flow.commandOf,
  });
}

/** Engines that somebody else started. */
function externals({ external, registry, fleet, clock }: Flow) {
  const fleetModel = (modelId: string) => fleet.model(modelId);
  return externalRoutes({ desk: external, models: () => registry.list(), fleetModel, clock });
}

/** Where other programs' files are looked for. */
function surroundings({ environment }: Flow) {
  return { environment, home: environment.HOME ?? homedir(), platform: process.platform };
}

/** Any file for the user whom Flow runs for; for others who reach the API only what lies where models lie. */
function placeFor(flow: Flow, path: string, headers: Headers): string {
  if (isOwnUser(flow, headers)) return path;
  const { models_dir, model_roots } = flow.settings.current;
  return checkedPlace(path, [models_dir, ...model_roots, ...discoveryRoots(surroundings(flow))]);
}

/** Whether a caller has shown to be the user whom Flow runs for. */
function isOwnUser({ localKey }: Flow, headers: Headers): boolean {
  return isLocalKey(headers.get(LOCAL_KEY_HEADER), localKey);
}

/** What an import may use, and where it may put things. */
function importing(flow: Flow) {
  const { registry, headers, presets, settings, config } = flow;
  const machine = () => ({
    models: registry.list(),
    headers,
    rootsFor: (path: string) => [...fileRoots(settings.current.models_dir, config.dataDir), ...foldersOf(path)],
    templatesDir: templatesFolder(config.dataDir),
  });
  const mayNameAnyFile = (ofCaller: Headers) => isOwnUser(flow, ofCaller);
  const services = { registry, presets, settings, machine, mayNameAnyFile };
  return { ...services, surroundings: surroundings(flow), dataDir: config.dataDir };
}

/** A model by name, with the context that a conversation has, or would have if it were loaded now. */
function modelWithContext(flow: Flow, wanted: string | null) {
  const { fleet, settings } = flow;
  const { model, variant } = resolved(flow, wanted);
  const { state } = fleet.model(model.id);
  const launch = launchFor(model, settings.current, fleet.overridesOf(model.id));
  return { model, variant, contextTokens: state.phase === 'ready' ? state.contextTokens : launch.ctx_size };
}

function updateWords({ settings, upgrades: { records } }: Flow): EngineRoutesParts['updates'] {
  return {
    mode: () => settings.current.engine_auto_update,
    of: (kind) => ({
      rollback_to: records.formerOf(kind),
      last_update: reportSummary(records.reportOf(kind)),
    }),
  };
}

/** What runs of a model, and whether its engine was replaced since: by an update, a choice, a way back. */
function whatRuns({ fleet, versionNow }: Flow) {
  const stateOf = (modelId: string) => fleet.model(modelId).state;
  return {
    statusOf: (modelId: string) => statusOf(stateOf(modelId)),
    isEngineReplaced(modelId: string): boolean {
      const state = stateOf(modelId);
      if (state.phase !== 'ready' || state.engine === 'openai' || state.engineVersion === null) return false;
      const version = versionNow(state.engine);
      return version !== null && version !== state.engineVersion;
    },
  };
}

/** Throws Fault('invalid-request') for what an engine would be refused, before anything is saved or started. */
function checkLaunch({ settings, config }: Flow, launch: LaunchOverrides, { format, path }: Model): void {
  const ofModel = path === '' ? [] : [path, ...foldersOf(path)];
  const roots = [...fileRoots(settings.current.models_dir, config.dataDir), ...ofModel];
  if (launch.extra_args) checkArguments(launch.extra_args, roots, { format, wished: launch.mlx_engine ?? '' });
  if (launch.chat_template_file) allowedPath(launch.chat_template_file, roots, 'chat_template_file');
}

const OLLAMA_PATH =
  /^\/api\/(?:version|tags|ps|show|chat|generate|embed|embeddings|pull|push|copy|create|delete|blobs\/.*)$/;
const CHAT_PATH = new RegExp(
  [
    '^/(?:v1|upstream)(?:/|$)',
    '^/(?:chat/completions|completions?|infill|embeddings?|rerank|reranking|tokenize|detokenize|apply-template)$',
    '^/models/(?:load|unload)$',
  ].join('|'),
);

/** Under `/v1` errors are in the words of the protocol that is spoken there. */
function voiceFor(path: string): Voice | null {
  if (path.startsWith('/v1/messages')) return anthropic;
  if (/^\/v1\/responses(\/|$)/.test(path)) return responsesVoice;
  if (OLLAMA_PATH.test(path)) return ollamaVoice(path === '/api/chat' ? 'chat' : 'generate');
  return CHAT_PATH.test(path) ? chatVoice : null;
}

function gatewayServices(flow: Flow): GatewayServices {
  const { registry, fleet, settings } = flow;
  return {
    lender: fleet,
    tracker: flow.tracker,
    client: flow.client,
    models: {
      resolve: (wanted) => resolved(flow, wanted),
      list: () => registry.list(),
    },
    settings,
    clock: flow.clock,
    pulse: flow.pulse,
    bodies: new LargeBodies(flow),
    dialects: { anthropic, responses: openResponses({ memory: flow.responses, clock: flow.clock }) },
    responses: flow.responses,
    normalise: normaliseMessages,
    facts: (model) => flow.traits.factsOf(model),
    missing: ({ id }) => flow.presence.of(id),
    version: flow.version,
    traits: (model) => flow.traits.of(model),
    seen: ({ id }) => flow.repairs.seen(id),
    estimates: new TokenEstimates(),
  };
}

function templating(flow: Flow) {
  const { registry, templates: book, config } = flow;
  const overrides = new TemplateOverrides({ book, registry, folder: templatesFolder(config.dataDir) });
  return { book, overrides, needModel: (name: string) => resolved(flow, name).model };
}

function resolved(flow: Flow, wanted: string | null): Resolved {
  return resolveModel(wanted, naming(flow));
}

function among(flow: Flow) {
  return (wanted: string | null, modelIds: ReadonlySet<string>) => resolveAmong(wanted, naming(flow), modelIds);
}

function naming({ registry, fleet, settings }: Flow): Naming {
  const models = registry.list();
  const isLoaded = ({ id }: Model) => ['starting', 'ready'].includes(fleet.model(id).state.phase);
  return {
    models,
    settings: settings.current,
    // Looked up only for a request that names no model: it asks about every model there is.
    get loaded() {
      return new Set(models.filter(isLoaded).map(({ id }) => id));
    },
  };
}
