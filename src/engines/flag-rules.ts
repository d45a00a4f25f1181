/** How an engine's flags are classed, and how their tables are read. */
import type { LaunchSettings } from '#src/models/model.ts';

export type FlagRule = {
  /** The name to speak of it by: its longest one. */
  readonly name: string;
  readonly valueCount: 0 | 1 | 2;
  readonly use:
    | { readonly kind: 'free' }
    | { readonly kind: 'files'; readonly form: 'FILE' | 'FILES' | 'FILES:' }
    | { readonly kind: 'owned' }
    | { readonly kind: 'setting'; readonly setting: keyof LaunchSettings }
    | { readonly kind: 'refused'; readonly because: string };
};

/**
 * A program's flags by class. A line is the names of one flag; `=` stands for one value, `FILE` for a file, `FILES` for
 * files divided by commas, `FILES:` for files with a scale behind each.
 */
export type FlagClasses = {
  /** Flow sets them itself. */
  readonly owned: string;
  /** Flow sets them from a launch setting. */
  readonly settings: readonly (readonly [keyof LaunchSettings, string])[];
  /** By the reason why nobody may pass them: `it …`. */
  readonly refused: Readonly<Record<string, string>>;
  readonly files: string;
  readonly free: string;
};

/** The rules of one program. */
export type FlagTable = { readonly program: string; readonly rules: ReadonlyMap<string, FlagRule> };

/** The rule of each name, short and long. */
export function readRules({ owned, settings, refused, files, free }: FlagClasses): ReadonlyMap<string, FlagRule> {
  const rules = new Map<string, FlagRule>();
  addRules(rules, owned, () => ({ kind: 'owned' }));
  addRules(rules, free, () => ({ kind: 'free' }));
  addRules(rules, files, (form) => ({ kind: 'files', form: form === 'FILES' || form === 'FILES:' ? form : 'FILE' }));
  for (const [because, lines] of Object.entries(refused)) addRules(rules, lines, () => ({ kind: 'refused', because }));
  for (const [setting, lines] of settings) addRules(rules, lines, () => ({ kind: 'setting', setting }));
  return rules;
}

function addRules(rules: Map<string, FlagRule>, lines: string, use: (form: string) => FlagRule['use']): void {
  for (const line of lines.split('\n').filter((text) => text !== '')) {
    const words = line.split(' ');
    const names = words.filter((word) => word.startsWith('-'));
    const operands = words.slice(names.length);
    const valueCount = operands.length === 2 ? 2 : operands.length === 1 ? 1 : 0;
    const name = names.reduce((longest, next) => (next.length > longest.length ? next : longest));
    for (const key of names) rules.set(key, { name, valueCount, use: use(operands[0] ?? '') });
  }
}
