/** What the Settings page shows, as plain data, read from the present state. */
import { networkInterfaces } from 'node:os';
import type { StartedKind } from '#src/engines/engine.ts';
import type { HeldKey } from '#src/keys/held-key.ts';
import type { Model } from '#src/models/model.ts';
import { type SettingName, type SettingOrigin, Settings } from '#src/settings/settings.ts';
import type { SettingsFile } from '#src/settings/store.ts';
import { choices, SETTING_NAMES } from '#src/settings/validation.ts';
import type { AboutData, FindingData, TransferData } from '#views/settings/about.tsx';
import type { AgentRowData } from '#views/settings/agents.tsx';
import type { EngineKindData } from '#views/settings/engines.tsx';
import type { KeyDraftData, KeyRowData, KeysData } from '#views/settings/keys.tsx';
import type { SettingsData } from '#views/settings/page.tsx';
import type { NetworkData, RecordsData, TokenData } from '#views/settings/panels.tsx';
import type { SettingChoice, SettingData, SettingInput } from '#views/settings/setting.tsx';
import { exposure, nextStart } from './exposure.ts';
import { boundsOf, kindOf, textOf, wordsOf } from './field-values.ts';
import { keyRow, NEW_KEY } from './key-view.ts';
import { ENGINE_CHOICES, LISTED, MODEL_CHOICES, SECTIONS, type TakesEffect } from './sections.ts';

/** What the page reads. */
export type SettingsSources = {
  readonly settings: Pick<SettingsFile, 'current' | 'origin' | 'defaultOf'>;
  readonly models: () => readonly Pick<Model, 'id' | 'name'>[];
  readonly engines: {
    kinds(): readonly EngineKindData[];
    idsOf(kind: StartedKind): readonly string[];
    chosenOf(kind: StartedKind): string | null;
  };
  /** How Flow was started: what the saved address and port may differ from. */
  readonly door: {
    readonly host: string;
    readonly port: number;
    readonly hasKey: () => boolean;
    /** Whether one is asked for on this machine too. */
    readonly isKeyRequired: () => boolean;
    readonly isOpenAllowed: boolean;
  };
  readonly keys: () => readonly HeldKey[];
  readonly hub: { hubUrl(): string; hasToken(): boolean };
  readonly agents: () => readonly AgentRowData[];
  readonly records: { known(): RecordsData };
  readonly about: () => AboutData;
};

/** What was typed for a setting and could not be saved. */
export type Draft = { readonly name: SettingName; readonly text: string; readonly error: string };

/** What a page is asked to show beside the state of things. */
export type Wish = {
  readonly draft: Draft | null;
  readonly filter: SettingsData['filter'];
  readonly findings: readonly FindingData[] | null;
  readonly transfer: TransferData;
  readonly keyDraft: Omit<KeyDraftData, 'offered'>;
  readonly keyMade: KeysData['made'];
  /** Who looks, in words; null = the owner, without a key. */
  readonly signedIn: string | null;
};

/** Nothing typed, nothing looked for. */
export const PLAIN_WISH: Wish = {
  draft: null,
  filter: { text: '', isChangedOnly: false },
  findings: null,
  transfer: { text: '', error: null },
  keyDraft: NEW_KEY,
  keyMade: null,
  signedIn: null,
};

/** The variables that fix a setting. */
const VARIABLES: Readonly<Partial<Record<SettingName, string>>> = {
  host: 'FLOW_HOST',
  port: 'FLOW_PORT',
  models_dir: 'FLOW_MODELS_DIR',
  hub_url: 'HF_ENDPOINT',
};
const WHEN: Readonly<Record<TakesEffect, string | null>> = {
  'at-once': null,
  'next-load': 'Counts from the next load of a model.',
  'next-start': 'Counts from the next start of Flow.',
};

/** Reads the state whenever it is asked. */
export class SettingsView {
  readonly #sources: SettingsSources;

  constructor(sources: SettingsSources) {
    this.#sources = sources;
  }

  /** The whole page. */
  page(wish: Wish): SettingsData {
    const { engines, agents, records, about } = this.#sources;
    const sections = SECTIONS.map(({ name, title, settings }) => ({
      name,
      title,
      settings: settings.map((listed) => this.setting(listed.name, wish.draft)),
    }));
    const all = sections.flatMap(({ settings }) => settings);
    return {
      sections,
      engines: engines.kinds(),
      network: this.network(),
      token: this.token(),
      keys: {
        keys: this.keys(),
        draft: this.keyDraft(wish.keyDraft),
        made: wish.keyMade,
        signedIn: wish.signedIn,
      },
      agents: agents(),
      records: records.known(),
      about: about(),
      findings: wish.findings,
      transfer: wish.transfer,
      edition: this.edition(),
      filter: wish.filter,
      shown: new Set(all.filter((setting) => matches(setting, wish.filter)).map(({ name }) => name)),
    };
  }

