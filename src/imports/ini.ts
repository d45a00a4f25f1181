/** INI files as llama-server reads them. Pure, and linear in the text's length. */
import { Fault } from '#src/faults.ts';

/** Keys with values, in order; a later one of the same name replaces the earlier. */
export type IniSection = ReadonlyMap<string, string>;

const KEY = /^[A-Za-z_][\w.-]*$/;

/**
 * The sections by name; what stands before the first has the name ''. `;` and `#` begin comments, also behind a value.
 * Throws Fault('unprocessable') with the number of the first line that is none of these.
 */
export function readIni(text: string): ReadonlyMap<string, IniSection> {
  const sections = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  sections.set('', current);
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = withoutComment(raw).trim();
    if (line === '') continue;
    if (line.startsWith('[') && line.endsWith(']') && line.length > 2) {
      const name = line.slice(1, -1).trim();
      current = sections.get(name) ?? new Map<string, string>();
      sections.set(name, current);
      continue;
    }
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(0, equals)).trim();
    if (!KEY.test(key))
      throw new Fault('unprocessable', `Line ${index + 1} is neither a section nor a key with a value.`);
    current.set(key, line.slice(equals + 1).trim());
  }
  return sections;
}

/** llama-server ends a value at the first such sign, whatever stands before it; a section's name may hold one. */
function withoutComment(line: string): string {
  const from = /^\s*\[/.test(line) ? line.indexOf(']') : 0;
  const at = line.slice(Math.max(0, from)).search(/[;#]/);
  return at < 0 ? line : line.slice(0, Math.max(0, from) + at);
}
