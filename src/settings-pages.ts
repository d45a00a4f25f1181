/** The Settings page over a Flow: where each thing that it shows is read, and what its actions do. */
import { join } from 'node:path';
import { count, min } from 'drizzle-orm';
import { Elysia } from 'elysia';
import { AGENTS } from './agents/agents.ts';
import { type AgentRoutesParts, agentSetUp } from './agents/routes.ts';
import { connections } from './cli/connect/ledger.ts';
import { checkDatabase, checkDataDir, checkModes, checkSettings, checkSpace } from './cli/doctor/data-checks.ts';
import { checkBudget, checkEngines, checkMlx, checkModelFiles, checkTemplates } from './cli/doctor/engine-checks.ts';
import type { Finding } from './cli/doctor/finding.ts';
import { checkExposure, checkProxies, checkRivals } from './cli/doctor/network-checks.ts';
import type { StartedKind } from './engines/engine.ts';
import { allShelves, overview } from './engines/overview.ts';
import type { Flow } from './flow.ts';
import type { FragmentKey } from './live/feed.ts';
import { EngineBoard } from './pages/settings/engine-board.ts';
import { keyPages } from './pages/settings/key-pages.tsx';
import { LiveSettings } from './pages/settings/live-settings.tsx';
import { pageOf, settingsPages } from './pages/settings/pages.tsx';
import { settingsPanelPages } from './pages/settings/panel-pages.tsx';
import { RecordKeeper } from './pages/settings/record-keeper.ts';
import { SettingsView } from './pages/settings/settings-view.ts';
import { deleteExpired } from './store/retention.ts';
import { requests } from './store/schema.ts';
import { templateWord } from './templates/routes.ts';
import type { Shell } from './web/shell.tsx';

export type SettingsDoors = {
  readonly modelOf: AgentRoutesParts['modelOf'];
  /** Says that something the page shows is another now. */
  readonly touch: (key: FragmentKey) => void;
};

/** Looking for engines runs programs; the page does not wait longer, and is told the rest. */
const PREPARE_MS_MAX = 400;

/** The routes of the page, and what keeps it true. */
export function openSettingsPages(flow: Flow, shell: Shell, { modelOf, touch }: SettingsDoors) {
  const { settings, registry, engines, mlx, upgrades, config, hub, version } = flow;
  const shelves = () => allShelves({ engines, mlx });
  const board = new EngineBoard({
    shelves,
    upgrades,
    fixedBy: (kind) => fixedBy(flow, kind),
    onChange: () => live.engineKeys.forEach(touch),
  });
  const records = openRecordKeeper(flow, () => touch('records'));
  const { host, port } = settings.current;
  const { keys, credentials } = flow;
  const hasKey = () => config.apiKey !== null || keys.hasLive;
  const isKeyRequired = () => credentials.isRequired;
  const hasToken = () => hub.token.tokenFor(new URL(hub.hubUrl()).origin) !== null;
  const view = new SettingsView({
    settings,
    models: () => registry.list(),
    engines: board,
    door: { host, port, hasKey, isKeyRequired, isOpenAllowed: config.isOpenAllowed },
    keys: () => keys.list(),
    hub: { hubUrl: () => hub.hubUrl(), hasToken },
    agents: () => agentRows(flow),
    records,
    about: () => about(flow),
  });
  const live = new LiveSettings({ view, board });
  const examine = () => findings(flow);
  const prepare = () => Promise.race([board.look(), Bun.sleep(PREPARE_MS_MAX)]);
  const signedIn = (request: Request) => signedInWords(flow, request);
  const routes = new Elysia({ name: 'settings-page' })
    .use(settingsPages({ shell, view, live, settings, version, prepare, examine, signedIn }))
    .use(keyPages({ shell, view, keys, page: pageOf({ shell, view, signedIn }) }))
    .use(
      settingsPanelPages({
        ...{ shell, view, board, shelves, upgrades, records, examine },
        install: (kind) => install(flow, kind),
        hub: { save: (token) => hub.token.save(token, hub.hubUrl()), remove: () => hub.token.remove() },
        onToken: () => touch('token'),
        setUpOf: (agent, request) => {
          const setUp = agentSetUp({ modelOf, asksForKey: isKeyRequired }, agent, null, request);
          return { ...setUp, name: setUp.agent };
        },
      }),
    );
  return { live, routes };
}

