/** Reads the command line of an MLX server as Flow's own settings, by the tables of its options. Pure. */
import { basename } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import type { FlagRule } from '#src/engines/flag-rules.ts';
import { mlxFlags } from '#src/engines/mlx/adapters/flags.ts';
import { MLX_KINDS, MLX_PROGRAMS, type MlxKind } from '#src/engines/mlx/kinds.ts';
import { isObject } from '#src/json.ts';
import { Behaviour } from '#src/models/behaviour.ts';
import type { LaunchSettings } from '#src/models/model.ts';
import { checkedLaunch, type ReadArguments, resolved, templateBehaviour } from './engine-arguments.ts';
import type { NotTaken } from './plan.ts';

/** A command that starts an MLX server: which, and the words after its name. */
export type MlxCommand = { readonly kind: MlxKind; readonly at: number; readonly words: readonly string[] };

/** Names of the model among the options. */
const MODEL_FLAGS = new Set(['--model', '--model-path']);
/** Of no meaning under Flow, where every engine has its own address and log. */
const QUIETLY_LEFT = new Set(['--host', '--port', '--log-level', '--log-file', '--no-log-file', '--model-type']);
/** Another flag of the same setting says it already, or the setting holds without it. */
const SAID_ELSEWHERE = new Set(['--prompt-concurrency', '--enable-auto-tool-choice']);
const SAMPLERS: ReadonlyMap<string, string> = new Map([
  ['--temp', 'temperature'],
  ['--temperature', 'temperature'],
  ['--top-p', 'top_p'],
  ['--top-k', 'top_k'],
  ['--min-p', 'min_p'],
  ['--repetition-penalty', 'repetition_penalty'],
  ['--presence-penalty', 'presence_penalty'],
  ['--seed', 'seed'],
]);
const PATHS: ReadonlySet<keyof LaunchSettings> = new Set(['chat_template_file', 'draft_model_path']);
const WORDS: ReadonlySet<keyof LaunchSettings> = new Set(['mlx_reasoning_parser', 'mlx_tool_call_parser']);
const REPOSITORY = /^[\w-][\w.-]*\/[\w.-]+$/;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

const NO_VALUE = 'Its value is none that Flow knows.';
const REPOSITORY_DRAFT = 'It is to be fetched; name the folder of a draft model that is on this machine.';
const CODE = "It runs Python code of the model's own repository; set mlx_trust_remote_code where that is meant.";
const INLINE = 'It is the text of a template; put it into a file and name that as chat_template_file.';

/** Where a command starts an MLX server, by whatever it is started; null when it starts none. */
export function mlxCommand(words: readonly string[]): MlxCommand | null {
  for (const [at, word] of words.entries()) {
    const name = basename(word);
    const next = words[at + 1];
    for (const kind of MLX_KINDS) {
      const { script } = MLX_PROGRAMS[kind];
      // `python -m mlx_lm server` is the same as `mlx_lm.server`.
      const isWhole = name === script;
      const isSplit = `${name}.${next}` === script;
      if (!isWhole && !isSplit) continue;
      const skipped = isSplit || (kind === 'mlx-openai-server' && next === 'launch') ? 2 : 1;
      return { kind, at, words: words.slice(at + skipped) };
    }
  }
  return null;
}

/** Reads the words after the program's name. Relative paths start in `folder`; of a repeated flag the last counts. */
export function readMlxArguments({ kind, words }: MlxCommand, folder: string): ReadArguments {
  const launch: Record<string, unknown> = { mlx_engine: kind };
  const behaviour: Record<string, unknown> = {};
  const extra = new Map<string, readonly string[]>();
  const notTaken: NotTaken[] = [];
  let model: string | null = null;
  const aliases: string[] = [];
  for (const { written, rule, values } of flagsOf(kind, words, notTaken)) {
    const [value = ''] = values;
    const sampler = SAMPLERS.get(rule.name);
    const why = leftBehind(rule, kind);
    if (MODEL_FLAGS.has(rule.name)) model = value;
    else if (rule.name === '--served-model-name') aliases.push(value);
    else if (why !== null) notTaken.push({ what: written, why });
    else if (rule.use.kind === 'setting') setting(rule, rule.use.setting, value, { folder, launch, notTaken });
    else if (rule.name === '--chat-template-args') Object.assign(behaviour, templateArguments(value, notTaken));
    else if (sampler !== undefined && isSampler(sampler, value)) behaviour[sampler] = Number(value);
    else if (rule.use.kind === 'free' || rule.use.kind === 'files') {
      const isFile = rule.use.kind === 'files' && rule.use.form === 'FILE';
      extra.set(rule.name, [rule.name, ...values.map((one) => (isFile ? resolved(one, folder) : one))]);
    }
  }
  const isRepository = model !== null && REPOSITORY.test(model);
  return {
    modelPath: model === null || model === '' || isRepository ? null : resolved(model, folder),
    hubModel: isRepository ? model : null,
    hubFile: null,
    aliases,
    launch: checkedLaunch(launch, notTaken),
    extraArguments: [...extra.values()],
    cooldownS: null,
    behaviour,
    notTaken,
  };
}

