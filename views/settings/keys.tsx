/** @jsxImportSource @kitajs/html */
/** Who else may use Flow: the keys there are, a new one or another wish for one, and a key's only showing. */
import { Badge } from '#views/parts/badge.tsx';
import { ActionButton } from '#views/parts/button.tsx';
import { Copyable } from '#views/parts/copyable.tsx';
import { domKey } from '#views/parts/dom-key.ts';
import { inputAttributes } from '#views/parts/field.tsx';
import { loadsFrom, postsTo } from '#views/parts/posting.ts';

export type KeyRowData = {
  readonly id: string;
  readonly name: string;
  /** The last letters of the key. */
  readonly tail: string;
  readonly scopes: string;
  readonly models: string;
  readonly limits: readonly string[];
  readonly lastUse: readonly string[];
  readonly made: string;
  /** null = never. */
  readonly ends: string | null;
  readonly isExpired: boolean;
};

/** A wish as the form holds it. */
export type KeyDraftData = {
  /** The key that is changed; null = a new one. */
  readonly id: string | null;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly models: readonly string[];
  readonly requestsPerMinute: string;
  readonly tokensPerDay: string;
  /** A day as `2027-01-31`; '' = never. */
  readonly endsOn: string;
  /** Whether it was asked for, so that it is not folded away. */
  readonly isOpen: boolean;
  /** Ids of models that there are, and those that the key names. */
  readonly offered: readonly string[];
  /** What is wrong with a field, by its name in the form. */
  readonly errors: Readonly<Record<string, string>>;
};

export type KeysData = {
  readonly keys: readonly KeyRowData[];
  readonly draft: KeyDraftData;
  /** A key that was just made. */
  readonly made: { readonly name: string; readonly text: string } | null;
  /** Who looks at this page, in words; null = the owner, without a key. */
  readonly signedIn: string | null;
};

export const keysId = 'settings-keys-list';
export const keyFormId = 'settings-key-form';
export const keyMadeId = 'settings-key-made';
export const keyModelsId = 'settings-key-models';
const ADDRESS = '/settings/keys';

export function Keys({ data }: { data: KeysData }): JSX.Element {
  const { keys, draft, made, signedIn } = data;
  return (
    <div class="settings-panel keys">
      {signedIn === null ? '' : <SignedIn words={signedIn} />}
      <KeyList keys={keys} />
      <KeyMade made={made} />
      <KeyForm draft={draft} />
    </div>
  );
}

function SignedIn({ words }: { words: string }): JSX.Element {
  return (
    <form class="keys__session" method="post" action="/logout" hx-boost="false">
      <span safe>{words}</span>
      <button class="button" type="submit">
        Sign out
      </button>
    </form>
  );
}

