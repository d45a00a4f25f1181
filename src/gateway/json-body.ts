/** Bytes of a request to the JSON object they hold; whatever is wrong with them is said with its place. */
import * as zlib from 'node:zlib';
import { LARGE_BODY_BYTES_MAX } from '#src/access.ts';
import { asFault, Fault } from '#src/faults.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import { arrivedBody, bodyTooLarge, LARGE_BYTES } from '#src/stream/arrival.ts';
import { largeText, textOf } from './body-text.ts';
import type { BodyPlace, LargeBodies } from './large-bodies.ts';

/** The body as it came, what it says, and in words what had to be mended in it. */
export type JsonBody = { readonly text: string; readonly body: JsonObject; readonly mends: readonly string[] };

/** A body that has been read, or could not be. */
export type ReadBody = {
  readonly read: JsonBody | Fault;
  /** To be given back when the body is no longer held: at the end of its request's life. */
  readonly place: BodyPlace;
};

/** Deeper than any real request; `JSON.stringify` and recursive readers stay far from their limits. */
export const DEPTH_MAX = 256;
/** llama-server searches an object's keys one by one for each key: a million of them hold a thread for hours. */
export const KEYS_MAX = 10_000;

type Decode = (
  bytes: Uint8Array,
  options: { maxOutputLength: number },
  done: (error: Error | null, bytes: Uint8Array) => void,
) => void;

const DECODERS: { readonly [coding: string]: Decode } = {
  gzip: zlib.gunzip,
  'x-gzip': zlib.gunzip,
  deflate: zlib.inflate,
  br: zlib.brotliDecompress,
  zstd: zlib.zstdDecompress,
};

/** The body of a model's request, as large as they come. Never throws: the Fault is for the record and its words. */
export async function readBody(bodies: LargeBodies, request: Request): Promise<ReadBody> {
  const place = bodies.placeFor(request.signal);
  return { read: await readJsonBody(request, LARGE_BODY_BYTES_MAX, place).catch(asFault), place };
}

/**
 * Reads and decodes a request's body, at most `bytesMax` before and after decompression; a large one when it has its
 * place, which is to be held as long as the body is. Throws a Fault.
 */
export async function readJsonBody(request: Request, bytesMax: number, place: BodyPlace): Promise<JsonBody> {
  const arrived = await arrivedBody(request, { bytesMax, clock: place.clock, onLarge: (length) => place.take(length) });
  const bytes = await inflated(arrived, request.headers.get('content-encoding'), bytesMax, place);
  return parseJsonBody(bytes.length > LARGE_BYTES ? largeText(bytes) : textOf(bytes));
}

/**
 * The object in a text. Throws Fault('invalid-request') with line and column of what is wrong. Half of a surrogate pair
 * becomes U+FFFD: agents cut texts inside an emoji and then send that history for ever, and no engine would parse it.
 */
export function parseJsonBody(arrived: string): JsonBody {
  const text = LONE_OR_PAIR.test(arrived) ? withoutHalves(arrived) : arrived;
  const mends = text === arrived ? [] : ['half a character was replaced'];
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new Fault('invalid-request', syntaxMessage(text), { cause });
  }
  if (!isObject(body)) throw new Fault('invalid-request', 'The body is JSON, but not an object.');
  refuseShape(body, DEPTH_MAX);
  return { text, body, mends };
}

const LONE_OR_PAIR = /\\u[dD][89a-fA-F]/;
/** Each escape of a JSON text, a pair of surrogates as one; so a backslash that is itself escaped begins nothing. */
const ESCAPE = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)/g;
const HALF = /^\\u[dD][89a-fA-F]..$/;

function withoutHalves(text: string): string {
  return text.replace(ESCAPE, (sequence) => (HALF.test(sequence) ? String.raw`\ufffd` : sequence));
}

