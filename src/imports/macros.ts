/** llama-swap's `${macros}`: bounded, so that no file can make Flow expand for ever. Pure. */
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';

/** Values by name, without `${}`. */
export type Macros = ReadonlyMap<string, string | number | boolean>;

export type MacroSources = {
  readonly macros: Macros;
  readonly environment: Readonly<Record<string, string | undefined>>;
};

const MACRO = /\$\{([\w.-]{1,120})\}/g;
const WHOLE_MACRO = /^\$\{([\w.-]{1,120})\}$/;
const ROUNDS_MAX = 10;
const CHARACTERS_MAX = 65_536;
const DEPTH_MAX = 20;
const NODES_MAX = 5_000;
/** What may be in the environment and is nobody's business in a plan that is shown. */
const SECRET = /KEY|TOKEN|SECRET|PASSW|CREDENTIAL/i;

/** The macros of a mapping; what is no text, number or switch is passed over. */
export function macrosOf(value: unknown): Macros {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(
    entries.flatMap(([name, held]) =>
      typeof held === 'string' || typeof held === 'number' || typeof held === 'boolean' ? [[name, held] as const] : [],
    ),
  );
}

/**
 * The text with all macros put in. Throws Fault('unprocessable') for one that is not there or holds itself, a variable
 * that is not set or secret, and a text that grows out of all bounds.
 */
export function expand(text: string, sources: MacroSources): string {
  let expanded = text;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (!expanded.includes('${')) return expanded;
    let length = expanded.length;
    const next = expanded.replace(MACRO, (_, name: string) => {
      const value = String(macroNamed(name, sources));
      length += value.length;
      if (length > CHARACTERS_MAX) throw new Fault('unprocessable', 'Its macros make a text that is too long.');
      return value;
    });
    if (next === expanded) return expanded;
    expanded = next;
  }
  throw new Fault('unprocessable', 'Its macros contain each other.');
}

/** A JSON-like value with all macros put in; a text that is one macro takes that macro's type. */
export function expandValue(value: unknown, sources: MacroSources): unknown {
  let nodes = 0;
  const walk = (node: unknown, depth: number): unknown => {
    nodes += 1;
    // A YAML anchor may hold itself.
    if (depth > DEPTH_MAX || nodes > NODES_MAX) throw new Fault('unprocessable', 'It is nested without end.');
    if (typeof node === 'string') return expandedScalar(node, sources);
    if (Array.isArray(node)) return node.map((item) => walk(item, depth + 1));
    if (!isObject(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, item]) => [expand(name, sources), walk(item, depth + 1)]),
    );
  };
  return walk(value, 0);
}

function expandedScalar(text: string, sources: MacroSources): unknown {
  const only = WHOLE_MACRO.exec(text)?.[1];
  const value = only === undefined ? null : (sources.macros.get(only) ?? null);
  return value !== null && typeof value !== 'string' ? value : expand(text, sources);
}

function macroNamed(name: string, { macros, environment }: MacroSources): string | number | boolean {
  const held = macros.get(name);
  if (held !== undefined) return held;
  if (!name.startsWith('env.')) throw new Fault('unprocessable', `There is no macro ${name}.`);
  const variable = name.slice('env.'.length);
  if (SECRET.test(variable)) throw new Fault('unprocessable', `${variable} sounds secret, so it is not read.`);
  const value = environment[variable];
  if (value === undefined) throw new Fault('unprocessable', `The variable ${variable} is not set for Flow.`);
  return value;
}
