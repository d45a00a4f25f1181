/** Edits TOML line by line: a value is replaced where it stands, a new one goes to the end of its table. */
import { Fault } from '#src/faults.ts';
import { isObject, type Json } from '#src/json.ts';
import { pathText, type Step } from './document.ts';

/** The text with one value set. Throws Fault('unprocessable') for a place that TOML can say in ways this cannot. */
export function setToml(text: string, at: readonly Step[], value: Json): string {
  const { key, table } = placeOf(at);
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text === '' ? [] : text.split(/\r?\n/);
  const statements = statementsOf(lines);
  const line = `${bare(key)} = ${tomlValue(value)}`;
  const own = statements.find((one) => one.kind === 'pair' && isSameName(one.table, table) && one.key === key);
  if (own) {
    lines.splice(own.first, own.last - own.first + 1, line + trailingComment(lines[own.last] ?? ''));
    return lines.join(newline);
  }
  const header = statements.find((one) => one.kind === 'table' && isSameName(one.table, table));
  if (table.length > 0 && !header) return lines.concat(newTable(lines, table, line)).join(newline);
  lines.splice(endOfTable(statements, table, header), 0, line);
  // A line that now begins the file is parted from the table below it.
  if (lines[1]?.startsWith('[') === true && lines[0] === line) lines.splice(1, 0, '');
  if (lines.at(-1) !== '') lines.push('');
  return lines.join(newline);
}

/** The text without one value, and without its table when that is empty then; unchanged when there is none. */
export function removeToml(text: string, at: readonly Step[]): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(/\r?\n/);
  const statements = statementsOf(lines);
  const header = statements.find((one) => one.kind === 'table' && isSameName(one.table, at));
  if (header) {
    // Its blank line goes with it.
    const first = lines[header.first - 1] === '' ? header.first - 1 : header.first;
    lines.splice(first, header.last - first + 1);
    return lines.join(newline);
  }
  const { key, table } = placeOf(at);
  const own = statements.find((one) => one.kind === 'pair' && isSameName(one.table, table) && one.key === key);
  if (!own) return text;
  lines.splice(own.first, own.last - own.first + 1);
  return lines.join(newline);
}

/** A table's header or a key with its value, by the lines it stands on. */
type Statement = {
  readonly kind: 'table' | 'pair';
  /** The table itself, or the one the key is in. */
  readonly table: readonly string[];
  readonly key: string;
  readonly first: number;
  readonly last: number;
};

function placeOf(at: readonly Step[]): { key: string; table: readonly string[] } {
  const names = at.filter((step): step is string => typeof step === 'string');
  const key = names.at(-1);
  if (key === undefined || names.length !== at.length) {
    throw new Fault('unprocessable', `${pathText(at)} cannot be said in TOML.`);
  }
  return { key, table: names.slice(0, -1) };
}

function statementsOf(lines: readonly string[]): Statement[] {
  const found: Statement[] = [];
  let table: readonly string[] = [];
  for (let first = 0; first < lines.length; first += 1) {
    const line = (lines[first] ?? '').trim();
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      // An entry of a list of tables gets a name that nobody asks for.
      table = line.startsWith('[[') ? ['[[', line] : namesIn(line.slice(1, line.lastIndexOf(']')));
      found.push({ kind: 'table', table, key: '', first, last: first });
      continue;
    }
    const last = endOfValue(lines, first);
    const names = namesIn(line.slice(0, assignmentAt(line)));
    found.push({ kind: 'pair', table: [...table, ...names.slice(0, -1)], key: names.at(-1) ?? '', first, last });
    first = last;
  }
  return found;
}

const NAME = /"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g;

function namesIn(text: string): string[] {
  return [...text.matchAll(NAME)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

function assignmentAt(line: string): number {
  const quoted = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^="'])*/.exec(line)?.[0].length ?? 0;
  return quoted;
}

/** Text of one piece: a string of any kind, a comment, a bracket. */
const PIECE = /"""|'''|"(?:[^"\\]|\\.)*"|'[^']*'|#.*$|[[\]{}]/g;

/** The line on which a value ends that begins on `first`: strings and lists may go over several. */
function endOfValue(lines: readonly string[], first: number): number {
  let open: string | null = null;
  let depth = 0;
  for (let place = first; place < lines.length; place += 1) {
    const whole = lines[place] ?? '';
    let line = place === first ? whole.slice(assignmentAt(whole) + 1) : whole;
    while (line !== '') {
      if (open !== null) {
        const end = line.indexOf(open);
        if (end < 0) break;
        line = line.slice(end + open.length);
        open = null;
        continue;
      }
      PIECE.lastIndex = 0;
      const piece = PIECE.exec(line);
      if (!piece) break;
      const [word] = piece;
      line = line.slice(piece.index + word.length);
      if (word === '"""' || word === "'''") open = word;
      else if (word === '[' || word === '{') depth += 1;
      else if (word === ']' || word === '}') depth -= 1;
    }
    if (open === null && depth <= 0) return place;
  }
  return lines.length - 1;
}

/** What is said behind a value, with the white space before it. */
function trailingComment(line: string): string {
  for (const piece of line.matchAll(PIECE)) {
    if (piece[0].startsWith('#')) return `${/\s*$/.exec(line.slice(0, piece.index))?.[0] ?? ''}${piece[0]}`;
  }
  return '';
}

/** Behind the last statement of a table; the top level of a file without one begins it. */
function endOfTable(statements: readonly Statement[], table: readonly string[], header: Statement | undefined): number {
  const last = statements.findLast((one) => one.kind === 'pair' && isSameName(one.table, table));
  return (last ?? header)?.last === undefined ? 0 : ((last ?? header)?.last ?? 0) + 1;
}

function newTable(lines: string[], table: readonly string[], line: string): string[] {
  while (lines.at(-1) === '') lines.pop();
  return [...(lines.length > 0 ? [''] : []), `[${table.map(bare).join('.')}]`, line, ''];
}

function isSameName(one: readonly Step[], other: readonly Step[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function bare(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

function tomlValue(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (isObject(value) || value === null) throw new Fault('unprocessable', 'A table is set key by key.');
  return JSON.stringify(value);
}
