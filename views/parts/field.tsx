/** @jsxImportSource @kitajs/html */
/** One value that a person may change: its name, what it does, and what is wrong with it. */
import type { Children } from '@kitajs/html';

/** What every kind of field says. */
export type FieldProps = {
  /** Unique on the page; the input has it. */
  readonly id: string;
  readonly label: string;
  /** One line: what it changes. */
  readonly effect?: string | null;
  /** What is wrong with the value, in a sentence. */
  readonly error?: string | null;
  /** Why it cannot be changed here; then the input is disabled. */
  readonly locked?: string | null;
};

type WithInput = FieldProps & { readonly name: string };

export function Field({
  id,
  label,
  effect,
  error,
  locked,
  children,
}: FieldProps & { children: Children }): JSX.Element {
  return (
    <div class="field" {...(error ? { 'data-invalid': 'true' } : {})}>
      <label class="field__label" for={id} safe>
        {label}
      </label>
      {children}
      {effect ? (
        <p class="field__effect" id={`${id}-effect`} safe>
          {effect}
        </p>
      ) : (
        ''
      )}
      {locked ? (
        <p class="field__locked" id={`${id}-locked`} safe>
          {locked}
        </p>
      ) : (
        ''
      )}
      {error ? (
        <p class="field__error" id={`${id}-error`} role="alert" safe>
          {error}
        </p>
      ) : (
        ''
      )}
    </div>
  );
}

/** Ties an input to the sentences about it, and says when it may not be changed. */
export function inputAttributes({ id, effect, error, locked }: FieldProps): Readonly<Record<string, string>> {
  const about = [effect ? `${id}-effect` : '', locked ? `${id}-locked` : '', error ? `${id}-error` : ''];
  const ids = about.filter((name) => name !== '').join(' ');
  return {
    id,
    ...(ids === '' ? {} : { 'aria-describedby': ids }),
    ...(error ? { 'aria-invalid': 'true' } : {}),
    ...(locked ? { disabled: '' } : {}),
  };
}

export type TextFieldProps = WithInput & {
  readonly value: string;
  readonly type?: 'text' | 'search' | 'url' | 'password';
  readonly placeholder?: string;
};

export function TextField({ name, value, type = 'text', placeholder = '', ...field }: TextFieldProps): JSX.Element {
  return (
    <Field {...field}>
      <input
        class="input"
        type={type}
        name={name}
        value={value}
        placeholder={placeholder}
        autocomplete="off"
        {...inputAttributes(field)}
      />
    </Field>
  );
}

export type NumberFieldProps = WithInput & {
  readonly value: number | null;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number | 'any';
  /** What the number counts, for example `tokens`. */
  readonly unit?: string;
};

export function NumberField({ name, value, min, max, step, unit, ...field }: NumberFieldProps): JSX.Element {
  const bounds = {
    ...(min === undefined ? {} : { min: String(min) }),
    ...(max === undefined ? {} : { max: String(max) }),
    ...(step === undefined ? {} : { step: String(step) }),
  };
  return (
    <Field {...field}>
      <span class="input-row">
        <input
          class="input input--number"
          type="number"
          inputmode="decimal"
          name={name}
          value={value === null ? '' : String(value)}
          {...bounds}
          {...inputAttributes(field)}
        />
        {unit === undefined ? (
          ''
        ) : (
          <span class="input-row__unit" safe>
            {unit}
          </span>
        )}
      </span>
    </Field>
  );
}

export type Choice = { readonly value: string; readonly label: string };

export type SelectFieldProps = WithInput & { readonly value: string; readonly choices: readonly Choice[] };

export function SelectField({ name, value, choices, ...field }: SelectFieldProps): JSX.Element {
  return (
    <Field {...field}>
      <select class="input" name={name} {...inputAttributes(field)}>
        {choices.map((choice) => (
          <option value={choice.value} {...(choice.value === value ? { selected: true } : {})} safe>
            {choice.label}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** On or off. An unticked box is not sent, so a hidden `off` stands before it. */
export function SwitchField({ name, isOn, ...field }: WithInput & { readonly isOn: boolean }): JSX.Element {
  return (
    <Field {...field}>
      <span class="switch">
        <input type="hidden" name={name} value="off" {...(field.locked ? { disabled: true } : {})} />
        <input
          class="switch__box"
          type="checkbox"
          name={name}
          value="on"
          {...(isOn ? { checked: true } : {})}
          {...inputAttributes(field)}
        />
      </span>
    </Field>
  );
}
