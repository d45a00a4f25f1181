/** @jsxImportSource @kitajs/html */
/**
 * One setting: its name, what it does, its value, and what is to be said about the value. It saves itself when it is
 * changed; what comes of that stands beside it.
 */
import { inputAttributes } from '#views/parts/field.tsx';
import { postsTo } from '#views/parts/posting.ts';

export type SettingChoice = { readonly value: string; readonly label: string };

/** How the value is filled in; `value` is as a form holds it. */
export type SettingInput =
  | { readonly kind: 'switch'; readonly isOn: boolean }
  | { readonly kind: 'choice'; readonly value: string; readonly choices: readonly SettingChoice[] }
  | {
      readonly kind: 'number';
      readonly value: string;
      readonly min: number | null;
      readonly max: number | null;
      readonly isWhole: boolean;
      readonly unit: string | null;
    }
  | { readonly kind: 'text' | 'list'; readonly value: string };

export type SettingData = {
  /** As in the file and the API. */
  readonly name: string;
  readonly label: string;
  /** One line: what it changes. */
  readonly effect: string;
  readonly input: SettingInput;
  /** The default in words, and as a form holds it. */
  readonly defaultWords: string;
  readonly defaultText: string;
  readonly isChanged: boolean;
  /** Who fixes it for this run; null = it may be changed here. */
  readonly locked: string | null;
  /** When a change counts; null = at once. */
  readonly takesEffect: string | null;
  /** What was wrong with what was typed; then the input holds that, and it is not saved. */
  readonly error: string | null;
  /** What holds instead of what was typed. */
  readonly savedWords: string;
};

export const SETTING_ADDRESS = '/settings/field';

export const settingId = (name: string): string => `setting-${name}`;
export const settingInputId = (name: string): string => `setting-${name}-input`;
export const settingNoteId = (name: string): string => `setting-${name}-note`;

/** Where a live change goes: not to a field that holds something typed that could not be saved. */
export const liveSettingTarget = (name: string): string => `${settingId(name)}:not([data-unsaved])`;

/** A setting with room for what comes of saving it, which is not part of what is kept up to date. */
export function SettingRow({ setting, isHidden }: { setting: SettingData; isHidden: boolean }): JSX.Element {
  return (
    <div class="setting-row" data-find={setting.name} {...(isHidden ? { hidden: true } : {})}>
      <Setting setting={setting} />
      <div class="setting-row__note" id={settingNoteId(setting.name)} role="status" />
    </div>
  );
}

export function Setting({ setting }: { setting: SettingData }): JSX.Element {
  const { name, label, effect, isChanged, error } = setting;
  return (
    <div
      class="setting"
      id={settingId(name)}
      {...(isChanged ? { 'data-changed': 'true' } : {})}
      {...(error === null ? {} : { 'data-unsaved': 'true' })}
    >
      <div class="setting__words">
        <label class="setting__label" for={settingInputId(name)} safe>
          {label}
        </label>
        <p class="setting__effect" id={`${settingInputId(name)}-effect`} safe>
          {effect}
        </p>
        <code class="setting__name" safe>
          {name}
        </code>
      </div>
      <form class="setting__form" {...savesTo(name)} hx-trigger="change, submit" hx-sync="this:queue last">
        <input type="hidden" name="name" value={name} />
        <Input setting={setting} />
        <noscript>
          <button class="button" type="submit">
            Save
          </button>
        </noscript>
      </form>
      <Foot setting={setting} />
    </div>
  );
}

