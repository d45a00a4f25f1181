/**
 * Checks the arguments a person adds to an engine's command line. Whoever may set them could otherwise open the engine
 * to
 * the network or have it run programs, so a flag passes only when it is known to be harmless.
 */
import { Fault } from '#src/faults.ts';
import { allowedPath } from './allowed-path.ts';
import type { FlagRule, FlagTable } from './flag-rules.ts';
import { flagRules } from './llama-flags.ts';

type Flag = { readonly written: string; readonly name: string; readonly inlineValue: string | null };

/**
 * The arguments as the engine will get them: `--flag=value` taken apart (llama-server does not know that form), files
 * replaced by their real paths. Throws Fault('invalid-request') on anything that is refused. Never split a string to
 * make these: each item is one argument, whatever characters it holds. Without a table they are llama-server's.
 */
export function extraArguments(
  items: readonly string[],
  roots: readonly string[],
  table: FlagTable = { program: 'llama-server', rules: flagRules() },
): string[] {
  const { rules } = table;
  const argv: string[] = [];
  for (let index = 0; index < items.length; ) {
    const flag = readFlag(items[index] ?? '');
    const rule = allowedRule(flag, rules.get(flag.name), table.program);
    const inline = flag.inlineValue === null ? [] : [flag.inlineValue];
    const following = items.slice(index + 1, index + 1 + rule.valueCount - inline.length);
    const values = checkedValues(flag, rule, [...inline, ...following], roots);
    argv.push(flag.name, ...values);
    index += 1 + following.length;
  }
  return argv;
}

/** llama-server takes `_` for `-` in long flags, so `--api_key` must not slip past the rule of `--api-key`. */
function readFlag(item: string): Flag {
  if (!item.startsWith('-')) {
    throw refusal(`\`${shown(item)}\` is not a flag, and no flag before it takes it as a value.`);
  }
  const equals = item.indexOf('=');
  const written = equals === -1 ? item : item.slice(0, equals);
  const name = written.startsWith('--') ? written.replaceAll('_', '-') : written;
  return { written, name, inlineValue: equals === -1 ? null : item.slice(equals + 1) };
}

function allowedRule(flag: Flag, rule: FlagRule | undefined, program: string): FlagRule {
  if (!rule) {
    const hint = /\s/.test(flag.written)
      ? 'Write the flag and its value as two separate items.'
      : 'Check its spelling; Flow passes only flags it knows.';
    throw refusal(`Flow does not know the ${program} flag \`${shown(flag.written)}\`.`, hint);
  }
  switch (rule.use.kind) {
    case 'owned':
      throw refusal(`Flow sets ${rule.name} itself, so it cannot be an extra argument.`);
    case 'setting':
      throw refusal(
        `Flow sets ${rule.name} from the setting ${rule.use.setting}, so it cannot be an extra argument.`,
        `Change ${rule.use.setting} instead.`,
      );
    case 'refused':
      throw refusal(`${rule.name} is refused: it ${rule.use.because}.`);
    default:
      return rule;
  }
}

function checkedValues(flag: Flag, rule: FlagRule, values: readonly string[], roots: readonly string[]): string[] {
  if (values.length > rule.valueCount) throw refusal(`${flag.written} takes no value.`);
  if (values.length < rule.valueCount) throw refusal(`${flag.written} needs ${rule.valueCount} value(s).`);
  for (const value of values) {
    if (value.includes('\0')) throw refusal(`The value of ${flag.written} holds a NUL character.`);
    if (value.startsWith('-') && !/^-\d/.test(value)) {
      throw refusal(`${flag.written} needs a value, but \`${shown(value)}\` looks like another flag.`);
    }
  }
  const { use } = rule;
  return use.kind === 'files' ? values.map((value) => checkedFiles(value, use.form, rule.name, roots)) : [...values];
}

function checkedFiles(
  value: string,
  form: 'FILE' | 'FILES' | 'FILES:',
  name: string,
  roots: readonly string[],
): string {
  if (form === 'FILE') return allowedPath(value, roots, name);
  return value
    .split(',')
    .map((part) => {
      const scale = form === 'FILES:' ? (/:-?[\d.]+$/.exec(part)?.[0] ?? '') : '';
      return allowedPath(part.slice(0, part.length - scale.length), roots, name) + scale;
    })
    .join(',');
}

function refusal(message: string, hint?: string): Fault {
  return new Fault('invalid-request', message, hint === undefined ? {} : { hint });
}

const shown = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);
