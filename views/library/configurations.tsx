/** @jsxImportSource @kitajs/html */
/** What other programs were set up with: where it lies, what would come of taking it over, what came of it. */
import type { Children } from '@kitajs/html';
import { Badge, type Tone } from '../parts/badge.tsx';
import { Field, inputAttributes } from '../parts/field.tsx';
import type { IconName } from '../parts/icon.tsx';
import { postsTo } from '../parts/posting.ts';
import { Tag } from '../parts/tag.tsx';

/** One thing of a configuration, and what becomes of it. */
export type ConfigurationRowData = {
  readonly kind: 'model' | 'preset' | 'setting' | 'left';
  /** By what it is chosen; empty = it cannot be. */
  readonly value: string;
  readonly name: string;
  readonly outcome: 'new' | 'changed' | 'unchanged' | 'refused' | 'left';
  /** Further names, how it is started, why it is left behind: a sentence each. */
  readonly details: readonly string[];
};

/** Whence a configuration comes. */
export type ConfigurationOrigin = {
  /** `flow-python`, `llama-swap` or `llama-server`. */
  readonly source: string;
  /** Its file, or words for a text that was pasted. */
  readonly place: string;
  /** A text that was pasted; null for a file. */
  readonly text: string | null;
};

export type ConfigurationData = {
  readonly origin: ConfigurationOrigin;
  readonly rows: readonly ConfigurationRowData[];
  /** It was done: by what it is taken back, or null for nothing to take back; null = this is what would be done. */
  readonly done: { readonly undo: string | null } | null;
};

export type FoundConfiguration = { readonly source: string; readonly path: string };

export const configurationId = 'import-configuration';
const BASE = '/models/import/configuration';
/** Configurations are written by people: nobody writes more. */
export const CONFIGURATION_CHARACTERS_MAX = 1 << 20;

const PROGRAMS = new Map([
  ['flow-python', 'the former Flow'],
  ['llama-swap', 'llama-swap'],
  ['llama-server', 'llama-server’s presets'],
]);
const KINDS = { model: 'model', preset: 'preset', setting: 'setting', left: '' } as const;

type Look = { readonly word: string; readonly icon: IconName; readonly tone: Tone };
const PLANNED: Readonly<Record<ConfigurationRowData['outcome'], Look>> = {
  new: { word: 'would be added', icon: 'download', tone: 'live' },
  changed: { word: 'would be changed', icon: 'loading', tone: 'waiting' },
  unchanged: { word: 'there already', icon: 'done', tone: 'quiet' },
  refused: { word: 'refused', icon: 'failed', tone: 'danger' },
  left: { word: 'left behind', icon: 'cancelled', tone: 'quiet' },
};
const DONE: typeof PLANNED = {
  ...PLANNED,
  new: { word: 'added', icon: 'done', tone: 'live' },
  changed: { word: 'changed', icon: 'done', tone: 'live' },
};

/** What a program is called, for people. */
export const programName = (source: string): string => PROGRAMS.get(source) ?? source;

type ConfigurationsProps = { readonly found: readonly FoundConfiguration[]; readonly children?: Children };

/** The ways in: what was found, and a text. `children` is what would be taken of one, when it is known already. */
export function Configurations({ found, children }: ConfigurationsProps): JSX.Element {
  const posting = postsTo(BASE, { target: configurationId });
  return (
    <>
      {found.length === 0 ? (
        <p class="import__quiet">
          None lies in its usual place: the former Flow’s folder, llama-swap’s config.yaml, llama-server’s preset.ini.
        </p>
      ) : (
        <ul class="import__list">
          {found.map(({ source, path }) => (
            <li class="import__source">
              <span class="import__what">
                <span safe>{`Of ${programName(source)}`}</span>
                <span class="import__quiet" safe>
                  {path}
                </span>
              </span>
              <form class="action" {...posting}>
                <input type="hidden" name="source" value={source} />
                <button class="button" type="submit" aria-label={`Show what would be taken of ${programName(source)}`}>
                  Show what would be taken
                </button>
              </form>
            </li>
          ))}
        </ul>
      )}
      <details class="import__paste">
        <summary>Paste one, or choose a file</summary>
        <PasteForm />
      </details>
      {children ?? <section id={configurationId} aria-label="What would be taken" aria-live="polite" />}
    </>
  );
}

