/**
 * Edits YAML in block form, line by line; comments and everything that is not concerned stay as they are. What stands
 * on one line in braces is not taken apart: such a file is refused, and the user told the lines to write.
 */
import { Fault } from '#src/faults.ts';
import { isObject, type Json, type JsonObject } from '#src/json.ts';
import { entryIndex, nested, pathText, type Step, valueAt } from './document.ts';

/** Lines `first` to `end` (exclusive) whose mapping or list has its keys or dashes at `indent`. */
type Block = { readonly first: number; readonly end: number; readonly indent: number };

/** The text with one value set. Throws Fault('unprocessable') for a place inside braces or of an unknown shape. */
export function setYaml(text: string, at: readonly Step[], value: Json): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text === '' ? [] : text.split(/\r?\n/);
  const root: unknown = Bun.YAML.parse(text);
  let block = wholeBlock(lines);
  for (const [index, step] of at.entries()) {
    const parent = valueAt(root, at.slice(0, index));
    const own = ownBlock(lines, block, step, parent);
    const rest = at.slice(index + 1);
    if (own === null) {
      // It stands there in a form that is not seen here; written again it would be there twice.
      if (isThere(parent, step) && !hasMerge(lines, block)) throw inBraces(at.slice(0, index + 1));
      lines.splice(block.end, 0, ...rendered(oneOf(step, nested(rest, value)), block.indent));
      return joined(lines, newline);
    }
    const child = innerBlock(lines, own);
    if (rest.length === 0 || child === null) {
      if (rest.length > 0 && isFull(valueAt(root, at.slice(0, index + 1)))) throw inBraces(at.slice(0, index + 1));
      replace(lines, own, step, nested(rest, value));
      return joined(lines, newline);
    }
    block = child;
  }
  return joined(lines, newline);
}

function isThere(parent: unknown, step: Step): boolean {
  return valueAt(parent, [step]) !== undefined;
}

/** What a `<<` brings in is not written in the block itself, and a key there wins over it. */
function hasMerge(lines: readonly string[], block: Block): boolean {
  return keyLines(lines, block).some((place) => keyOf(lines[place] ?? '', block.indent) === '<<');
}

/** The text without what stands at a place; unchanged when there is nothing. */
export function removeYaml(text: string, at: readonly Step[]): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text.split(/\r?\n/);
  const root: unknown = Bun.YAML.parse(text);
  const parent = valueAt(root, at.slice(0, -1));
  // A key with nothing below it would be null instead of empty.
  if (at.length > 1 && isFull(parent) && sizeOf(parent) === 1 && valueAt(root, at) !== undefined) {
    return setYaml(text, at.slice(0, -1), Array.isArray(parent) ? [] : {});
  }
  let block = wholeBlock(lines);
  for (const [index, step] of at.entries()) {
    const own = ownBlock(lines, block, step, valueAt(root, at.slice(0, index)));
    if (own === null) return text;
    if (index === at.length - 1) {
      lines.splice(own.first, own.end - own.first);
      return lines.join(newline);
    }
    const child = innerBlock(lines, own);
    if (child === null) throw inBraces(at.slice(0, index + 1));
    block = child;
  }
  return text;
}

function joined(lines: string[], newline: string): string {
  if (lines.at(-1) !== '') lines.push('');
  return lines.join(newline);
}

function inBraces(at: readonly Step[]): Fault {
  return new Fault('unprocessable', `${pathText(at)} is not written in block form, one key a line.`);
}

/** A mapping or list that holds something: on one line it cannot be added to. */
function isFull(value: unknown): boolean {
  return sizeOf(value) > 0;
}

