/** @jsxImportSource @kitajs/html */
/** All that can be chosen for one model, part by part, and what helps to use it. */
import { Drawer } from '../parts/drawer.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { Presets, type PresetsData } from './presets.tsx';
import { SettingsSection, type SettingsSectionData, settingsBodyId } from './settings-section.tsx';

export type SettingsData = {
  readonly id: string;
  readonly name: string;
  readonly presets: PresetsData;
  readonly sections: readonly SettingsSectionData[];
  /** Flow starts it, so it has a template and launch settings of its own. */
  readonly isOurs: boolean;
};

export const templateReportId = 'template-report';
export const agentSetupId = 'agent-setup';

export function SettingsDrawer({ settings }: { settings: SettingsData }): JSX.Element {
  const query = `?model=${encodeURIComponent(settings.id)}`;
  return (
    <Drawer title={settings.name}>
      <SettingsBody settings={settings} />
      {settings.isOurs ? (
        <Later id={templateReportId} title="Template check" address={`/models/template${query}`} />
      ) : (
        ''
      )}
      <Later id={agentSetupId} title="Use it in an agent" address={`/models/agent${query}`} />
      {settings.isOurs ? (
        <p>
          <a
            class="button"
            href={`/models/load${query}`}
            {...loadsFrom(`/models/load${query}`, { target: 'drawer', swap: 'innerHTML' })}
          >
            How it is loaded…
          </a>
        </p>
      ) : (
        ''
      )}
    </Drawer>
  );
}

export function SettingsBody({ settings }: { settings: SettingsData }): JSX.Element {
  return (
    <div class="settings" id={settingsBodyId}>
      <Presets data={settings.presets} />
      {settings.sections.map((section) => (
        <SettingsSection section={section} />
      ))}
    </div>
  );
}

/** What takes a moment is asked for when somebody opens it. */
function Later({ id, title, address }: { id: string; title: string; address: string }): JSX.Element {
  return (
    <details class="section" id={`${id}-section`} hx-trigger="toggle once" {...loadsFrom(address, later(id))}>
      <summary class="section__title" safe>
        {title}
      </summary>
      <div class="settings" id={id} aria-live="polite">
        <p class="outlook__quiet">
          <a href={address}>Looking…</a>
        </p>
      </div>
    </details>
  );
}

function later(target: string) {
  return { target, swap: 'innerHTML' } as const;
}
