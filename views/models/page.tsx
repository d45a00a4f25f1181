/** @jsxImportSource @kitajs/html */
/** The models that are here: a list to look through, and what may be done with each. */
import { Copyable } from '../parts/copyable.tsx';
import { Empty } from '../parts/empty.tsx';
import { type Choice, SelectField } from '../parts/field.tsx';
import { bytesText, pluralText } from '../parts/quantity.tsx';
import { ModelRow, type ModelRowData } from './row.tsx';
import { ModelsTabs } from './tabs.tsx';

/** What the list is narrowed to, in the words of the address. */
export type MineFilter = {
  readonly q: string;
  readonly state: string;
  readonly format: string;
  readonly can: string;
  /** A column; with `-` before it, backwards. */
  readonly sort: string;
};

export type MineData = {
  readonly filter: MineFilter;
  readonly rows: readonly ModelRowData[];
  /** How many there are without the filter, and their bytes on disk. */
  readonly total: number;
  readonly totalBytes: number;
  /** Changes when a row comes, goes or changes its state. */
  readonly stamp: string;
  /** Downloads under way. */
  readonly downloads: number;
};

/** A column of the list; those with `sort` can be sorted by. */
export type MineColumn = {
  readonly label: string;
  readonly sort: string | null;
  readonly kind: '' | 'mine__wide' | 'mine__wider';
};

export const mineRowsId = 'mine-rows';
export const mineFilterId = 'mine-filter';
/** Holds the newest stamp; `public/js/filters.js` has the list fetched anew when it shows another one. */
export const mineStampId = 'mine-stamp';

export const MINE_STATES: readonly Choice[] = [
  { value: '', label: 'Any state' },
  { value: 'loaded', label: 'In memory' },
  { value: 'idle', label: 'Not loaded' },
  { value: 'failed', label: 'Failed' },
  { value: 'missing', label: 'Missing' },
  { value: 'external', label: 'External' },
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
const COLUMNS: readonly MineColumn[] = [
  { label: 'Model', sort: 'name', kind: '' },
  { label: 'State', sort: 'state', kind: '' },
  { label: 'Size', sort: 'size', kind: 'mine__wide' },
  { label: 'Memory', sort: 'memory', kind: 'mine__wide' },
  { label: 'Context', sort: null, kind: 'mine__wide' },
  { label: 'Last used', sort: 'used', kind: 'mine__wider' },
  { label: 'Requests', sort: 'requests', kind: 'mine__wider' },
  { label: 'Speed', sort: 'speed', kind: 'mine__wider' },
];

/** The address of the list under a filter; what is as usual is left out. */
export function mineAddress(filter: MineFilter): string {
  const usual: MineFilter = { q: '', state: '', format: '', can: '', sort: 'name' };
  const said = Object.entries(filter).filter(([name, value]) => value !== new Map(Object.entries(usual)).get(name));
  return said.length === 0 ? '/models' : `/models?${new URLSearchParams(said).toString()}`;
}

export function MinePage({ mine }: { mine: MineData }): JSX.Element {
  return (
    <div class="mine">
      <ModelsTabs current="mine" downloads={mine.downloads} />
      <Filter filter={mine.filter} />
      <MineRows mine={mine} />
      <div id={mineStampId} data-stamp-of={mineRowsId} hidden safe>
        {mine.stamp}
      </div>
    </div>
  );
}

/** The list under its filter, with how many there are. */
export function MineRows({ mine }: { mine: MineData }): JSX.Element {
  const { rows, total, totalBytes, filter } = mine;
  const count = rows.length === total ? pluralText(total, 'model') : `${rows.length} of ${pluralText(total, 'model')}`;
  return (
    <section class="mine__list" id={mineRowsId} data-stamp={mine.stamp} aria-label="Models that are here">
      {total === 0 ? (
        <None />
      ) : (
        <>
          <p class="mine__count" role="status" safe>
            {`${count}, ${bytesText(totalBytes)} on disk`}
          </p>
          {rows.length === 0 ? <NoneOfThese /> : <Table rows={rows} filter={filter} />}
        </>
      )}
    </section>
  );
}

function Filter({ filter }: { filter: MineFilter }): JSX.Element {
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
      <noscript>
        <button class="button" type="submit">
          Show
        </button>
      </noscript>
    </form>
  );
}

function Table({ rows, filter }: { rows: readonly ModelRowData[]; filter: MineFilter }): JSX.Element {
  return (
    <div class="mine__frame">
      <table class="table mine__table">
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <Heading column={column} filter={filter} />
            ))}
            <th scope="col">
              <span class="hidden">What can be done</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((model) => (
            <ModelRow model={model} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Numbers begin with the largest, words with A; a second click turns the order round. */
function Heading({ column, filter }: { column: MineColumn; filter: MineFilter }): JSX.Element {
  const { label, sort, kind } = column;
  const classes = [kind, kind !== '' && 'table__number'];
  if (sort === null) {
    return (
      <th scope="col" class={classes} safe>
        {label}
      </th>
    );
  }
  const first = kind === '' ? sort : `-${sort}`;
  const isSorted = filter.sort === sort || filter.sort === `-${sort}`;
  const other = first === sort ? `-${sort}` : sort;
  const next = filter.sort === first ? other : first;
  const direction = filter.sort === sort ? 'ascending' : 'descending';
  return (
    <th scope="col" class={classes} {...(isSorted ? { 'aria-sort': direction } : {})}>
      <a class="mine__sort" href={mineAddress({ ...filter, sort: next })}>
        <span safe>{label}</span>
        {isSorted ? <span aria-hidden="true">{direction === 'ascending' ? ' ↑' : ' ↓'}</span> : ''}
      </a>
    </th>
  );
}

function None(): JSX.Element {
  return (
    <Empty title="No model yet">
      <p>Download one from Hugging Face, or take one where it lies on this machine:</p>
      <Copyable text={'flow pull <organisation>/<repository>\nflow add /path/to/model.gguf'} label="the commands" />
    </Empty>
  );
}

function NoneOfThese(): JSX.Element {
  return (
    <Empty title="None of your models is like that">
      <p>
        <a href="/models">Show all of them</a>
      </p>
    </Empty>
  );
}