/** What is to be said of the value: what is wrong, who fixes it, when it counts, what the default is. */
function Foot({ setting }: { setting: SettingData }): JSX.Element {
  const { name, locked, error, takesEffect, isChanged, defaultWords, defaultText, label, savedWords } = setting;
  const id = settingInputId(name);
  return (
    <div class="setting__foot">
      {error === null ? (
        ''
      ) : (
        <p class="field__error" id={`${id}-error`} role="alert" safe>
          {`${error} Not saved; it stays ${savedWords}.`}
        </p>
      )}
      {locked === null ? (
        ''
      ) : (
        <p class="field__locked" id={`${id}-locked`} safe>
          {locked}
        </p>
      )}
      {isChanged ? <span class="hidden">Changed.</span> : ''}
      <span class="setting__default" safe>
        {`Default: ${defaultWords}`}
      </span>
      {takesEffect === null ? (
        ''
      ) : (
        <span class="setting__when" safe>
          {takesEffect}
        </span>
      )}
      {isChanged && locked === null && error === null ? (
        <SettingButton name={name} value={defaultText} word="Reset" description={`Reset ${label} to ${defaultWords}`} />
      ) : (
        ''
      )}
      {error === null ? '' : <Discard name={name} label={label} />}
    </div>
  );
}

/** What stands beside a setting that was saved. */
export function Saved({ name, label, undo }: { name: string; label: string; undo: string }): JSX.Element {
  return (
    <>
      <span class="setting-row__saved">Saved</span>
      <SettingButton name={name} value={undo} word="Undo" description={`Undo the change of ${label}`} />
    </>
  );
}

/** One click that gives a setting another value. */
function SettingButton(props: { name: string; value: string; word: string; description: string }): JSX.Element {
  const { name, value, word, description } = props;
  return (
    <form class="action" {...savesTo(name)}>
      <input type="hidden" name="name" value={name} />
      <input type="hidden" name="value" value={value} />
      <button class="button button--quiet" type="submit" aria-label={description} safe>
        {word}
      </button>
    </form>
  );
}

/** Forgets what was typed. */
function Discard({ name, label }: { name: string; label: string }): JSX.Element {
  const address = `${SETTING_ADDRESS}/${name}`;
  return (
    <a
      class="button button--quiet"
      href={`/settings#${settingId(name)}`}
      hx-get={address}
      hx-target={`#${settingId(name)}`}
      hx-swap="outerHTML"
      aria-label={`Discard what was typed for ${label}`}
    >
      Discard
    </a>
  );
}

/** A refusal comes back as the field itself, with what was typed. */
function savesTo(name: string): Readonly<Record<string, string>> {
  const own = `target:#${settingId(name)} swap:outerMorph`;
  return { ...postsTo(SETTING_ADDRESS, { target: settingId(name) }), 'hx-status:422': own, 'hx-status:409': own };
}

function Input({ setting }: { setting: SettingData }): JSX.Element {
  const { name, input, effect, error, locked } = setting;
  const about = inputAttributes({ id: settingInputId(name), label: setting.label, effect, error, locked });
  switch (input.kind) {
    case 'switch':
      return (
        <span class="switch">
          <input type="hidden" name="value" value="off" />
          <input
            class="switch__box"
            type="checkbox"
            name="value"
            value="on"
            {...(input.isOn ? { checked: true } : {})}
            {...about}
          />
        </span>
      );
    case 'choice':
      return (
        <select class="input" name="value" {...about}>
          {input.choices.map(({ value, label }) => (
            <option value={value} {...(value === input.value ? { selected: true } : {})} safe>
              {label}
            </option>
          ))}
        </select>
      );
    case 'number':
      return <NumberInput input={input} about={about} />;
    case 'list':
      return (
        <textarea class="input setting__list" name="value" rows="2" placeholder="One a line" {...about} safe>
          {input.value}
        </textarea>
      );
    case 'text':
      return <input class="input" type="text" name="value" value={input.value} autocomplete="off" {...about} />;
  }
}

type NumberProps = {
  readonly input: Extract<SettingInput, { kind: 'number' }>;
  readonly about: Readonly<Record<string, string>>;
};

/** As text, so that what was typed wrongly can be kept and named; the schema of the server judges it. */
function NumberInput({ input, about }: NumberProps): JSX.Element {
  return (
    <span class="input-row">
      <input
        class="input input--number"
        type="text"
        inputmode={input.isWhole && (input.min ?? -1) >= 0 ? 'numeric' : 'decimal'}
        name="value"
        value={input.value}
        autocomplete="off"
        {...about}
      />
      {input.unit === null ? (
        ''
      ) : (
        <span class="input-row__unit" safe>
          {input.unit}
        </span>
      )}
    </span>
  );
}
