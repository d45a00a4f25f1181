/** @jsxImportSource @kitajs/html */
/** `/models/get`: a search of the hub, or one repository of it. */
import type { Children } from '@kitajs/html';
import { ModelsTabs } from '../models/tabs.tsx';
import { type Choice, SelectField, TextField } from '../parts/field.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { foundId } from './found.tsx';

export type GetFilter = {
  readonly q: string;
  readonly author: string;
  readonly format: string;
  readonly tools: string;
  readonly vision: string;
  readonly reasoning: string;
  /** `1` = only what may fit into this machine. */
  readonly fits: string;
  readonly sort: string;
};

/** What may be chosen; the first is as usual. */
export const GET_FORMATS: readonly Choice[] = [
  { value: '', label: 'Any' },
  { value: 'gguf', label: 'GGUF' },
  { value: 'mlx', label: 'MLX' },
];
export const GET_SORTS: readonly Choice[] = [
  { value: '', label: 'Most downloads' },
  { value: 'trending', label: 'Trending' },
  { value: 'likes', label: 'Most likes' },
  { value: 'updated', label: 'Updated last' },
  { value: 'created', label: 'Newest' },
];
const ABILITIES = [
  { name: 'tools', label: 'tools' },
  { name: 'vision', label: 'vision' },
  { name: 'reasoning', label: 'reasoning' },
] as const;

/** The address of a question; what is not asked is left out. */
export function getAddress(path: string, asked: Readonly<Record<string, string>>): string {
  const said = Object.entries(asked).filter(([, value]) => value !== '');
  return said.length === 0 ? path : `${path}?${new URLSearchParams(said).toString()}`;
}

export type GetPageProps = {
  readonly filter: GetFilter;
  /** Downloads under way. */
  readonly downloads: number;
  /** The results, when they are known already. */
  readonly children?: Children;
};

export function GetPage({ filter, downloads, children }: GetPageProps): JSX.Element {
  return (
    <div class="library">
      <ModelsTabs current="get" downloads={downloads} />
      <Search filter={filter} />
      {children ?? <Pending id={foundId} address={getAddress('/models/get/results', filter)} words="Asking the hub…" />}
    </div>
  );
}

export type RepositoryPageProps = {
  readonly id: string;
  /** The quantisation that somebody has named; '' = none. */
  readonly quantization: string;
  /** Downloads under way. */
  readonly downloads: number;
  /** Its facts, when they are known already. */
  readonly children?: Children;
};

/** One repository; its facts come when the page is there, since the hub may take seconds. */
export function RepositoryPage({ id, quantization, downloads, children }: RepositoryPageProps): JSX.Element {
  const address = getAddress('/models/get/model', { repo: id, quant: quantization });
  return (
    <div class="library">
      <ModelsTabs current="get" downloads={downloads} />
      <p class="library__back">
        <a href="/models/get">‹ Search</a>
      </p>
      <h2 class="library__title" safe>
        {id}
      </h2>
      {children ?? <Pending id="get-detail" address={address} words="Asking the hub about it…" />}
    </div>
  );
}

/** Holds the place of what the hub is asked for. */
export function Pending({ id, address, words }: { id: string; address: string; words: string }): JSX.Element {
  return (
    <section
      class="pending"
      id={id}
      aria-busy="true"
      {...loadsFrom(address, { target: id, swap: 'outerHTML' })}
      hx-trigger="load"
    >
      <p role="status" safe>
        {words}
      </p>
      <noscript>
        <a href={address}>Show it</a>
      </noscript>
    </section>
  );
}

function Search({ filter }: { filter: GetFilter }): JSX.Element {
  const isOn = new Map(Object.entries(filter));
  return (
    <form
      class="toolbar"
      id="get-search"
      aria-label="Search"
      method="get"
      action="/models/get"
      data-follow=""
      hx-get="/models/get/results"
      hx-trigger="input delay:400ms, submit"
      hx-target={`#${foundId}`}
      hx-swap="outerHTML"
      hx-sync="this:replace"
    >
      <div class="field field--wide">
        <label class="field__label" for="get-q">
          Find on the hub
        </label>
        <input
          class="input"
          id="get-q"
          type="search"
          name="q"
          value={filter.q}
          placeholder="Words, an address, or organisation/repository:quantisation"
          autocomplete="off"
          maxlength="200"
          data-filter=""
        />
      </div>
      <SelectField id="get-format" name="format" label="Format" value={filter.format} choices={GET_FORMATS} />
      <TextField id="get-author" name="author" label="Organisation" value={filter.author} />
      <fieldset class="checks">
        <legend class="field__label">Able to</legend>
        {ABILITIES.map(({ name, label }) => (
          <label class="check">
            <input type="checkbox" name={name} value="1" {...(isOn.get(name) === '1' ? { checked: true } : {})} />
            <span>{label}</span>
          </label>
        ))}
        <label class="check">
          <input type="checkbox" name="fits" value="1" {...(filter.fits === '1' ? { checked: true } : {})} />
          <span>fits my memory</span>
        </label>
      </fieldset>
      <SelectField id="get-sort" name="sort" label="Order" value={filter.sort} choices={GET_SORTS} />
      <noscript>
        <button class="button" type="submit">
          Search
        </button>
      </noscript>
    </form>
  );
}
