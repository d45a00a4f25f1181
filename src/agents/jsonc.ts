/**
 * Edits JSON that people write by hand: comments, trailing commas and the layout of everything that is not concerned
 * stay as they are.
 */
import type { Json } from '#src/json.ts';
import { nested, type Step } from './document.ts';
import { type JsoncEntry, type JsoncNode, parseJsonc } from './jsonc-tree.ts';

/** The text with one value set. Throws Fault('unprocessable') for a text that is not JSON with comments. */
export function setJsonc(text: string, at: readonly Step[], value: Json): string {
  const source = text.trim() === '' ? '{}\n' : text;
  const layout = layoutOf(source);
  let node = parseJsonc(source);
  for (const [index, step] of at.entries()) {
    const entry = entryOf(node, step);
    if (entry === null) {
      const rest = at.slice(index + 1);
      if (node.kind !== (typeof step === 'string' ? 'object' : 'array')) {
        return spliced(
          source,
          node.start,
          node.end,
          render(nested(at.slice(index), value), source, node.start, layout),
        );
      }
      const inner = nested(rest, value);
      const made = typeof step === 'string' ? inner : { [step.where]: step.is, ...(isMapping(inner) ? inner : {}) };
      return inserted(source, node, typeof step === 'string' ? step : null, made, layout);
    }
    node = entry.value;
  }
  return spliced(source, node.start, node.end, render(value, source, node.start, layout));
}

/** The text without the member or entry at a place; unchanged when there is none. */
export function removeJsonc(text: string, at: readonly Step[]): string {
  let node = parseJsonc(text);
  for (const [index, step] of at.entries()) {
    const entry = entryOf(node, step);
    if (entry === null) return text;
    if (index === at.length - 1) return cutOut(text, node, entry);
    node = entry.value;
  }
  return text;
}

const LINE_LENGTH_MAX = 60;

type Layout = { readonly newline: string; readonly unit: string };

function layoutOf(text: string): Layout {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  return { newline, unit };
}

function isMapping(value: Json): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function entryOf(node: JsoncNode, step: Step): JsoncEntry | null {
  if (typeof step === 'string') {
    // A key that stands twice counts as its last, as in every JSON reader.
    return node.kind === 'object' ? (node.entries.findLast(({ key }) => key === step) ?? null) : null;
  }
  const has = ({ value }: JsoncEntry): boolean =>
    value.entries.some(({ key, value: field }) => key === step.where && field.scalar === step.is);
  return node.kind === 'array' ? (node.entries.find(has) ?? null) : null;
}

function spliced(text: string, start: number, end: number, piece: string): string {
  return text.slice(0, start) + piece + text.slice(end);
}

/** White space at the beginning of the line on which `offset` lies. */
function indentAt(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

function render(value: Json, text: string, offset: number, layout: Layout): string {
  return rendered(value, indentAt(text, offset), layout);
}

function rendered(value: Json, indent: string, { newline, unit }: Layout): string {
  return JSON.stringify(value, null, unit)
    .split('\n')
    .join(newline + indent);
}

function inserted(text: string, node: JsoncNode, key: string | null, value: Json, layout: Layout): string {
  const isOneLine = node.entries.length > 0 && !text.slice(node.start, node.end).includes('\n');
  // Only a file that is all one line stays so; elsewhere a line must stay one that can be read.
  const fits =
    !text.trim().includes('\n') || (typeof value !== 'object' && lineLength(text, node.end) < LINE_LENGTH_MAX);
  const name = key === null ? '' : `${JSON.stringify(key)}: `;
  const closing = node.end - 1;
  const last = node.entries.at(-1);
  const place = lastWordEnd(text, node, closing);
  if (isOneLine && fits && last) {
    const comma = last.commaAt === null ? ', ' : ' ';
    return spliced(text, place, place, `${comma}${name}${JSON.stringify(value)}`);
  }
  const outer = indentAt(text, node.start);
  const indent = last && !isOneLine ? indentAt(text, last.start) : outer + layout.unit;
  const piece = layout.newline + indent + name + rendered(value, indent, layout);
  // A brace that opens and closes on one line is opened up for what comes into it.
  const hasOwnLine = text.slice(place, closing).includes('\n');
  const end = last?.commaAt == null ? '' : ',';
  const after = hasOwnLine ? '' : layout.newline + outer;
  const withMember = spliced(text, place, hasOwnLine ? place : closing, piece + end + after);
  // The comma belongs behind the value, before a comment that follows it on its line.
  return last && last.commaAt === null ? spliced(withMember, last.end, last.end, ',') : withMember;
}

function lineLength(text: string, offset: number): number {
  return offset - text.lastIndexOf('\n', offset - 1);
}

/** Behind the last thing inside the brackets, be it a comment. */
function lastWordEnd(text: string, node: JsoncNode, closing: number): number {
  let place = closing;
  while (place > node.start + 1 && /\s/.test(text.charAt(place - 1))) place -= 1;
  return place;
}

function cutOut(text: string, node: JsoncNode, entry: JsoncEntry): string {
  let start = entry.start;
  while (start > node.start + 1 && /[ \t]/.test(text.charAt(start - 1))) start -= 1;
  if (text.charAt(start - 1) === '\n') start -= text.charAt(start - 2) === '\r' ? 2 : 1;
  const end = entry.commaAt === null ? entry.end : entry.commaAt + 1;
  const rest = spliced(text, Math.max(start, node.start + 1), end, '');
  const before = node.entries[node.entries.indexOf(entry) - 1];
  const isLast = entry === node.entries.at(-1);
  // The comma of the one before has nobody to part any more.
  if (isLast && entry.commaAt === null && before?.commaAt != null) {
    return spliced(rest, before.commaAt, before.commaAt + 1, '');
  }
  return rest;
}