type Given = { readonly written: string; readonly rule: FlagRule; readonly values: readonly string[] };

function flagsOf(kind: MlxKind, words: readonly string[], notTaken: NotTaken[]): Given[] {
  const { rules } = mlxFlags(kind);
  const given: Given[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? '';
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const written = equals < 0 ? word : word.slice(0, equals);
    const rule = rules.get(written);
    at += 1;
    if (!rule) {
      const isFlag = written.startsWith('-');
      const why = isFlag ? `Flow does not know this ${kind} flag.` : 'No flag before it takes it as a value.';
      notTaken.push({ what: isFlag ? written : 'a word of the command', why });
      while (isFlag && at < words.length && !words[at]?.startsWith('-')) at += 1;
      continue;
    }
    const inline = equals < 0 ? [] : [word.slice(equals + 1)];
    const wanted = Math.max(0, rule.valueCount - inline.length);
    const values = [...inline, ...words.slice(at, at + wanted)];
    at += wanted;
    if (values.length < rule.valueCount) notTaken.push({ what: written, why: 'Its value is missing.' });
    else given.push({ written, rule, values });
  }
  return given;
}

/** Why a flag is not taken; null when it may be. */
function leftBehind({ name, use }: FlagRule, kind: MlxKind): string | null {
  if (use.kind === 'refused') return `Flow never passes it on: it ${use.because}.`;
  if (use.kind === 'owned' && !QUIETLY_LEFT.has(name)) return 'Flow sets this itself.';
  if (name === '--trust-remote-code') return CODE;
  return name === '--chat-template' && kind === 'mlx-lm' ? INLINE : null;
}

type Taking = { readonly folder: string; readonly launch: Record<string, unknown>; readonly notTaken: NotTaken[] };

function setting(
  { name }: FlagRule,
  field: keyof LaunchSettings,
  value: string,
  { folder, launch, notTaken }: Taking,
): void {
  if (SAID_ELSEWHERE.has(name)) return;
  const read = settingValue(field, value, folder);
  if (read === null) notTaken.push({ what: name, why: field === 'draft_model_path' ? REPOSITORY_DRAFT : NO_VALUE });
  else launch[field] = read;
}

function settingValue(field: keyof LaunchSettings, value: string, folder: string): string | number | null {
  if (field === 'draft_model_path' && REPOSITORY.test(value)) return null;
  if (PATHS.has(field)) return resolved(value, folder);
  if (WORDS.has(field)) return value;
  if (field === 'cache_ram_mib') return mebibytes(value);
  return /^\d{1,9}$/.test(value) ? Number(value) : null;
}

/** A count of bytes, or one with a unit behind it (`10GB`). */
function mebibytes(text: string): number | null {
  const [, count, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([kmg]?)b?$/i.exec(text) ?? [];
  return count === undefined ? null : Math.floor((Number(count) * (UNITS[unit.toLowerCase()] ?? 1)) / 2 ** 20);
}

function templateArguments(text: string, notTaken: NotTaken[]): Behaviour {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return templateBehaviour(value);
  } catch {
    // Told below.
  }
  notTaken.push({ what: '--chat-template-args', why: 'Its value is no JSON object.' });
  return {};
}

function isSampler(field: string, value: string): boolean {
  return value.trim() !== '' && Value.Check(Behaviour, { [field]: Number(value) });
}
