/** The pages, and the connection that keeps them true. */
import { Elysia } from 'elysia';
import type { Flow } from './flow.ts';
import { type LibraryDoors, openLibraryPages } from './library-pages.ts';
import { Feeds, type FragmentKey, type Topic } from './live/feed.ts';
import { keepLive, type LiveTopic } from './live/keep-live.ts';
import { liveRoutes, SHELL_TOPIC } from './live/routes.ts';
import { KeptFiles } from './logs/kept-files.ts';
import { type ModelsDoors, openModelsPages } from './models-pages.ts';
import { MONITOR_TOPIC, openMonitorPages } from './monitor-pages.ts';
import { CHAT_FAMILY } from './pages/chat/keep-chat-live.ts';
import { type ChatParts, openChat } from './pages/chat/open-chat.ts';
import { DOWNLOADS_TOPIC } from './pages/library/download-pages.tsx';
import { LogNews } from './pages/logs/log-news.tsx';
import { logPages } from './pages/logs/pages.tsx';
import { chatPlaceOf } from './pages/requests/chat-place.ts';
import { requestPages } from './pages/requests/pages.tsx';
import { SETUP_TOPIC } from './pages/setup/pages.tsx';
import { commandsFor } from './pages/shell/commands.ts';
import { shellPages } from './pages/shell/pages.tsx';
import { StatusBar } from './pages/shell/status-bar.tsx';
import { openTelemetry } from './pages/telemetry/open-telemetry.ts';
import type { RequestAccount } from './requests/account.ts';
import { openAccounts } from './requests/accounts.ts';
import { openSettingsPages, type SettingsDoors } from './settings-pages.ts';
import { openSetUpPages } from './setup-pages.ts';
import type { Shell } from './web/shell.tsx';

/** What the pages use of the doors behind them. */
export type Doors = ModelsDoors & LibraryDoors & Pick<SettingsDoors, 'modelOf'> & Pick<ChatParts, 'ask' | 'resolve'>;

/** Older ones are found on the chat's own page. */
const CONVERSATIONS_FOUND_MAX = 300;

/** Builds the pages over a Flow. To be closed before Flow is. */
export function openDashboard(flow: Flow, shell: Shell, doors: Doors) {
  const { clock, bus, logs, fleet, tracker, registry, downloads, version } = flow;
  const errors = () => ({ sinceMs: logs.sinceMs, count: logs.errorCount });
  const statusBar = new StatusBar({ lender: fleet, tracker, downloads: () => downloads.list(), errors, clock });
  const logNews = new LogNews({ logs, lender: fleet });
  const models = openModelsPages(flow, shell, doors);
  const library = openLibraryPages(flow, shell, doors);
  const touch = (key: FragmentKey) => feeds.touch('settings', key);
  const settings = openSettingsPages(flow, shell, { modelOf: doors.modelOf, touch });
  const setUp = openSetUpPages(flow, shell, { ...doors, touch: (key) => feeds.touch(SETUP_TOPIC, key) });
  const monitor = openMonitorPages(flow, shell, { ...doors, isFresh: setUp.isFresh });
  const chat = openChatOver(flow, doors);
  const families = new Map([[CHAT_FAMILY, chat.view]]);
  const telemetry = openTelemetry({ ...flow, retentionDays: () => flow.settings.current.retention_days }, shell);
  const topics = new Map<Topic, LiveTopic>([
    [SHELL_TOPIC, statusBar],
    [MONITOR_TOPIC, monitor.monitor],
    ['models', models.mine],
    [DOWNLOADS_TOPIC, library.queue],
    ['telemetry', telemetry.news],
    ['logs', logNews],
    ['settings', settings.live],
    [SETUP_TOPIC, setUp.setUp],
  ]);
  const log = (cause: unknown) => logs.error('a fragment could not be rendered', { cause });
  const feeds = new Feeds({ topics, families, clock, version, log, standingNotice: standingNotice(flow) });
  const live = keepLive({ bus, feeds, topics, clock });
  const pace = monitor.keep(feeds);
  const chatLive = chat.keepLive(feeds, bus);
  const talks = () => chat.view.sources.conversations.list(CONVERSATIONS_FOUND_MAX);
  const commands = () => commandsFor(registry.list(), fleet.snapshot().models, talks());
  const routes = new Elysia({ name: 'dashboard' })
    .use(liveRoutes({ feeds, keyOf: (request) => flow.callers.keyOf(request) }))
    .use(shellPages({ shell, commands }))
    .use(telemetry.routes)
    .use(logPages({ logs, files: new KeptFiles(logs.folder), news: logNews, shell }))
    .use(requestPages({ ...requestParts(flow), shell }))
    .use(models.routes)
    .use(library.routes)
    .use(chat.routes(shell))
    .use(settings.routes)
    .use(setUp.routes)
    .use(monitor.routes);
  return {
    routes,
    close() {
      live[Symbol.dispose]();
      pace[Symbol.dispose]();
      chatLive[Symbol.dispose]();
      feeds.close();
      setUp.close();
      void chat.close();
    },
  };
}

function requestParts(flow: Flow) {
  const { store, tracker, clock, registry, presets } = flow;
  const chatOf = (account: RequestAccount) => chatPlaceOf(store, account);
  const presetOf = (modelId: string) => {
    const chosen = registry.find(modelId)?.config.preset ?? null;
    return chosen === null ? null : (presets.list().find(({ id }) => id === chosen) ?? null);
  };
  return { accounts: openAccounts(flow), tracker, chatOf, presetOf, wallMs: () => clock.wallMs() };
}

function openChatOver({ store, clock, tracker, registry, fleet }: Flow, { ask, resolve }: Doors) {
  const models = () => registry.list();
  return openChat({ store, clock, tracker, models, resolve, fleetModel: (id) => fleet.model(id), ask });
}

/** Troubles of the start last as long as the run: nobody had a page open when they were told. */
function standingNotice({ notices }: Flow): string | null {
  const troubles = notices.list().filter(({ tone }) => tone !== 'info');
  const text = troubles.map((trouble) => trouble.text).join(' ');
  return text === '' ? null : JSON.stringify({ tone: 'warning', text });
}
