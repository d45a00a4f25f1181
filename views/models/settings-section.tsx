/** @jsxImportSource @kitajs/html */
/** A part of a model's settings that is saved by itself. */
import { ActionButton } from '../parts/button.tsx';
import { Field, inputAttributes, NumberField, SelectField, SwitchField, TextField } from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';

export type SettingFieldData = {
  readonly name: string;
  readonly label: string;
  readonly effect: string;
  /** `either` can also be left to the engine; a `repair` is on unless somebody said otherwise. */
  readonly kind: 'number' | 'switch' | 'repair' | 'either' | 'choice' | 'text' | 'lines' | 'json';
  readonly value: string;
  readonly isOn: boolean;
  readonly choices: readonly string[];
  readonly step: number | 'any';
  readonly isChosen: boolean;
  readonly error: string | null;
};

/** What was done, and how it is taken back. */
export type Said = {
  readonly message: string;
  /** The patch that takes it back, as JSON; null = nothing to take back. */
  readonly undo: string | null;
  /** It takes effect only after a restart. */
  readonly needsRestart: boolean;
};

export type SettingsSectionData = {
  readonly modelId: string;
  readonly name: string;
  readonly title: string;
  readonly note: string;
  /** How many of its fields were chosen for this model. */
  readonly chosen: number;
  readonly fields: readonly SettingFieldData[];
  readonly said: Said | null;
  /** What is wrong and belongs to no field. */
  readonly trouble: string | null;
};

/** A section's address. */
export const settingsSectionId = (name: string): string => `settings-${name}`;

export function SettingsSection({ section }: { section: SettingsSectionData }): JSX.Element {
  const { modelId, name, title, note, chosen, fields, said, trouble } = section;
  const id = settingsSectionId(name);
  const toSection = `target:#${id} swap:outerMorph`;
  const isOpen = said !== null || trouble !== null || fields.some(({ error }) => error !== null);
  return (
    <details class="section" id={id} {...(isOpen ? { open: true } : {})}>
      <summary class="section__title">
        <span safe>{title}</span>
        {chosen === 0 ? '' : <span class="section__note" safe>{`${chosen} chosen`}</span>}
      </summary>
      <form
        class="settings"
        {...postsTo(`/models/settings/${name}`, { target: id })}
        {...{ 'hx-status:422': toSection }}
      >
        <input type="hidden" name="model" value={modelId} />
        <p class="outlook__quiet" safe>
          {note}
        </p>
        <div class="fields">
          {fields.map((field) => (
            <SettingField field={field} />
          ))}
        </div>
        {trouble === null ? (
          ''
        ) : (
          <p class="field__error" role="alert" safe>
            {trouble}
          </p>
        )}
        <div class="section__buttons">
          <button class="button button--primary" type="submit" aria-label={`Save: ${title}`}>
            Save
          </button>
        </div>
      </form>
      <SaidLine said={said} modelId={modelId} section={name} />
    </details>
  );
}

/** What was done with a section, beside it: a notice would stand behind the drawer. */
export function SaidLine({
  said,
  modelId,
  section,
}: {
  said: Said | null;
  modelId: string;
  section: string;
}): JSX.Element {
  if (said === null) return '';
  const target = section === 'presets' ? settingsBodyId : settingsSectionId(section);
  return (
    <div class="section__buttons section__said" role="status">
      <span safe>{said.message}</span>
      {said.undo === null ? (
        ''
      ) : (
        <form class="action" {...postsTo('/models/settings/undoing', { target })}>
          <input type="hidden" name="model" value={modelId} />
          <input type="hidden" name="section" value={section} />
          <input type="hidden" name="patch" value={said.undo} />
          <button class="button" type="submit">
            Undo
          </button>
        </form>
      )}
      {said.needsRestart ? (
        <ActionButton
          action="/models/restarting"
          fields={{ model: modelId }}
          label="Restart to apply"
          description="Restart to apply: stop the model and load it anew"
        />
      ) : (
        ''
      )}
    </div>
  );
}

/** Everything of the drawer that settings can change. */
export const settingsBodyId = 'settings-body';

const EITHER = [
  { value: '', label: 'As the engine does' },
  { value: 'on', label: 'On' },
  { value: 'off', label: 'Off' },
];

function SettingField({ field }: { field: SettingFieldData }): JSX.Element {
  const { name, label, effect, error, kind, value } = field;
  const shared = { id: `setting-${name.replaceAll('.', '-')}`, name, label, effect, error };
  switch (kind) {
    case 'number':
      return <NumberField {...shared} value={value === '' ? null : Number(value)} step={field.step} />;
    case 'switch':
    case 'repair':
      return <SwitchField {...shared} isOn={field.isOn} />;
    case 'either':
      return <SelectField {...shared} value={value} choices={EITHER} />;
    case 'choice': {
      const choices = field.choices.map((one) => ({ value: one, label: one }));
      return <SelectField {...shared} value={value} choices={[{ value: '', label: 'Not said' }, ...choices]} />;
    }
    case 'text':
      return <TextField {...shared} value={value} />;
    case 'lines':
    case 'json':
      return (
        <Field {...shared}>
          <textarea
            class="input"
            name={name}
            rows={kind === 'json' ? '5' : '3'}
            spellcheck="false"
            {...inputAttributes(shared)}
            safe
          >
            {value}
          </textarea>
        </Field>
      );
  }
}