function PasteForm(): JSX.Element {
  const text = {
    id: 'import-text',
    label: 'The text of llama-swap’s config.yaml, or of llama-server’s preset.ini',
    effect: 'Models it names are taken where models may be registered from; variables of this machine stay unread.',
  };
  return (
    <form class="import__form" {...postsTo(BASE, { target: configurationId })}>
      <div class="field">
        <label class="field__label" for="import-file">
          A file
        </label>
        <input class="input" id="import-file" type="file" accept=".yaml,.yml,.ini,.txt" data-fills={text.id} />
      </div>
      <Field {...text}>
        <textarea
          class="input import__text"
          name="text"
          rows="6"
          required
          spellcheck="false"
          maxlength={String(CONFIGURATION_CHARACTERS_MAX)}
          {...inputAttributes(text)}
        />
      </Field>
      <button class="button" type="submit">
        Show what would be taken
      </button>
    </form>
  );
}

/** What would be taken, to be ticked; or what was. */
export function Configuration({ configuration }: { configuration: ConfigurationData }): JSX.Element {
  const { origin, rows, done } = configuration;
  const isAnything = rows.some(isTakeable);
  return (
    <section class="import__form" id={configurationId} aria-label="What would be taken" aria-live="polite">
      <h3 class="import__from" safe>
        {`${done === null ? 'From' : 'Taken from'} ${programName(origin.source)}: ${origin.place}`}
      </h3>
      {done === null ? (
        <form class="import__form" {...postsTo(`${BASE}/taking`, { target: configurationId })}>
          <OriginFields origin={origin} />
          <Rows rows={rows} looks={PLANNED} isChoice />
          {isAnything ? (
            <button class="button button--primary" type="submit">
              Take what is ticked
            </button>
          ) : (
            <p class="import__quiet">There is nothing in it that is not here already.</p>
          )}
        </form>
      ) : (
        <>
          <Rows rows={rows} looks={DONE} isChoice={false} />
          <Done undo={done.undo} />
        </>
      )}
    </section>
  );
}

/** In the place of a configuration that cannot be read, or that was taken back. */
export function ConfigurationWords({ message, hint }: { message: string; hint: string | null }): JSX.Element {
  return (
    <section class="import__form" id={configurationId} aria-label="What would be taken" aria-live="polite">
      <p safe>{message}</p>
      {hint === null ? (
        ''
      ) : (
        <p class="import__quiet" safe>
          {hint}
        </p>
      )}
    </section>
  );
}

function OriginFields({ origin: { source, text } }: { origin: ConfigurationOrigin }): JSX.Element {
  return text === null ? (
    <input type="hidden" name="source" value={source} />
  ) : (
    <textarea class="hidden" name="text" aria-label="The text" readonly tabindex="-1" safe>
      {text}
    </textarea>
  );
}

function Rows({ rows, looks, isChoice }: RowsProps): JSX.Element {
  return (
    <div class="import__frame">
      <table class="table import__table">
        <thead>
          <tr>
            <th scope="col">{isChoice ? 'Take' : 'What'}</th>
            <th scope="col">What becomes of it</th>
            <th scope="col">More</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row row={row} look={looks[row.outcome]} isChoice={isChoice} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

type RowsProps = {
  readonly rows: readonly ConfigurationRowData[];
  readonly looks: typeof PLANNED;
  readonly isChoice: boolean;
};

function Row({ row, look, isChoice }: { row: ConfigurationRowData; look: Look; isChoice: boolean }): JSX.Element {
  const { kind, value, name, details } = row;
  const link = `/models?q=${encodeURIComponent(name)}`;
  return (
    <tr data-outcome={row.outcome}>
      <th scope="row" class="import__name">
        {isChoice && isTakeable(row) ? (
          <label class="check">
            <input type="checkbox" name={kind} value={value} checked />
            <span safe>{name}</span>
          </label>
        ) : !isChoice && kind === 'model' ? (
          <a href={link} safe>
            {name}
          </a>
        ) : (
          <span safe>{name}</span>
        )}{' '}
        {kind === 'left' ? '' : <Tag word={KINDS[kind]} />}
      </th>
      <td>
        <Badge {...look} />
      </td>
      <td class="import__details">
        {details.map((detail) => (
          <span class="import__quiet" safe>
            {detail}
          </span>
        ))}
      </td>
    </tr>
  );
}

function isTakeable({ outcome, value }: ConfigurationRowData): boolean {
  return value !== '' && (outcome === 'new' || outcome === 'changed');
}

function Done({ undo }: { undo: string | null }): JSX.Element {
  return (
    <div class="section__buttons">
      <a class="button button--primary" href="/models">
        To the models
      </a>
      {undo === null ? (
        ''
      ) : (
        <form class="action" {...postsTo(`${BASE}/undoing`, { target: configurationId })}>
          <input type="hidden" name="token" value={undo} />
          <button class="button" type="submit" aria-label="Undo: remove what was added, restore what was changed">
            Undo
          </button>
        </form>
      )}
    </div>
  );
}
