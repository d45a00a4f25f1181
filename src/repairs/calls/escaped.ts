/**
 * Calls whose angle brackets came as HTML entities: models that were shown an escaped history write so. Only what
 * parses as a call after unescaping is unescaped; every other `&lt;` in an answer stays what it is.
 */
import { type CallSyntax, type Reading, watchFor } from './reading.ts';

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&lt;', '<'],
  ['&gt;', '>'],
  ['&quot;', '"'],
  ['&#34;', '"'],
  ['&#x22;', '"'],
  ['&apos;', "'"],
  ['&#39;', "'"],
  ['&#x27;', "'"],
  ['&amp;', '&'],
]);
const ENTITY = /&(?:lt|gt|quot|apos|amp|#34|#39|#x22|#x27);/g;
/** An entity that may not be complete yet. */
const TAIL = /&[#\w]{0,5}$/;

/** The same syntax, escaped; null when none of its openers has anything to escape. */
export function escaped(syntax: CallSyntax): CallSyntax | null {
  const openers = syntax.openers.filter((opener) => opener.includes('<'));
  if (openers.length === 0) return null;
  return {
    format: syntax.format,
    label: `${syntax.label}, escaped for HTML,`,
    openers: openers.map(withEntities),
    isWholeAnswer: false,
    read(block, opener, offered, end) {
      const text = end === 'open' ? block.replace(TAIL, '') : block;
      const reading = syntax.read(withoutEntities(text), withoutEntities(opener), offered, end);
      return reading.kind === 'partial' ? waiting(reading, block) : placed(reading, text);
    },
  };
}

/** A piece without the end of an entity changes little. */
function waiting(reading: Extract<Reading, { kind: 'partial' }>, block: string): Reading {
  return { ...reading, watch: reading.watch === null ? null : watchFor(['&gt;'], block) };
}

/** The reading, with its length counted in the escaped text. */
function placed(reading: Exclude<Reading, { kind: 'partial' }>, text: string): Reading {
  if (reading.kind === 'none') return reading;
  let length = reading.length;
  for (const match of text.matchAll(ENTITY)) {
    if (match.index >= length) break;
    length += match[0].length - 1;
  }
  return { ...reading, length };
}

/** The text as HTML would carry it. */
export function withEntities(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

function withoutEntities(text: string): string {
  return text.replaceAll(ENTITY, (entity) => ENTITIES.get(entity) ?? entity);
}
