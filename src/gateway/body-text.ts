/** The text of a request's bytes; that of a large one in as little memory as it can be held in. */
import { isAscii } from 'node:buffer';
import { Fault } from '#src/faults.ts';

const CHUNK_BYTES = 1 << 20;
/** Text that is mostly of other letters is shorter as it is than escaped. */
const GROWTH_MAX = 1.25;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** With the backslash before it, if there is one: behind it an escape would mean something else. */
const FOREIGN = /\\?[^\0-\x7f]/g;

/** The text, without a byte order mark. Throws Fault('invalid-request') for what is not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault('invalid-request', 'The body is not valid UTF-8.', { cause });
  }
}

/**
 * The text of JSON, at one byte a character: a string has one width, so one emoji beside a picture of 100 MB would
 * make each copy of it twice as large. What is not ASCII becomes an escape, which says the same in a string of JSON,
 * and elsewhere is as wrong as what it stands for. The bytes are let go of: they are gone afterwards. Throws as
 * `textOf`.
 */
export function largeText(bytes: Uint8Array): string {
  const text = isAscii(bytes) ? textOf(bytes) : (escaped(bytes) ?? textOf(bytes));
  release(bytes);
  return text;
}

/** Null when it would become much longer. */
function escaped(bytes: Uint8Array): string | null {
  const pieces: string[] = [];
  let length = 0;
  for (let from = startOf(bytes); from < bytes.length; ) {
    const end = endOfCharacter(bytes, from + CHUNK_BYTES);
    const chunk = bytes.subarray(from, end);
    const piece = isAscii(chunk) ? textOf(chunk) : asciiOf(chunk);
    length += piece.length;
    if (length > bytes.length * GROWTH_MAX) return null;
    pieces.push(piece);
    from = end;
  }
  return pieces.join('');
}

function startOf(bytes: Uint8Array): number {
  return BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte) ? BYTE_ORDER_MARK.length : 0;
}

/** The first place from `at` on where no character is cut. */
function endOfCharacter(bytes: Uint8Array, at: number): number {
  let end = Math.min(at, bytes.length);
  while (end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end += 1;
  return end;
}

function asciiOf(chunk: Uint8Array): string {
  // A mark in the middle of a text is a character like any other.
  const marked = startOf(chunk) > 0;
  const text = marked ? `\uFEFF${textOf(chunk)}` : textOf(chunk);
  const escaped = text.replace(FOREIGN, (found) => (found.startsWith('\\') ? found : escapeOf(found)));
  // Made from a wide string, it is one still, though all of it is narrow.
  return textOf(Buffer.from(escaped));
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Their memory is free at once instead of with the next collection. */
function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