  /** One setting; a draft for it stands in place of what is saved. */
  setting(name: SettingName, draft: Draft | null = null): SettingData {
    const { settings } = this.#sources;
    const { label = name, unit, takesEffect = 'at-once' } = LISTED.get(name) ?? {};
    const value = settings.current[name];
    const standard = settings.defaultOf(name);
    const own = draft?.name === name ? draft : null;
    const schema: { description?: string } = Settings.properties[name];
    const input = this.#input(name, own?.text ?? textOf(value), unit ?? null);
    const locked = lockedWords(name, settings.origin(name));
    return {
      name,
      label,
      effect: schema.description ?? '',
      input,
      defaultWords: shownAs(input, standard, unit),
      defaultText: textOf(standard),
      isChanged: textOf(value) !== textOf(standard),
      locked,
      takesEffect: locked === null ? WHEN[takesEffect] : null,
      error: own?.error ?? null,
      savedWords: shownAs(input, value, unit),
    };
  }

  network(): NetworkData {
    const { settings, door } = this.#sources;
    const { host, port } = settings.current;
    const now = {
      ...{ host: door.host, port: door.port, hasKey: door.hasKey(), isKeyRequired: door.isKeyRequired() },
      isOpenAllowed: door.isOpenAllowed,
      addresses: reachableAddresses(),
    };
    return { ...exposure(now), next: nextStart(now, { host, port }, door.isOpenAllowed) };
  }

  keys(): readonly KeyRowData[] {
    return this.#sources.keys().map((key) => keyRow(key, Date.now()));
  }

  /** A form with the models that it can offer. */
  keyDraft(draft: Omit<KeyDraftData, 'offered'>): KeyDraftData {
    const known = this.#sources.models().map(({ id }) => id);
    return { ...draft, offered: [...known, ...draft.models.filter((id) => !known.includes(id))] };
  }

  token(error: string | null = null): TokenData {
    const { hub } = this.#sources;
    return { hubUrl: hub.hubUrl(), isSet: hub.hasToken(), error };
  }

  engines(): readonly EngineKindData[] {
    return this.#sources.engines.kinds();
  }

  agents(): readonly AgentRowData[] {
    return this.#sources.agents();
  }

  records(): RecordsData {
    return this.#sources.records.known();
  }

  /** Another text whenever something about a setting is another. */
  edition(): string {
    const { settings, models, engines } = this.#sources;
    const state = SETTING_NAMES.map((name) => [settings.current[name], settings.origin(name)]);
    const offered = [models().map(({ id }) => id), Object.values(ENGINE_CHOICES).map((kind) => engines.idsOf(kind))];
    return Bun.hash(JSON.stringify([state, offered])).toString(36);
  }

  #input(name: SettingName, text: string, unit: string | null): SettingInput {
    const offered = this.#offered(name, text);
    if (offered !== null) return { kind: 'choice', value: text, choices: offered };
    switch (kindOf(name)) {
      case 'switch':
        return { kind: 'switch', isOn: text === 'on' };
      case 'number':
        return { kind: 'number', value: text, unit, ...boundsOf(name) };
      case 'choice':
        return { kind: 'choice', value: text, choices: choices(Settings.properties[name]).map(plainChoice) };
      case 'list':
        return { kind: 'list', value: text };
      case 'text':
        return { kind: 'text', value: text };
    }
  }

  /** What this machine has to choose from; null for settings that do not name such a thing. */
  #offered(name: SettingName, text: string): readonly SettingChoice[] | null {
    const { models, engines } = this.#sources;
    if (MODEL_CHOICES.has(name)) {
      const known = models().map(({ id, name: title }) => ({ value: id, label: title }));
      const none = name === 'helper_model' ? 'The default model' : 'The only one there is';
      return withPresent([{ value: '', label: none }, ...known], text);
    }
    for (const [choice, kind] of Object.entries(ENGINE_CHOICES)) {
      if (choice === name) return withPresent([FIRST_FOUND, ...engines.idsOf(kind).map(plainChoice)], text);
    }
    return null;
  }
}

const FIRST_FOUND: SettingChoice = { value: '', label: 'The first found' };

const plainChoice = (value: string): SettingChoice => ({ value, label: value });

/** A value stays what it is, also when what it names is not there (any more). */
function withPresent(choices: readonly SettingChoice[], value: string): readonly SettingChoice[] {
  return choices.some((choice) => choice.value === value) ? choices : [...choices, plainChoice(value)];
}

/** A value in the words of the input that holds it. */
function shownAs(input: SettingInput, value: unknown, unit: string | undefined): string {
  const text = textOf(value);
  const choice = input.kind === 'choice' ? input.choices.find((one) => one.value === text) : undefined;
  return choice?.label ?? wordsOf(value, unit);
}

function lockedWords(name: SettingName, origin: SettingOrigin): string | null {
  if (origin === 'flag') return 'Fixed by the command line for this run.';
  const variable = VARIABLES[name];
  if (origin === 'environment') return `Fixed by ${variable ?? 'the environment'} for this run.`;
  return null;
}

/** Whether every word of the filter occurs in what the setting says. */
function matches(setting: SettingData, { text, isChangedOnly }: SettingsData['filter']): boolean {
  if (isChangedOnly && !setting.isChanged && setting.error === null) return false;
  const said = `${setting.name} ${setting.label} ${setting.effect}`.toLowerCase();
  const words = text.toLowerCase().split(/\s+/);
  return words.every((word) => said.includes(word));
}

/** This machine's addresses that others can reach. */
function reachableAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address);
}
