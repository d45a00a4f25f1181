/** @jsxImportSource @kitajs/html */
/** The models that a filter lets through, as a table that looks like cards where there is little room or on wish. */
import { ActionButton } from '../parts/button.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Empty } from '../parts/empty.tsx';
import { postsTo } from '../parts/posting.ts';
import { bytesText, pluralText } from '../parts/quantity.tsx';
import { type MineFilter, mineAddress, mineRowsId } from './filter.tsx';
import { bulkFormId, ModelRow, type ModelRowData } from './row.tsx';

/** Models whose names begin alike. */
export type MineFamily = { readonly name: string; readonly rows: readonly ModelRowData[] };

export type MineData = {
  readonly filter: MineFilter;
  readonly rows: readonly ModelRowData[];
  /** The same rows by their families; null = they are not grouped. */
  readonly families: readonly MineFamily[] | null;
  /** Models that nobody has used for so many days, whatever the filter. */
  readonly unused: { readonly count: number; readonly bytes: number; readonly days: number };
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

/** The list under its filter, with how many there are. */
export function MineRows({ mine }: { mine: MineData }): JSX.Element {
  const { rows, total, filter } = mine;
  return (
    <section
      class="mine__list"
      id={mineRowsId}
      data-stamp={mine.stamp}
      data-view={filter.view === '' ? 'table' : filter.view}
      aria-label="Models that are here"
    >
      {total === 0 ? (
        <None />
      ) : (
        <>
          <div class="mine__head">
            <Count mine={mine} />
            {rows.length === 0 ? '' : <Bulk />}
          </div>
          {rows.length === 0 ? <NoneOfThese /> : <Table mine={mine} />}
        </>
      )}
    </section>
  );
}

/** How many are shown, and those whose room may be worth more. */
function Count({ mine }: { mine: MineData }): JSX.Element {
  const { rows, total, totalBytes, filter, unused } = mine;
  const count = rows.length === total ? pluralText(total, 'model') : `${rows.length} of ${pluralText(total, 'model')}`;
  return (
    <p class="mine__count">
      <span role="status" safe>
        {`${count}, ${bytesText(totalBytes)} on disk`}
      </span>
      {unused.count === 0 || filter.state === 'unused' ? (
        ''
      ) : (
        <a href={mineAddress({ ...filter, q: '', state: 'unused', format: '', can: '' })} safe>
          {`${unused.count} unused for ${unused.days} days: ${bytesText(unused.bytes)}`}
        </a>
      )}
    </p>
  );
}

function Table({ mine: { rows, families, filter } }: { mine: MineData }): JSX.Element {
  return (
    <div class="mine__frame">
      <table class="table mine__table">
        <thead>
          <tr>
            <th scope="col" class="mine__pick">
              <input type="checkbox" id="mine-pick-all" data-picks-all="" aria-label="Choose all that are shown" />
            </th>
            {COLUMNS.map((column) => (
              <Heading column={column} filter={filter} />
            ))}
            <th scope="col">
              <span class="hidden">What can be done</span>
            </th>
          </tr>
        </thead>
        {(families ?? [{ name: null, rows }]).map(({ name, rows: members }) => (
          <tbody>
            {name === null ? '' : <FamilyHead name={name} rows={members} />}
            {members.map((model) => (
              <ModelRow model={model} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  );
}

function FamilyHead({ name, rows }: { name: string; rows: readonly ModelRowData[] }): JSX.Element {
  const bytes = rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return (
    <tr class="mine__family">
      <th scope="rowgroup" colspan={String(COLUMNS.length + 2)}>
        <span class="mine__family-name" safe>
          {name}
        </span>{' '}
        <span class="mine__family-count" safe>{`${pluralText(rows.length, 'model')}, ${bytesText(bytes)}`}</span>
      </th>
    </tr>
  );
}

/** What can be done to all that are ticked; it shows while some are. */
function Bulk(): JSX.Element {
  return (
    <form class="mine__bulk" id={bulkFormId} aria-label="With the chosen models" {...postsTo('/models/bulk')}>
      <span class="mine__chosen" data-picked="">
        With the chosen
      </span>
      {BULK_ACTS.map(({ value, label, isDanger }) => (
        <button class={['button', isDanger && 'button--danger']} type="submit" name="act" value={value}>
          {label}
        </button>
      ))}
    </form>
  );
}

const BULK_ACTS = [
  { value: 'unload', label: 'Unload', isDanger: false },
  { value: 'pin', label: 'Pin', isDanger: false },
  { value: 'unpin', label: 'Unpin', isDanger: false },
  { value: 'remove', label: 'Remove from the list', isDanger: false },
  { value: 'ask', label: 'Delete files…', isDanger: true },
] as const;

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

/** With a first step for each way to a model. */
function None(): JSX.Element {
  return (
    <Empty title="No model yet">
      <p>Download one from Hugging Face, take one where it lies on this machine, or try all with a tiny one:</p>
      <div class="mine__ways">
        <a class="button button--primary" href="/models/get">
          Find one to download
        </a>
        <a class="button" href="/models/import">
          Use what is on this machine
        </a>
        <ActionButton
          action="/models/demo"
          fields={{}}
          label="Bring the demo back"
          description="Bring the demo back: a tiny model that Flow makes itself"
        />
      </div>
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