function sizeOf(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

const isBlank = (line: string): boolean => /^\s*(#.*)?$/.test(line);
const indentOf = (line: string): number => /^ */.exec(line)?.[0].length ?? 0;

/** The document: without its marks, and with the indent of its first key. */
function wholeBlock(lines: readonly string[]): Block {
  const start = lines.findIndex((line) => line.startsWith('---')) + 1;
  const stop = lines.findIndex((line, place) => place >= start && /^(---|\.\.\.)/.test(line));
  return blockOf(lines, start, stop < 0 ? lines.length : stop);
}

/** A block ends behind its last word: comments and blank lines after it belong to what follows. */
function blockOf(lines: readonly string[], from: number, to: number): Block {
  let [first, end] = [from, to];
  while (first < end && isBlank(lines[first] ?? '')) first += 1;
  while (end > first && isBlank(lines[end - 1] ?? '')) end -= 1;
  return { first, end, indent: first < end ? indentOf(lines[first] ?? '') : 0 };
}

/** The lines of one key with its value, or of one entry; null when it is not there. */
function ownBlock(lines: readonly string[], block: Block, step: Step, parent: unknown): Block | null {
  const starts = typeof step === 'string' ? keyLines(lines, block) : dashLines(lines, block);
  const index =
    typeof step === 'string'
      ? starts.findIndex((place) => keyOf(lines[place] ?? '', block.indent) === step)
      : Array.isArray(parent)
        ? entryIndex(parent, step)
        : -1;
  const first = starts[index];
  if (first === undefined) return null;
  const { end } = blockOf(lines, first, starts[index + 1] ?? block.end);
  return { first, end, indent: block.indent };
}

const DASH = /^( *)- /;

/** The lines of a block that begin a key. A first key may stand behind the dash of its entry. */
function keyLines(lines: readonly string[], { first, end, indent }: Block): number[] {
  return range(first, end).filter((place) => keyOf(lines[place] ?? '', indent) !== null);
}

function dashLines(lines: readonly string[], { first, end, indent }: Block): number[] {
  return range(first, end).filter(
    (place) => /^-( |$)/.test((lines[place] ?? '').slice(indent)) && indentOf(lines[place] ?? '') === indent,
  );
}

function range(first: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
}

const KEY = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s#"'[\]{},&*!|>%@`-][^#:]*?|-[^\s#:]+))\s*:(?:\s|$)/;

/** The key that a line begins at `indent`; null for a line that begins none there. */
function keyOf(line: string, indent: number): string | null {
  const head = line.slice(0, indent);
  if (!/^ *(- *)?$/.test(head) || head.length < indent || line.charAt(indent) === ' ') return null;
  const match = KEY.exec(line.slice(indent));
  return match ? (match[1] ?? match[2]?.replaceAll("''", "'") ?? match[3] ?? null) : null;
}

/** What is below a key, or inside an entry; null when the value stands on the key's own line. */
function innerBlock(lines: readonly string[], own: Block): Block | null {
  const line = lines[own.first] ?? '';
  if (DASH.test(line) && indentOf(line) === own.indent && /^- /.test(line.slice(own.indent))) {
    const inside = /^- */.exec(line.slice(own.indent))?.[0].length ?? 2;
    const indent = own.indent + inside;
    return keyOf(line, indent) === null ? null : { first: own.first, end: own.end, indent };
  }
  const below = blockOf(lines, own.first + 1, own.end);
  const isBare = /:\s*(#.*)?$/.test(line);
  return isBare && below.first < below.end ? below : null;
}

/** Writes a value where another stands. The comment behind it stays. */
function replace(lines: string[], own: Block, step: Step, value: Json): void {
  if (typeof step !== 'string') {
    lines.splice(own.first, own.end - own.first, ...rendered([value], own.indent));
    return;
  }
  const old = lines[own.first] ?? '';
  const head = old.slice(0, own.indent);
  const [first = '', ...below] = rendered({ [step]: value }, own.indent);
  const comment = trailingComment(old.slice(own.indent));
  lines.splice(own.first, own.end - own.first, head + first.slice(own.indent) + comment, ...below);
}

/** What is said behind a value, with the white space before it: a mark inside quotes is none. */
function trailingComment(line: string): string {
  const text = line.slice(KEY.exec(line)?.[0].length ?? 0);
  const quoted = /^\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')/.exec(text)?.[0] ?? '';
  // White space before the value has gone with the key.
  if (text.startsWith('#')) return ` ${text}`;
  return /\s+#.*$/.exec(text.slice(quoted.length))?.[0] ?? '';
}

function oneOf(step: Step, value: Json): Json {
  if (typeof step === 'string') return { [step]: value };
  return [isObject(value) ? { [step.where]: step.is, ...value } : value];
}

/** A value in block form, as lines at an indent. */
function rendered(value: Json | JsonObject, indent: number): string[] {
  const space = ' '.repeat(indent);
  if (Array.isArray(value)) {
    return value.flatMap((entry: Json) => {
      if (!isObject(entry)) return [`${space}- ${scalar(entry)}`];
      const [first = '', ...below] = rendered(entry, indent + 2);
      return [`${space}- ${first.trimStart()}`, ...below];
    });
  }
  if (!isObject(value)) return [space + scalar(value)];
  return Object.entries(value).flatMap(([key, child]) => {
    const head = `${space}${plain(key)}:`;
    return isFull(child) && (isObject(child) || Array.isArray(child))
      ? [head, ...rendered(child, indent + 2)]
      : [`${head} ${scalar(child)}`];
  });
}

function scalar(value: unknown): string {
  return typeof value === 'string' ? plain(value) : JSON.stringify(value);
}

/** Words that mean something else than themselves, and all that might, stand in quotes. */
function plain(text: string): string {
  const isPlain = /^[A-Za-z][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
