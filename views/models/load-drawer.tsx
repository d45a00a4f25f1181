/** @jsxImportSource @kitajs/html */
/** How a model is started: every setting with the value in effect, and beside it what such a load would be like. */
import { Drawer } from '../parts/drawer.tsx';
import {
  type Choice,
  Field,
  inputAttributes,
  NumberField,
  SelectField,
  SwitchField,
  TextField,
} from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';
import { OutlookPending, outlookId } from './outlook.tsx';
import { trialPlaceId } from './trial.tsx';

type Shared = {
  readonly name: string;
  readonly label: string;
  readonly effect: string | null;
  /** Where the value comes from that is in effect. */
  readonly origin: keyof typeof ORIGINS;
  readonly error: string | null;
};

/** One launch setting in the form. */
export type LaunchFieldData = Shared &
  (
    | {
        readonly kind: 'number';
        readonly value: number | null;
        readonly min: number | null;
        readonly max: number | null;
        readonly step: number | 'any';
        readonly unit: string | null;
      }
    | { readonly kind: 'choice'; readonly value: string; readonly choices: readonly Choice[] }
    | { readonly kind: 'switch'; readonly isOn: boolean }
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'lines'; readonly value: string }
  );

export type LaunchGroupData = { readonly title: string; readonly fields: readonly LaunchFieldData[] };

export type LoadFormData = {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly LaunchGroupData[];
  /** It runs or is being loaded; then it has to be stopped first. */
  readonly isUp: boolean;
  /** It answers somebody, or somebody waits for it. */
  readonly isBusy: boolean;
  /** What is wrong and belongs to no field; null = nothing. */
  readonly trouble: string | null;
};

export const loadFormId = 'load-form';

const ORIGINS = {
  model: 'Chosen for this model.',
  preset: 'Chosen for this model, by its preset or since.',
  setting: 'From the general settings.',
  environment: 'From the environment.',
  flag: 'From the command line of Flow.',
  default: 'Default.',
} as const;
/** The first groups are those that people come for. */
const OPEN_GROUPS = 2;

export function LoadDrawer({ form }: { form: LoadFormData }): JSX.Element {
  return (
    <Drawer title={`Load ${form.name}`}>
      <LoadForm form={form} />
    </Drawer>
  );
}

export function LoadForm({ form }: { form: LoadFormData }): JSX.Element {
  const { id, name, groups, isUp, isBusy, trouble } = form;
  const posting = { ...postsTo('/models/starting'), 'hx-status:422': `target:#${loadFormId} swap:outerMorph` };
  return (
    <form class="launch" id={loadFormId} {...posting}>
      <input type="hidden" name="model" value={id} />
      <div
        class="launch__outlook"
        id={outlookId}
        hx-post="/models/outlook"
        hx-trigger={`load, input from:#${loadFormId} delay:400ms`}
        hx-target="this"
        hx-swap="innerHTML"
        hx-sync="this:replace"
        aria-live="polite"
      >
        <OutlookPending />
      </div>
      {trouble === null ? (
        ''
      ) : (
        <p class="field__error" role="alert" safe>
          {trouble}
        </p>
      )}
      {groups.map((group, index) => (
        <Group group={group} isOpen={index < OPEN_GROUPS} />
      ))}
      {isBusy ? (
        <label class="launch__force">
          <input type="checkbox" name="force" value="yes" />
          End the requests that it answers now
        </label>
      ) : (
        ''
      )}
      <div id={trialPlaceId} />
      <div class="launch__buttons">
        <button class="button button--primary" type="submit" name="how" value="once">
          {isUp ? 'Restart' : 'Load'}
        </button>
        <button class="button" type="submit" name="how" value="remember">
          {isUp ? 'Restart and remember' : 'Load and remember'}
        </button>
        <button class="button" type="submit" name="how" value="try">
          {isUp ? 'Try: restart, and watch' : 'Try: load, and watch'}
        </button>
        <span class="launch__hint">
          {isUp ? `${name} is loaded: it is stopped first.` : 'What is remembered is used by every later load.'}
        </span>
      </div>
    </form>
  );
}

function Group({ group, isOpen }: { group: LaunchGroupData; isOpen: boolean }): JSX.Element {
  const isWrong = group.fields.some(({ error }) => error !== null);
  const chosen = group.fields.filter(({ origin }) => origin === 'model' || origin === 'preset').length;
  return (
    <details class="section" {...(isOpen || isWrong ? { open: true } : {})}>
      <summary class="section__title">
        <span safe>{group.title}</span>
        {chosen === 0 ? '' : <span class="section__note" safe>{`${chosen} chosen for this model`}</span>}
      </summary>
      <div class="fields">
        {group.fields.map((field) => (
          <LaunchField field={field} />
        ))}
      </div>
    </details>
  );
}

function LaunchField({ field }: { field: LaunchFieldData }): JSX.Element {
  const { name, label, error } = field;
  const effect = [field.effect === null ? null : `${field.effect}.`, ORIGINS[field.origin]]
    .filter((part) => part !== null)
    .join(' ');
  const shared = { id: `load-${name}`, name, label, effect, error };
  switch (field.kind) {
    case 'number':
      return (
        <NumberField
          {...shared}
          value={field.value}
          step={field.step}
          {...(field.min === null ? {} : { min: field.min })}
          {...(field.max === null ? {} : { max: field.max })}
          {...(field.unit === null ? {} : { unit: field.unit })}
        />
      );
    case 'choice':
      return <SelectField {...shared} value={field.value} choices={field.choices} />;
    case 'switch':
      return <SwitchField {...shared} isOn={field.isOn} />;
    case 'text':
      return <TextField {...shared} value={field.value} />;
    case 'lines':
      return (
        <Field {...shared}>
          <textarea class="input" name={name} rows="3" spellcheck="false" {...inputAttributes(shared)} safe>
            {field.value}
          </textarea>
        </Field>
      );
  }
}
