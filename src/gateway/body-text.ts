/** The text of a request's bytes; that of a large one in as little memory as it can be held in. */
import { isAscii } from 'node:buffer';
import { Fault } from '#src/faults.ts';

const CHUNK_BYTES = 1 << 20;
/** Text that is mostly of other letters is shorter as it is than escaped. */
const GROWTH_MAX = 1.25;
/** After so many bytes of large bodies, a collection (some 20 ms) costs little beside having read them. */
const COLLECTED_EACH_BYTES = 64 << 20;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** With the backslash before it, if there is one: behind it an escape would mean something else. */
const FOREIGN = /\\?[^\0-\x7f]/g;

/** Of large bodies, since the last collection. */
let uncollectedBytes = 0;

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
  const ascii = isAscii(bytes) ? bytes : escaped(bytes);
  if (ascii && ascii !== bytes) release(bytes);
  // What those before it have left, and what was let go of, would else stay while this one grows.
  uncollectedBytes += (ascii ?? bytes).length;
  if (uncollectedBytes > COLLECTED_EACH_BYTES) {
    uncollectedBytes = 0;
    Bun.gc(true);
  }
  const text = textOf(ascii ?? bytes);
  release(ascii ?? bytes);
  return text;
}

/** Null when it would become much longer. What is ASCII already is copied as bytes: its text would only be garbage. */
function escaped(bytes: Uint8Array): Uint8Array | null {
  // Pages that are never written cost nothing.
  const target = new Uint8Array(Math.ceil(bytes.length * GROWTH_MAX));
  let length = 0;
  for (let from = startOf(bytes); from < bytes.length; ) {
    const end = endOfCharacter(bytes, from + CHUNK_BYTES);
    const chunk = bytes.subarray(from, end);
    const piece = isAscii(chunk) ? chunk : asciiOf(chunk);
    if (length + piece.length > target.length) return null;
    target.set(piece, length);
    length += piece.length;
    from = end;
  }
  return target.subarray(0, length);
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

function asciiOf(chunk: Uint8Array): Uint8Array {
  // A mark in the middle of a text is a character like any other.
  const marked = startOf(chunk) > 0;
  const text = marked ? `\uFEFF${textOf(chunk)}` : textOf(chunk);
  return Buffer.from(text.replace(FOREIGN, (found) => (found.startsWith('\\') ? found : escapeOf(found))));
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Their memory is free at once instead of with the next collection. */
function release({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
