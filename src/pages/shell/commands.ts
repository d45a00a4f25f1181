/** What can be done from anywhere, as things are now. */
import { AGENTS } from '#src/agents/agents.ts';
import type { ConversationLine } from '#src/chat/conversations.ts';
import type { Model } from '#src/models/model.ts';
import { SECTIONS } from '#src/pages/settings/sections.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { chatPath } from '#views/chat/addresses.ts';
import { NAV_ENTRIES } from '#views/nav.tsx';
import type { IconName } from '#views/parts/icon.tsx';
import { settingId } from '#views/settings/setting.tsx';
import type { Command } from '#views/shell/palette.tsx';

/**
 * Pages first, then what may be done to models, those in memory before the others; then the rest, from what is wanted
 * often to what is wanted once.
 */
export function commandsFor(
  models: readonly Model[],
  fleet: readonly FleetModel[],
  conversations: readonly Pick<ConversationLine, 'id' | 'title'>[] = [],
): readonly Command[] {
  const pages = NAV_ENTRIES.map(({ label, href, icon }) => goes(label, 'page', icon, href));
  const states = new Map(fleet.map(({ modelId, state }) => [modelId, state.phase]));
  const ofModels = models.map((model) => {
    const phase = states.get(model.id) ?? 'idle';
    return { isHeld: phase === 'ready' || phase === 'starting', command: loading(model, phase) };
  });
  const held = ofModels.filter(({ isHeld }) => isHeld).map(({ command }) => command);
  const others = ofModels.filter(({ isHeld }) => !isHeld).map(({ command }) => command);
  return [
    ...pages,
    ...held,
    ...others,
    ...PLACES,
    ...models.flatMap(drawers),
    ...conversations.map(({ id, title }) => goes(title, 'conversation', 'chat', chatPath(id))),
    ...AGENT_COMMANDS,
    ...SETTING_COMMANDS,
  ];
}

/** What somebody may look for outside of Flow's own names; it is offered last, whatever was found. */
export function searchesFor(query: string): readonly Command[] {
  const words = query.trim();
  if (words === '') return [];
  const asked = new URLSearchParams({ q: words }).toString();
  return [
    goes(`Search the logs for “${words}”`, 'logs', 'logs', `/logs?${asked}`),
    goes(`Search the hub for “${words}”`, 'get models', 'search', `/models/get?${asked}`),
  ];
}

function goes(title: string, hint: string, icon: IconName, href: string, words = ''): Command {
  return { title, hint, words, icon, does: { kind: 'go', href } };
}

const theme = (title: string, value: string): Command => ({
  ...{ title, hint: 'theme', words: 'appearance colours', icon: 'theme' },
  does: { kind: 'do', name: 'data-theme-to', value },
});

const PLACES: readonly Command[] = [
  goes('Set-up', 'engine, model, agent', 'flow', '/setup', 'setup first run guide'),
  goes('Get models', 'the hub', 'download', '/models/get', 'download hugging face'),
  goes('Downloads', 'models', 'download', '/models/downloads'),
  goes('Import models', 'this machine', 'models', '/models/import', 'ollama lm studio'),
  goes('Doctor', 'looks at everything', 'settings', '/settings?doctor=1#about', 'check trouble'),
  goes('Engines', 'settings', 'settings', '/settings#engines', 'llama.cpp mlx install update'),
  theme('Theme: dark', 'dark'),
  theme('Theme: light', 'light'),
  theme('Theme: as the system', 'system'),
  {
    ...{ title: 'Keys', hint: 'what they do', words: 'shortcuts keyboard', icon: 'search' },
    does: { kind: 'do', name: 'data-opens', value: 'shortcuts' },
  },
];

const AGENT_COMMANDS: readonly Command[] = AGENTS.map(({ name, title }) =>
  goes(`Set up ${title}`, 'agent', 'settings', `/settings/agents/${name}`, 'connect'),
);

const SETTING_COMMANDS: readonly Command[] = SECTIONS.flatMap((section) =>
  section.settings.map(({ name, label }) =>
    goes(label, 'setting', 'settings', `/settings#${settingId(name)}`, `${name} ${section.title.toLowerCase()}`),
  ),
);

function loading({ id, name }: Model, phase: string): Command {
  const common = { words: '' };
  const fields = { model: id };
  if (phase === 'ready' || phase === 'starting') {
    const does = { kind: 'post', action: '/monitor/unloading', fields } as const;
    const hint = phase === 'ready' ? 'ready' : 'loading';
    return { ...common, title: `Unload ${name}`, hint, icon: 'stopping', does };
  }
  const does = { kind: 'post', action: '/monitor/loading', fields } as const;
  return { ...common, title: `Load ${name}`, hint: 'not loaded', icon: 'loading', does };
}

/** What is known and can be set of one model. */
function drawers({ id, name, endpoint, capabilities }: Model): readonly Command[] {
  const model = new URLSearchParams({ model: id }).toString();
  return [
    ...(endpoint === null ? [goes(`Load ${name} with options`, 'model', 'loading', `/models/load?${model}`)] : []),
    goes(`Settings of ${name}`, 'model', 'settings', `/models/settings?${model}`),
    ...(capabilities.embedding
      ? []
      : [goes(`Agent set-up with ${name}`, 'model', 'settings', `/models/agent?${model}`, 'connect snippet')]),
    goes(`Logs of ${name}`, 'model', 'logs', `/logs?source=${encodeURIComponent(id)}`),
  ];
}
