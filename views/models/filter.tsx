/** @jsxImportSource @kitajs/html */
/** What the list of models is narrowed to, and how it is shown: the words of the address, and the form. */
import { type Choice, SelectField } from '../parts/field.tsx';

/** What the list is narrowed to, in the words of the address. */
export type MineFilter = {
  readonly q: string;
  readonly state: string;
  readonly format: string;
  readonly can: string;
  /** A column; with `-` before it, backwards. */
  readonly sort: string;
  /** `cards`, or a table. */
  readonly view: string;
  /** `family`, or none. */
  readonly group: string;
};

export const mineRowsId = 'mine-rows';
export const mineFilterId = 'mine-filter';

export const MINE_STATES: readonly Choice[] = [
  { value: '', label: 'Any state' },
  { value: 'loaded', label: 'In memory' },
  { value: 'idle', label: 'Not loaded' },
  { value: 'failed', label: 'Failed' },
  { value: 'missing', label: 'Missing' },
  { value: 'external', label: 'External' },
  { value: 'unused', label: 'Long unused' },
];
export const MINE_FORMATS: readonly Choice[] = [
  { value: '', label: 'Any format' },
  { value: 'gguf', label: 'GGUF' },
  { value: 'mlx', label: 'MLX' },
];
export const MINE_ABILITIES: readonly Choice[] = [
  { value: '', label: 'Anything' },
  { value: 'tools', label: 'Tools' },
  { value: 'thinking', label: 'Thinking' },
  { value: 'vision', label: 'Images' },
  { value: 'embedding', label: 'Embeddings' },
];
export const MINE_SORTS: readonly Choice[] = [
  { value: 'name', label: 'Name' },
  { value: 'state', label: 'State, in memory first' },
  { value: '-size', label: 'Largest first' },
  { value: '-memory', label: 'Most memory first' },
  { value: '-used', label: 'Last used first' },
  { value: '-requests', label: 'Most requests first' },
  { value: '-speed', label: 'Fastest first' },
];

/** The address of the list under a filter; what is as usual is left out. */
export function mineAddress(filter: MineFilter): string {
  const usual: MineFilter = { q: '', state: '', format: '', can: '', sort: 'name', view: '', group: '' };
  const said = Object.entries(filter).filter(([name, value]) => value !== new Map(Object.entries(usual)).get(name));
  return said.length === 0 ? '/models' : `/models?${new URLSearchParams(said).toString()}`;
}

/** The fields that narrow and order the list. */
export function Filter({ filter }: { filter: MineFilter }): JSX.Element {
  const isUsual = MINE_SORTS.some(({ value }) => value === filter.sort);
  const sorts = isUsual ? MINE_SORTS : [...MINE_SORTS, { value: filter.sort, label: 'As the column says' }];
  return (
    <form
      class="toolbar mine__filter"
      id={mineFilterId}
      aria-label="Filter"
      method="get"
      action="/models"
      data-follow=""
      hx-get="/models/rows"
      hx-trigger="input delay:150ms, submit, stale"
      hx-target={`#${mineRowsId}`}
      hx-swap="outerMorph"
      hx-sync="this:replace"
    >
      <div class="field field--wide">
        <label class="field__label" for="mine-q">
          Find
        </label>
        <input
          class="input"
          id="mine-q"
          type="search"
          name="q"
          value={filter.q}
          placeholder="Name, file, quantisation"
          autocomplete="off"
          data-filter=""
        />
      </div>
      <SelectField id="mine-state" name="state" label="State" value={filter.state} choices={MINE_STATES} />
      <SelectField id="mine-format" name="format" label="Format" value={filter.format} choices={MINE_FORMATS} />
      <SelectField id="mine-can" name="can" label="Able to" value={filter.can} choices={MINE_ABILITIES} />
      <SelectField id="mine-sort" name="sort" label="Order" value={filter.sort} choices={sorts} />
      <fieldset class="mine__looks">
        <legend class="field__label">Shown as</legend>
        <Look name="view" value="" label="table" isChosen={filter.view === ''} />
        <Look name="view" value="cards" label="cards" isChosen={filter.view === 'cards'} />
        <label class="mine__look">
          <input type="checkbox" name="group" value="family" {...(filter.group === '' ? {} : { checked: true })} />
          <span>by family</span>
        </label>
      </fieldset>
      <noscript>
        <button class="button" type="submit">
          Show
        </button>
      </noscript>
    </form>
  );
}

type LookProps = { readonly name: string; readonly value: string; readonly label: string; readonly isChosen: boolean };

function Look({ name, value, label, isChosen }: LookProps): JSX.Element {
  return (
    <label class="mine__look">
      <input type="radio" name={name} value={value} {...(isChosen ? { checked: true } : {})} />
      <span safe>{label}</span>
    </label>
  );
}