/** What `/live` keeps true. */
export function KeyList({ keys }: { keys: readonly KeyRowData[] }): JSX.Element {
  if (keys.length === 0) {
    return (
      <p class="field__effect" id={keysId}>
        Nobody has a key. One is for another person, another computer or an agent of its own: it says what it may do,
        with which models and how much, and its name stands beside its requests.
      </p>
    );
  }
  return (
    <div class="table-scroll" id={keysId}>
      <table class="table keys__table">
        <caption class="hidden">Keys</caption>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">May</th>
            <th scope="col">Models</th>
            <th scope="col">Limits</th>
            <th scope="col">Last use</th>
            <th scope="col">Made</th>
            <th scope="col">
              <span class="hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <KeyRow data={key} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function KeyRow({ data }: { data: KeyRowData }): JSX.Element {
  const { id, name, tail, scopes, models, limits, lastUse, made, ends, isExpired } = data;
  return (
    <tr id={`key-${domKey(id)}`}>
      <th scope="row">
        <span class="keys__name" safe>
          {name}
        </span>
        <code class="keys__tail" safe>{`flow_…${tail}`}</code>
      </th>
      <td data-label="May" safe>
        {scopes}
      </td>
      <td class="keys__models" data-label="Models" safe>
        {models}
      </td>
      <td data-label="Limits">
        <Lines lines={limits} />
      </td>
      <td data-label="Last use">
        <Lines lines={lastUse} />
      </td>
      <td data-label="Made">
        <Lines lines={ends === null ? [made] : [made, ends]} />
        {isExpired ? <Badge icon="failed" word="expired" tone="danger" /> : ''}
      </td>
      <td>
        <KeyActions id={id} name={name} />
      </td>
    </tr>
  );
}

function Lines({ lines }: { lines: readonly string[] }): JSX.Element {
  return (
    <>
      {lines.map((line) => (
        <span class="keys__line" safe>
          {line}
        </span>
      ))}
    </>
  );
}

/** Two steps, since a key that is gone cannot be had back. */
function KeyActions({ id, name }: { id: string; name: string }): JSX.Element {
  const own = `${ADDRESS}/${id}`;
  return (
    <div class="keys__actions">
      <a
        class="button button--quiet"
        href={own}
        aria-label={`Change the key ${name}`}
        {...loadsFrom(own, { target: keyFormId, swap: 'outerHTML' })}
      >
        Change
      </a>
      <details class="keys__revoke">
        <summary class="button button--quiet" aria-label={`Revoke… the key ${name}`}>
          Revoke…
        </summary>
        <p class="field__effect">Its requests, streams and open pages end at once. This cannot be undone.</p>
        <ActionButton
          action={`${own}/revoke`}
          fields={{}}
          label="Revoke for good"
          description={`Revoke for good: ${name}`}
          variant="danger"
        />
      </details>
    </div>
  );
}

/** The one time that a key is shown. */
export function KeyMade({ made }: { made: KeysData['made'] }): JSX.Element {
  if (made === null) return <div id={keyMadeId} role="status" />;
  return (
    <div class="keys__made" id={keyMadeId} role="status">
      <p>
        <strong>Copy it now.</strong>{' '}
        <span safe>{`The key “${made.name}” is not shown again: Flow keeps only its fingerprint.`}</span>
      </p>
      <Copyable text={made.text} label={`the key ${made.name}`} />
    </div>
  );
}

const SCOPES = [
  { name: 'infer', words: 'ask models' },
  { name: 'read', words: 'see every page and record' },
  { name: 'manage', words: 'manage Flow' },
] as const;

/** A new key, or other rules for one. */
export function KeyForm({ draft }: { draft: KeyDraftData }): JSX.Element {
  const { id, name, isOpen } = draft;
  const own = `target:#${keyFormId} swap:outerHTML`;
  const posting = {
    ...postsTo(id === null ? ADDRESS : `${ADDRESS}/${id}`, { target: keyFormId, swap: 'outerHTML' }),
    'hx-status:422': own,
    'hx-status:409': own,
  };
  return (
    <details class="keys__new" id={keyFormId} {...(isOpen ? { open: true } : {})}>
      <summary class="button" safe>
        {id === null ? 'New key…' : `Change “${name}”…`}
      </summary>
      <form class="keys__form" {...posting}>
        <TextInput draft={draft} field="name" label="Name" effect="A person, a computer or an agent." />
        <Scopes draft={draft} />
        <Models draft={draft} />
        <div class="keys__limits">
          <NumberInput draft={draft} field="requests_per_minute" label="Requests a minute" />
          <NumberInput draft={draft} field="tokens_per_day" label="Tokens a day" />
          <TextInput draft={draft} field="expires_on" label="Ends after" effect="Empty = never." type="date" />
        </div>
        <span class="keys__buttons">
          <button class="button button--primary" type="submit">
            {id === null ? 'Make the key' : 'Save'}
          </button>
          {id === null ? '' : <Leave />}
        </span>
      </form>
    </details>
  );
}

function Leave(): JSX.Element {
  return (
    <a
      class="button button--quiet"
      href="/settings#keys"
      {...loadsFrom(`${ADDRESS}/new`, { target: keyFormId, swap: 'outerHTML' })}
    >
      Leave as it is
    </a>
  );
}

const VALUES = {
  name: ({ name }: KeyDraftData) => name,
  requests_per_minute: ({ requestsPerMinute }: KeyDraftData) => requestsPerMinute,
  tokens_per_day: ({ tokensPerDay }: KeyDraftData) => tokensPerDay,
  expires_on: ({ endsOn }: KeyDraftData) => endsOn,
} as const;

type InputProps = { readonly draft: KeyDraftData; readonly field: keyof typeof VALUES; readonly label: string };

function TextInput({
  draft,
  field,
  label,
  effect,
  type = 'text',
}: InputProps & { readonly effect: string; readonly type?: 'text' | 'date' }): JSX.Element {
  const about = { id: `key-${field}`, label, effect, error: draft.errors[field] ?? null };
  return (
    <div class="field">
      <label class="field__label" for={about.id} safe>
        {label}
      </label>
      <input
        class="input"
        type={type}
        name={field}
        value={VALUES[field](draft)}
        maxlength="40"
        autocomplete="off"
        {...(field === 'name' ? { required: true } : {})}
        {...inputAttributes(about)}
      />
      <p class="field__effect" id={`${about.id}-effect`} safe>
        {effect}
      </p>
      <FieldError draft={draft} field={field} />
    </div>
  );
}

function NumberInput({ draft, field, label }: InputProps): JSX.Element {
  const about = { id: `key-${field}`, label, effect: 'Empty = no limit.', error: draft.errors[field] ?? null };
  return (
    <div class="field">
      <label class="field__label" for={about.id} safe>
        {label}
      </label>
      <input
        class="input"
        type="number"
        inputmode="numeric"
        name={field}
        value={VALUES[field](draft)}
        min="1"
        {...inputAttributes(about)}
      />
      <p class="field__effect" id={`${about.id}-effect`}>
        Empty = no limit.
      </p>
      <FieldError draft={draft} field={field} />
    </div>
  );
}

function FieldError({ draft, field }: { draft: KeyDraftData; field: string }): JSX.Element {
  const error = draft.errors[field];
  if (error === undefined) return '';
  return (
    <p class="field__error" id={`key-${field}-error`} role="alert" safe>
      {error}
    </p>
  );
}

function Scopes({ draft }: { draft: KeyDraftData }): JSX.Element {
  return (
    <fieldset class="keys__choices">
      <legend class="field__label">May</legend>
      {SCOPES.map(({ name, words }) => (
        <label class="keys__choice">
          <input
            type="checkbox"
            name="scopes"
            value={name}
            {...(draft.scopes.includes(name) ? { checked: true } : {})}
          />
          <span>{words}</span>
        </label>
      ))}
      <FieldError draft={draft} field="scopes" />
    </fieldset>
  );
}

function Models({ draft }: { draft: KeyDraftData }): JSX.Element {
  return (
    <fieldset class="keys__choices">
      <legend class="field__label">Only these models</legend>
      <p class="field__effect">
        None ticked = all, also those that come later. Other models are as if they were not there.
      </p>
      <OfferedModels draft={draft} />
      <FieldError draft={draft} field="models" />
    </fieldset>
  );
}

/** Kept true by `/live` while nothing is ticked from here: what a person has ticked since, morphing leaves alone. */
export function OfferedModels({ draft }: { draft: KeyDraftData }): JSX.Element {
  return (
    <div class="keys__offered" {...(draft.models.length === 0 ? { id: keyModelsId } : {})}>
      {draft.offered.map((model) => (
        <label class="keys__choice">
          <input
            type="checkbox"
            name="models"
            value={model}
            {...(draft.models.includes(model) ? { checked: true } : {})}
          />
          <span safe>{model}</span>
        </label>
      ))}
    </div>
  );
}
