/** @jsxImportSource @kitajs/html */
/** Keeps open Settings pages true: each setting by itself, and what stands beside them. */
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { SettingName } from '#src/settings/settings.ts';
import { isSettingName, SETTING_NAMES } from '#src/settings/validation.ts';
import { markupOf } from '#src/web/markup.ts';
import { Partial } from '#views/parts/partial.tsx';
import { Agents, agentsId } from '#views/settings/agents.tsx';
import { Engines, enginesId } from '#views/settings/engines.tsx';
import { KeyList, keyModelsId, keysId, OfferedModels } from '#views/settings/keys.tsx';
import { Edition, editionId } from '#views/settings/page.tsx';
import { Network, networkId, Records, recordsId, Token, tokenId } from '#views/settings/panels.tsx';
import { liveSettingTarget, Setting } from '#views/settings/setting.tsx';
import type { EngineBoard } from './engine-board.ts';
import { NEW_KEY } from './key-view.ts';
import { ENGINE_CHOICES, MODEL_CHOICES } from './sections.ts';
import type { SettingsView } from './settings-view.ts';

const FIELD_PREFIX = 'field:';
const PANEL_KEYS: readonly FragmentKey[] = ['engines', 'network', 'token', 'agents', 'records', 'keys', 'key-models'];
const ENGINE_FIELDS = Object.keys(ENGINE_CHOICES).map((name) => `${FIELD_PREFIX}${name}`);
const MODEL_FIELDS = [...MODEL_CHOICES].map((name) => `${FIELD_PREFIX}${name}`);
/** What a change of a setting changes beside the setting itself. */
const FOLLOWING: Readonly<Record<string, FragmentKey>> = {
  host: 'network',
  port: 'network',
  require_key: 'network',
  hub_url: 'token',
};

export type LiveSettingsParts = {
  readonly view: SettingsView;
  /** Looks again when engines have changed; says itself when it has. */
  readonly board: Pick<EngineBoard, 'look'>;
};

/** The topic of the page. A browser that connects gets the edition, and asks for the settings if it has another. */
export class LiveSettings implements LiveTopic {
  /** Agents are connected by other programs, which tell nobody. */
  readonly fadingKeys: readonly FragmentKey[] = ['agents', 'records', 'keys'];
  readonly #parts: LiveSettingsParts;

  constructor(parts: LiveSettingsParts) {
    this.#parts = parts;
  }

  all(): readonly FragmentKey[] {
    return [...PANEL_KEYS, 'edition'];
  }

  isAlone(): boolean {
    return true;
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    switch (event.type) {
      case 'settings-changed':
        if (event.keys.some((key) => Object.hasOwn(ENGINE_CHOICES, key))) void this.#parts.board.look();
        return [
          ...event.keys.map((key) => `${FIELD_PREFIX}${key}`),
          ...event.keys.flatMap((key) => FOLLOWING[key] ?? []),
        ];
      case 'keys-changed':
        return ['keys', 'network'];
      case 'engine-install-changed':
        void this.#parts.board.look();
        return ['engines'];
      case 'model-added':
      case 'model-removed':
        return [...MODEL_FIELDS, 'key-models'];
      default:
        return [];
    }
  }

  /** What another look at the engines may have changed. */
  get engineKeys(): readonly FragmentKey[] {
    return ['engines', ...ENGINE_FIELDS];
  }

  /** Every setting, for a browser that was away. */
  everything(): string {
    const fields = SETTING_NAMES.map((name) => this.#field(name)).join('');
    return `${fields}${markupOf(this.#edition(true))}`;
  }

  render(key: FragmentKey): string {
    if (!key.startsWith(FIELD_PREFIX)) return markupOf(this.#panel(key));
    const name = key.slice(FIELD_PREFIX.length);
    return isSettingName(name) ? `${this.#field(name)}${markupOf(this.#edition(true))}` : '';
  }

  #field(name: SettingName): string {
    return markupOf(
      <Partial target={liveSettingTarget(name)} swap="outerMorph">
        <Setting setting={this.#parts.view.setting(name)} />
      </Partial>,
    );
  }

  #edition(isTold: boolean): JSX.Element {
    return panel(editionId, <Edition edition={this.#parts.view.edition()} isTold={isTold} />);
  }

  #panel(key: FragmentKey): JSX.Element {
    const { view } = this.#parts;
    switch (key) {
      case 'engines':
        return panel(enginesId, <Engines kinds={view.engines()} />);
      case 'network':
        return panel(networkId, <Network network={view.network()} />);
      case 'token':
        return panel(tokenId, <Token token={view.token()} />);
      case 'agents':
        return panel(agentsId, <Agents agents={view.agents()} />);
      case 'records':
        return panel(recordsId, <Records records={view.records()} />);
      case 'keys':
        return panel(keysId, <KeyList keys={view.keys()} />);
      case 'key-models':
        return panel(keyModelsId, <OfferedModels draft={view.keyDraft(NEW_KEY)} />);
      case 'edition':
        return this.#edition(false);
      default:
        return '';
    }
  }
}

function panel(target: string, safeMarkup: JSX.Element): JSX.Element {
  return (
    <Partial target={target} swap="outerMorph">
      {safeMarkup}
    </Partial>
  );
}