async function inflated(
  bytes: Uint8Array,
  header: string | null,
  bytesMax: number,
  place: BodyPlace,
): Promise<Uint8Array> {
  const coding = (header ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return bytes;
  const decode = DECODERS[coding];
  if (!decode) {
    const hint = `Send it plain, or as one of ${Object.keys(DECODERS).join(', ')}.`;
    throw new Fault('unsupported-media', `The content encoding ${JSON.stringify(coding)} is not known.`, { hint });
  }
  const plain = await inflate(coding, decode, bytes, Math.min(bytesMax, LARGE_BYTES));
  if (plain) return plain;
  if (bytesMax <= LARGE_BYTES) throw bodyTooLarge(bytesMax);
  // Nobody can tell from outside what a few kilobytes become.
  await place.take(null);
  const large = await inflate(coding, decode, bytes, bytesMax);
  if (!large) throw bodyTooLarge(bytesMax);
  return large;
}

/** Null when it becomes larger. */
async function inflate(
  coding: string,
  decode: Decode,
  bytes: Uint8Array,
  bytesMax: number,
): Promise<Uint8Array | null> {
  try {
    return await new Promise<Uint8Array>((resolve, reject) => {
      decode(bytes, { maxOutputLength: bytesMax }, (error, plain) => (error ? reject(error) : resolve(plain)));
    });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') return null;
    throw new Fault('invalid-request', `The body is not valid ${coding}.`, { cause });
  }
}

function refuseShape(value: object, levels: number): void {
  if (levels === 0) throw new Fault('invalid-request', `The body is nested more than ${DEPTH_MAX} levels deep.`);
  const inner: unknown[] = Object.values(value);
  if (!Array.isArray(value) && inner.length > KEYS_MAX) {
    throw new Fault('invalid-request', `An object in the body has ${inner.length} keys; ${KEYS_MAX} are allowed.`);
  }
  for (const each of inner) if (typeof each === 'object' && each !== null) refuseShape(each, levels - 1);
}

function syntaxMessage(text: string): string {
  if (text.trim() === '') return 'The body is empty; a JSON object is expected.';
  const at = syntaxErrorAt(text);
  if (at >= text.length) return `The body is not complete JSON: it ends at character ${text.length}.`;
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  const column = at - before.lastIndexOf('\n');
  const found = JSON.stringify(text.slice(at, at + 12));
  return `The body is not valid JSON: ${found} at line ${line}, column ${column} is not expected.`;
}

const STRING = String.raw`"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
/** What may come next: a value, a key or the end of an empty object, and so on. */
type Expected = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end';

/** Index of the first token that JSON does not allow; the text's length when it ends too early or is right. */
export function syntaxErrorAt(text: string): number {
  const token = new RegExp(String.raw`[ \t\r\n]*(?:([{}[\],:])|(${STRING})|(?:${NUMBER}|true|false|null))`, 'y');
  const open: string[] = [];
  let expected: Expected = 'value';
  for (let at = 0; ; at = token.lastIndex) {
    token.lastIndex = at;
    const match = token.exec(text);
    const start = at + (/^[ \t\r\n]*/.exec(text.slice(at, at + 1_000))?.[0].length ?? 0);
    if (!match) return start;
    const next = follow(expected, match[1] ?? (match[2] === undefined ? 'scalar' : 'string'), open);
    if (!next) return start;
    expected = next;
  }
}

/** What is expected after `token`; null when `token` itself was not. Keeps `open` up to date. */
function follow(expected: Expected, token: string, open: string[]): Expected | null {
  const inner = open.at(-1);
  const mayEnd = expected === 'comma-or-end' || expected === 'key-or-end' || expected === 'value-or-end';
  if (token === '}' || token === ']') {
    const matches = inner === (token === '}' ? '{' : '[') && mayEnd;
    if (matches) open.pop();
    return matches ? 'comma-or-end' : null;
  }
  if (expected === 'comma-or-end') {
    if (token !== ',' || inner === undefined) return null;
    return inner === '{' ? 'key' : 'value';
  }
  if (expected === 'colon') return token === ':' ? 'value' : null;
  if (expected === 'key' || expected === 'key-or-end') return token === 'string' ? 'colon' : null;
  if (token === '{' || token === '[') {
    open.push(token);
    return token === '{' ? 'key-or-end' : 'value-or-end';
  }
  return token === 'string' || token === 'scalar' ? 'comma-or-end' : null;
}
