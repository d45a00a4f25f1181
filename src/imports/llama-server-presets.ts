/** Reads the preset file of llama-server's router mode. Pure: text, folder and what is on the disk come in. */
import type { FoundModel } from '#src/discovery/found-model.ts';
import { flagRules } from '#src/engines/llama-flags.ts';
import { asFault, Fault } from '#src/faults.ts';
import { readEngineArguments } from './engine-arguments.ts';
import { downloadedPath, repositoryOf } from './hub-files.ts';
import { type IniSection, readIni } from './ini.ts';
import { type ImportPlan, mergeSameFiles, type NotTaken, type PlannedModel, plannedModel } from './plan.ts';

export type PresetSurroundings = { readonly folder: string; readonly found: readonly FoundModel[] };

const SECTIONS_MAX = 1_000;
/** Keys of the router itself, which are no arguments. */
const ROUTER_KEYS: Readonly<Record<string, string>> = {
  'load-on-startup': 'Flow loads a model when it is asked for.',
  'stop-timeout': 'Flow ends its engines itself.',
  'dedup-cache-models': 'Flow lists every file once.',
};
/** Variables that are not just the flag in capitals. */
const VARIABLES: Readonly<Record<string, string>> = {
  BATCH: 'batch-size',
  UBATCH: 'ubatch-size',
  N_PARALLEL: 'parallel',
  ROPE_SCALING_TYPE: 'rope-scaling',
  THINK: 'reasoning-format',
  THINK_BUDGET: 'reasoning-budget',
  THINK_BUDGET_MESSAGE: 'reasoning-budget-message',
};

/** The plan that the text stands for. Throws Fault('unprocessable') when it is no such file. */
export function readLlamaServerPresets(text: string, { folder, found }: PresetSurroundings): ImportPlan {
  const sections = readIni(text);
  const everywhere = sections.get('*') ?? new Map();
  const named = [...sections].filter(([name]) => name !== '*' && name !== '');
  if (named.length === 0) throw new Fault('unprocessable', 'It has no section that stands for a model.');
  const models: PlannedModel[] = [];
  const notTaken: NotTaken[] = [];
  for (const [id, section] of named.slice(0, SECTIONS_MAX)) {
    try {
      const { words, left } = argumentsOf(new Map([...everywhere, ...section]));
      const read = readEngineArguments(words, folder);
      const hub = read.hubModel ?? (read.modelPath === null && id.includes('/') ? id : null);
      const path = read.modelPath ?? (hub === null ? null : downloadedPath(hub, read.hubFile, found));
      if (path === null) throw new Fault('unprocessable', missing(hub));
      const { aliases, launch, extraArguments, cooldownS, behaviour } = read;
      const more = { aliases, launch, extraArguments, cooldownS, behaviour };
      models.push(plannedModel(id, path, { hfId: hub === null ? null : repositoryOf(hub), ...more }));
      notTaken.push(...[...left, ...read.notTaken].map(({ what, why }) => ({ what: `${id}: ${what}`, why })));
    } catch (cause) {
      notTaken.push({ what: id, why: asFault(cause).message });
    }
  }
  if (named.length > SECTIONS_MAX)
    notTaken.push({ what: 'sections', why: `Only the first ${SECTIONS_MAX} were read.` });
  return mergeSameFiles({ models, settings: {}, presets: [], notTaken });
}

function missing(hub: string | null): string {
  return hub === null ? 'It names no model.' : `${repositoryOf(hub)} is not on this machine yet.`;
}

/** A section as the command line that the router would make of it. */
function argumentsOf(section: IniSection): { words: string[]; left: NotTaken[] } {
  const rules = flagRules();
  const words: string[] = [];
  const left: NotTaken[] = [];
  for (const [key, value] of section) {
    if (key === 'version') continue;
    const routers = ROUTER_KEYS[key];
    if (routers !== undefined) {
      left.push({ what: key, why: routers });
      continue;
    }
    const flag = flagOf(key, (name) => rules.has(name));
    const rule = rules.get(flag);
    if (!rule) left.push({ what: key, why: 'Flow does not know this llama-server flag.' });
    else if (rule.valueCount === 1) words.push(flag, value);
    else if (rule.valueCount === 0) words.push(...switched(flag, !/^(?:0|off|false|no|disabled)$/i.test(value), rules));
    else left.push({ what: key, why: 'A flag with several values has no place in such a file.' });
  }
  return { words, left };
}

/** The flag of a key: its long or short name without dashes, or the variable's. */
function flagOf(key: string, isFlag: (name: string) => boolean): string {
  const variable = /^LLAMA_ARG_(?:ENDPOINT_)?(\w+)$/.exec(key)?.[1];
  const name = variable === undefined ? key : (VARIABLES[variable] ?? variable.toLowerCase().replaceAll('_', '-'));
  return isFlag(`--${name}`) || !isFlag(`-${name}`) ? `--${name}` : `-${name}`;
}

/** A switch that is on, or its opposite where it has one. */
function switched(flag: string, isOn: boolean, rules: ReadonlyMap<string, unknown>): string[] {
  if (isOn) return [flag];
  const opposite = flag.startsWith('--no-') ? flag.replace('--no-', '--') : flag.replace('--', '--no-');
  return rules.has(opposite) ? [opposite] : [];
}
