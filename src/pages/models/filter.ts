/** Which models of the list are shown, and in which order. Pure. */
import { MINE_ABILITIES, MINE_FORMATS, MINE_STATES, type MineFilter } from '#views/models/filter.tsx';
import type { MineFamily } from '#views/models/list.tsx';
import type { ModelRowData } from '#views/models/row.tsx';

/** Everything, by name. */
export const WHOLE_LIST: MineFilter = { q: '', state: '', format: '', can: '', sort: 'name', view: '', group: '' };

const QUERY_CHARACTERS_MAX = 200;
const PHASE_ORDER = ['ready', 'starting', 'stopping', 'failed', 'idle', 'missing'];

/** How the rows compare, smallest first; what is not known comes first too, so that it is last when turned round. */
const ORDERS: ReadonlyMap<string, (one: ModelRowData, other: ModelRowData) => number> = new Map([
  ['name', byName],
  ['state', (one, other) => PHASE_ORDER.indexOf(one.doing.phase) - PHASE_ORDER.indexOf(other.doing.phase)],
  ['size', (one, other) => one.sizeBytes - other.sizeBytes],
  ['memory', (one, other) => (one.memory?.bytes ?? 0) - (other.memory?.bytes ?? 0)],
  // The later, the shorter ago.
  ['used', (one, other) => (other.unusedS ?? Number.MAX_VALUE) - (one.unusedS ?? Number.MAX_VALUE)],
  ['requests', (one, other) => one.requests - other.requests],
  ['speed', (one, other) => (one.tokensPerS ?? 0) - (other.tokensPerS ?? 0)],
]);

/** A filter from an address: what it does not know counts as not said. */
export function readFilter(said: Readonly<Record<string, string | undefined>>): MineFilter {
  const known = (choices: readonly { readonly value: string }[], value: string | undefined): string =>
    choices.some((choice) => choice.value === value) ? (value ?? '') : '';
  const sort = said.sort ?? '';
  return {
    q: (said.q ?? '').slice(0, QUERY_CHARACTERS_MAX),
    state: known(MINE_STATES, said.state),
    format: known(MINE_FORMATS, said.format),
    can: known(MINE_ABILITIES, said.can),
    sort: ORDERS.has(sort.replace(/^-/, '')) ? sort : WHOLE_LIST.sort,
    view: said.view === 'cards' ? 'cards' : '',
    group: said.group === 'family' ? 'family' : '',
  };
}

/** The rows that a filter lets through, in its order; equal ones by name. */
export function filterRows(rows: readonly ModelRowData[], filter: MineFilter): readonly ModelRowData[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  const order = ORDERS.get(filter.sort.replace(/^-/, '')) ?? byName;
  const sign = filter.sort.startsWith('-') ? -1 : 1;
  return rows
    .filter((row) => isInState(row, filter.state))
    .filter(({ format }) => filter.format === '' || format === filter.format)
    .filter(({ abilities }) => filter.can === '' || abilities.includes(abilityWord(filter.can)))
    .filter((row) => words.every((word) => textOf(row).includes(word)))
    .toSorted((one, other) => sign * order(one, other) || byName(one, other));
}

/** The rows by their families, each family where its first row stands. */
export function familiesOf(rows: readonly ModelRowData[]): readonly MineFamily[] {
  const byFamily = Map.groupBy(rows, ({ family }) => family.toLowerCase());
  return [...byFamily.values()].map((members) => ({ name: members[0]?.family ?? '', rows: members }));
}

/** What the address calls it, as the rows say it. */
function abilityWord(can: string): string {
  const choice = MINE_ABILITIES.find(({ value }) => value === can);
  return choice?.label.toLowerCase() ?? can;
}

function isInState({ doing, isExternal, isLongUnused }: ModelRowData, state: string): boolean {
  switch (state) {
    case '':
      return true;
    case 'loaded':
      return doing.phase === 'ready' || doing.phase === 'starting' || doing.phase === 'stopping';
    case 'external':
      return isExternal;
    case 'unused':
      return isLongUnused;
    default:
      return doing.phase === state;
  }
}

function textOf({ name, id, quantization, otherNames, place, format }: ModelRowData): string {
  return [name, id, quantization ?? '', ...otherNames, place, format].join('\n').toLowerCase();
}

function byName(one: ModelRowData, other: ModelRowData): number {
  return one.name.localeCompare(other.name, 'en', { numeric: true });
}