/** Who looks at a page; null when it is the owner, who was not asked for a key. */
function signedInWords({ callers, config }: Flow, request: Request): string | null {
  const key = callers.keyOf(request);
  if (key !== null) return `Signed in with the key “${key.rules.name}”, which may ${key.rules.scopes.join(' and ')}.`;
  return config.apiKey === null ? null : 'Signed in with the key that Flow was started with.';
}

/** Why the engine of a kind is the same for all of this run, in the page's words; null when it can be changed. */
export function fixedBy({ config, environment }: Flow, kind: StartedKind): string | null {
  if (kind === 'llama.cpp') {
    return config.llamaServer === null ? null : 'FLOW_LLAMA_SERVER names the engine, so no other is used in this run.';
  }
  const isNamed = (environment.FLOW_MLX_PYTHON ?? '').trim() !== '';
  return isNamed ? 'FLOW_MLX_PYTHON names an environment; what is in it is used in this run.' : null;
}

function install({ engines, mlx }: Flow, kind: StartedKind): void {
  const shelf = mlx.shelfOf(kind);
  if (shelf) shelf.install(null);
  else engines.install({ source: null, version: null });
}

function openRecordKeeper({ store, writer, clock }: Flow, onChange: () => void): RecordKeeper {
  return new RecordKeeper({
    clock,
    count() {
      writer.flush();
      const [row] = store
        .select({ all: count(), oldestMs: min(requests.startedAtMs) })
        .from(requests)
        .all();
      return { requests: row?.all ?? 0, oldestMs: row?.oldestMs ?? null };
    },
    deleteBatch: (beforeMs) => deleteExpired(store.$client, beforeMs),
    onChange,
  });
}

/** What `flow connect` has written down, and whose program is here. */
export function agentRows({ config, environment }: Flow) {
  const known = knownConnections(config.dataDir);
  return AGENTS.map(({ name, title, program }) => ({
    name,
    title,
    isInstalled: Bun.which(program, { PATH: environment.PATH ?? '' }) !== null,
    model: known.find(({ agent }) => agent === name)?.model ?? null,
  }));
}

/** A ledger that cannot be read is the command's trouble; here it says no more than none. */
function knownConnections(dataDir: string): ReturnType<typeof connections> {
  try {
    return connections(dataDir);
  } catch {
    return [];
  }
}

function about({ version, config, settings, hardware }: Flow) {
  const { chip, platform, architecture, memory_total_gb } = hardware.report();
  const { dataDir } = config;
  return {
    facts: [
      { name: 'Flow', value: version },
      { name: 'Bun', value: Bun.version },
      { name: 'Machine', value: `${chip}, ${memory_total_gb} GiB, ${platform} ${architecture}` },
      { name: 'Data folder', value: dataDir },
      { name: 'Settings file', value: join(dataDir, 'settings.json') },
      { name: 'Database', value: join(dataDir, 'flow.db') },
      { name: 'Logs', value: join(dataDir, 'logs') },
      { name: 'Models folder', value: settings.current.models_dir },
    ],
  };
}

/** What `flow doctor` looks at, from within: that Flow runs, and on which port, needs no proof here. */
async function findings(flow: Flow): Promise<readonly Finding[]> {
  const { config, settings, environment, engines, mlx, hardware, registry, presence, templates } = flow;
  const { current } = settings;
  const models = registry.list().map((model) => ({
    id: model.id,
    backend: model.format,
    missing: presence.of(model.id),
    ...templateWord(model, templates.known(model)),
  }));
  const [ofSettings, rivals, found] = await Promise.all([
    checkSettings(config.dataDir),
    checkRivals(current.port),
    overview({ engines, mlx }),
  ]);
  return [
    checkDataDir(config.dataDir, process.getuid?.() ?? null),
    ...checkModes(config.dataDir),
    ...ofSettings,
    checkDatabase(config.dataDir),
    ...checkSpace(config.dataDir, current.models_dir),
    checkExposure(current, config.apiKey !== null || flow.keys.hasLive, config.isOpenAllowed),
    checkProxies(environment),
    ...checkEngines(found, current.engine_auto_install),
    ...checkMlx(found, models, current.engine_auto_install),
    ...checkModelFiles(models),
    ...checkTemplates(models),
    checkBudget(hardware.budgetBytes, null),
    ...rivals,
  ];
}
