/**
 * One configuration file as an agent's plan wants it. Whatever the editors of the formats did, the text that results is
 * read again and must say exactly what was intended and nothing else; otherwise nothing is written.
 */
import { asFault, Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import {
  type Change,
  isSame,
  jsonOf,
  pathText,
  type Restoration,
  type Step,
  valueAt,
  withoutValue,
  withValue,
} from './document.ts';
import { removeJsonc, setJsonc } from './jsonc.ts';
import { jsoncValue, parseJsonc } from './jsonc-tree.ts';
import { removeToml, setToml } from './toml.ts';
import { removeYaml, setYaml } from './yaml.ts';

export type Format = 'json' | 'toml' | 'yaml';

/** What shall stand in one file. `path` is absolute. */
export type Edit = { readonly path: string; readonly format: Format; readonly changes: readonly Change[] };

/** Editors of another system put one before everything. It is kept, and the editors of the formats never see it. */
const BYTE_ORDER_MARK = '\uFEFF';

const PARSERS: { readonly [Kind in Format]: (text: string) => unknown } = {
  json: (text) => (text.trim() === '' ? {} : jsoncValue(parseJsonc(text))),
  toml: (text) => Bun.TOML.parse(text),
  yaml: (text) => Bun.YAML.parse(text) ?? {},
};
const SETTERS = { json: setJsonc, toml: setToml, yaml: setYaml } as const;
const REMOVERS = { json: removeJsonc, toml: removeToml, yaml: removeYaml } as const;

/** What a text says. Throws Fault('unprocessable') with the place for one that cannot be read. */
export function parsed(format: Format, text: string): unknown {
  try {
    const value = PARSERS[format](withoutMark(text));
    if (isObject(value)) return value;
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('unprocessable', `${message}${placeOf(cause)}.`, { cause });
  }
  throw new Fault('unprocessable', 'It holds no mapping of names to values.');
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text;
}

/** What stands before everything else in a text: a byte order mark, or nothing. */
function markOf(text: string): string {
  return text.slice(0, text.length - withoutMark(text).length);
}

/** The reader of TOML and YAML tells the place beside its message, when it knows it. */
function placeOf(cause: unknown): string {
  const position = isObject(cause) || cause instanceof Error ? Reflect.get(cause, 'line') : undefined;
  return typeof position === 'number' ? ` at line ${position}` : '';
}

/** The text with an edit's changes made; the text itself when it says all of it already. */
export function edited(edit: Edit, text: string): string {
  const before = parsed(edit.format, text);
  const open = edit.changes.filter(({ at, value, isDefault }) => {
    const present = valueAt(before, at);
    return isDefault ? present === undefined : !isSame(present, value);
  });
  const after = open.reduce((result, { at, value }) => SETTERS[edit.format](result, at, value), withoutMark(text));
  const intended = open.reduce<unknown>((document, { at, value }) => withValue(document, at, value), before);
  return checked(edit, markOf(text) + after, intended);
}

/**
 * The text without what an edit brought, where it still stands: each place gets what stood there in `original`. What
 * was changed since is left alone and named.
 */
export function reverted(edit: Edit, text: string, original: string): { text: string; left: readonly string[] } {
  const first = parsed(edit.format, original);
  const present = parsed(edit.format, text);
  const left: string[] = [];
  let [result, intended]: [string, unknown] = [withoutMark(text), present];
  const perform = ({ at, value }: Restoration): void => {
    const { format } = edit;
    result = value === undefined ? REMOVERS[format](result, at) : SETTERS[format](result, at, jsonOf(value));
    intended = value === undefined ? withoutValue(intended, at) : withValue(intended, at, value);
  };
  for (const { at, value } of edit.changes) {
    const [then, now] = [valueAt(first, at), valueAt(intended, at)];
    if (now === undefined || isSame(now, then)) continue;
    if (!isSame(now, value)) {
      left.push(pathText(at));
      continue;
    }
    perform({ at, value: then });
    for (const empty of emptied(intended, first, at)) perform(empty);
  }
  return { text: checked(edit, markOf(text) + result, intended), left };
}

/**
 * The mappings and entries on the way to a place that hold nothing any more and held nothing at first, deepest first;
 * last perhaps one for which a plain value had to make room.
 */
function emptied(document: unknown, first: unknown, at: readonly Step[]): Restoration[] {
  const found: Restoration[] = [];
  let rest = document;
  for (let length = at.length - 1; length > 0; length -= 1) {
    const place = at.slice(0, length);
    const then = valueAt(first, place);
    const isContainer = typeof then === 'object' && then !== null;
    if (isContainer || !holdsNothing(valueAt(rest, place), place.at(-1))) break;
    found.push({ at: place, value: then });
    if (then !== undefined) break;
    rest = withoutValue(rest, place);
  }
  return found;
}

/** An entry that has but the field it is known by was made for what is gone. */
function holdsNothing(value: unknown, step: Step | undefined): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (!isObject(value)) return false;
  const names = Object.keys(value);
  return names.length === 0 || (typeof step === 'object' && names.length === 1 && names[0] === step.where);
}

function checked(edit: Edit, text: string, intended: unknown): string {
  try {
    if (isSame(parsed(edit.format, text), intended)) return text;
  } catch (cause) {
    throw new Fault('unprocessable', `It cannot be edited: ${asFault(cause).message}`, { cause });
  }
  throw new Fault('unprocessable', 'It is written in a way that cannot be edited without changing more than is meant.');
}
