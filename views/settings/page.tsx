/** @jsxImportSource @kitajs/html */
/** The Settings page: every setting by section, and beside them what can only be said or done. */
import { PageHead } from '#views/parts/page-head.tsx';
import { PageIndex } from '#views/parts/page-index.tsx';
import { About, type AboutData, Doctor, type FindingData, Transfer, type TransferData } from './about.tsx';
import { type AgentRowData, Agents } from './agents.tsx';
import { type EngineKindData, Engines } from './engines.tsx';
import { Keys, type KeysData } from './keys.tsx';
import { Appearance, Network, type NetworkData, Records, type RecordsData, Token, type TokenData } from './panels.tsx';
import { type SettingData, SettingRow } from './setting.tsx';

export type SectionData = {
  readonly name: string;
  readonly title: string;
  readonly settings: readonly SettingData[];
};

export type SettingsData = {
  readonly sections: readonly SectionData[];
  readonly engines: readonly EngineKindData[];
  readonly network: NetworkData;
  readonly token: TokenData;
  readonly keys: KeysData;
  readonly agents: readonly AgentRowData[];
  readonly records: RecordsData;
  readonly about: AboutData;
  readonly findings: readonly FindingData[] | null;
  readonly transfer: TransferData;
  /** Changes whenever a setting does. */
  readonly edition: string;
  /** What is looked for, and whether only what differs from its default is wanted. */
  readonly filter: { readonly text: string; readonly isChangedOnly: boolean };
  /** Names of settings that match the filter. */
  readonly shown: ReadonlySet<string>;
};

export const editionId = 'settings-edition';

/**
 * What a browser compares with what it has, when it connects again (`public/js/settings.js`). `isTold`: what makes it
 * another came along with it.
 */
export function Edition({ edition, isTold }: { edition: string; isTold: boolean }): JSX.Element {
  return <span id={editionId} hidden data-edition={edition} {...(isTold ? { 'data-told': 'true' } : {})} />;
}

export function SettingsPage({ data }: { data: SettingsData }): JSX.Element {
  const { sections, filter, edition } = data;
  return (
    <div class="settings" id="settings">
      <PageHead title="Settings">
        <Filter filter={filter} />
      </PageHead>
      <Edition edition={edition} isTold />
      <div class="page-indexed settings__body">
        <PageIndex label="Sections" entries={sections.map(({ name, title }) => ({ anchor: name, title }))} />
        <div class="settings__sections">
          {sections.map((section) => (
            <Section section={section} data={data} />
          ))}
          <p class="settings__nothing">No setting is like that.</p>
        </div>
      </div>
    </div>
  );
}

function Filter({ filter }: { filter: SettingsData['filter'] }): JSX.Element {
  return (
    <form class="settings__filter" method="get" action="/settings" data-filters="settings">
      <input
        class="input"
        type="search"
        name="q"
        id="settings-filter"
        value={filter.text}
        placeholder="Filter"
        aria-label="Filter settings"
        autocomplete="off"
      />
      <label class="settings__only">
        <input
          type="checkbox"
          name="changed"
          value="1"
          id="settings-changed"
          {...(filter.isChangedOnly ? { checked: true } : {})}
        />
        <span>only changed</span>
      </label>
      <span class="hidden" id="settings-found" role="status" />
      <noscript>
        <button class="button" type="submit">
          Filter
        </button>
      </noscript>
    </form>
  );
}

function Section({ section, data }: { section: SectionData; data: SettingsData }): JSX.Element {
  const { name, title, settings } = section;
  return (
    <section class="settings__section" id={name} aria-labelledby={`${name}-title`}>
      <h2 class="settings__title" id={`${name}-title`} safe>
        {title}
      </h2>
      <Before name={name} data={data} />
      {settings.length === 0 ? (
        ''
      ) : (
        <div class="settings__rows">
          {settings.map((setting) => (
            <SettingRow setting={setting} isHidden={!data.shown.has(setting.name)} />
          ))}
        </div>
      )}
      <After name={name} data={data} />
    </section>
  );
}

/** What a section says before its settings. */
function Before({ name, data }: { name: string; data: SettingsData }): JSX.Element {
  switch (name) {
    case 'engines':
      return (
        <div class="settings-panel">
          <Engines kinds={data.engines} />
        </div>
      );
    case 'network':
      return <Network network={data.network} />;
    case 'keys':
      return <Keys data={data.keys} />;
    case 'agents':
      return <Agents agents={data.agents} />;
    default:
      return '';
  }
}

/** What comes after them. */
function After({ name, data }: { name: string; data: SettingsData }): JSX.Element {
  switch (name) {
    case 'hub':
      return <Token token={data.token} />;
    case 'privacy':
      return <Records records={data.records} />;
    case 'appearance':
      return <Appearance />;
    case 'about':
      return (
        <>
          <About about={data.about} />
          <Doctor findings={data.findings} />
          <Transfer transfer={data.transfer} />
        </>
      );
    default:
      return '';
  }
}
