/**
 * Reads a llama-server command line as Flow's own settings: what Flow has a setting for becomes one, samplers become
 * behaviour, the rest stays an argument where Flow lets it pass. Pure.
 */
import { isAbsolute, join } from 'node:path';
import { Value } from '@sinclair/typebox/value';
import type { FlagRule } from '#src/engines/flag-rules.ts';
import { flagRules } from '#src/engines/llama-flags.ts';
import { isObject, jsonOrNull } from '#src/json.ts';
import { Behaviour } from '#src/models/behaviour.ts';
import { LaunchOverrides } from '#src/models/model.ts';
import { QUIETLY_LEFT, SAMPLERS, SETTERS, type Setter, WORDS_FOR_OWNED } from './flag-meanings.ts';
import type { NotTaken } from './plan.ts';

/** What a command line says. */
export type ReadArguments = {
  /** As written, made absolute; null when it names none. */
  readonly modelPath: string | null;
  /** `owner/name[:QUANT]` that llama-server would fetch; null when it names none. */
  readonly hubModel: string | null;
  readonly hubFile: string | null;
  readonly aliases: readonly string[];
  readonly launch: LaunchOverrides;
  readonly extraArguments: readonly (readonly string[])[];
  readonly cooldownS: number | null;
  readonly behaviour: Behaviour;
  readonly notTaken: readonly NotTaken[];
};

/** A flag with its values. `written` may be the short name, or the one with `no-`. */
type Given = { readonly written: string; readonly rule: FlagRule; readonly values: readonly string[] };

/** Reads the words after the program's name. Relative paths start in `folder`; of a repeated flag the last counts. */
export function readEngineArguments(words: readonly string[], folder: string): ReadArguments {
  const { given, notTaken } = flagsOf(words);
  const launch: Record<string, unknown> = {};
  const behaviour: Record<string, unknown> = {};
  const extra = new Map<string, readonly string[]>();
  for (const flag of given) {
    const { rule, written, values } = flag;
    const [value = ''] = values;
    const why = leftBehind(flag);
    const setter = SETTERS.get(rule.name);
    const sampler = SAMPLERS.get(rule.name);
    if (why !== null) notTaken.push({ what: written, why });
    else if (setter) take(setter, { written, value: absolute(setter, value, folder) }, launch, notTaken);
    else if (rule.name === '--chat-template-kwargs') takeTemplateArguments(value, behaviour, notTaken);
    else if (sampler && isSampler(sampler, value)) behaviour[sampler] = Number(value);
    else if (rule.use.kind === 'free' || rule.use.kind === 'files') {
      // Flow says it itself, and a random seed is what an engine takes anyway.
      if (written !== '--jinja' && !(sampler === 'seed' && value === '-1')) {
        extra.set(rule.name, [written, ...values.map((one) => pathIn(rule, one, folder))]);
      }
    }
  }
  const last = (name: string): string | null => given.findLast(({ rule }) => rule.name === name)?.values[0] ?? null;
  const modelPath = last('--model');
  const sleepS = Number(last('--sleep-idle-seconds') ?? Number.NaN);
  return {
    modelPath: modelPath === null ? null : resolved(modelPath, folder),
    hubModel: last('--hf-repo'),
    hubFile: last('--hf-file'),
    aliases: (last('--alias') ?? '').split(',').flatMap((name) => name.trim() || []),
    launch: { ...checkedLaunch(launch, notTaken), ...context(last('--ctx-size'), last('--parallel')) },
    extraArguments: [...extra.values()],
    cooldownS: Number.isSafeInteger(sleepS) && sleepS > 0 ? sleepS : null,
    behaviour,
    notTaken,
  };
}

function flagsOf(words: readonly string[]): { given: Given[]; notTaken: NotTaken[] } {
  const rules = flagRules();
  const given: Given[] = [];
  const notTaken: NotTaken[] = [];
  for (let at = 0; at < words.length; ) {
    const word = words[at] ?? '';
    const equals = word.startsWith('--') ? word.indexOf('=') : -1;
    const name = equals < 0 ? word : word.slice(0, equals);
    const written = name.startsWith('--') ? name.replaceAll('_', '-') : name;
    const rule = rules.get(written);
    at += 1;
    if (!rule) {
      const isFlag = word.startsWith('-');
      if (isFlag) notTaken.push({ what: written, why: 'Flow does not know this llama-server flag.' });
      else notTaken.push({ what: 'a word of the command', why: 'No flag before it takes it as a value.' });
      while (isFlag && at < words.length && !words[at]?.startsWith('-')) at += 1;
      continue;
    }
    const inline = equals < 0 ? [] : [word.slice(equals + 1)];
    // Older builds had this as a switch.
    const isBare = rule.name === '--flash-attn' && inline.length === 0 && !SWITCH_WORDS.test(words[at] ?? '');
    const wanted = isBare ? 0 : rule.valueCount - inline.length;
    const values = isBare ? ['on'] : [...inline, ...words.slice(at, at + Math.max(0, wanted))];
    at += Math.max(0, wanted);
    if (values.length < rule.valueCount) notTaken.push({ what: written, why: 'Its value is missing.' });
    else given.push({ written, rule, values });
  }
  return { given, notTaken };
}

const SWITCH_WORDS = /^(?:on|off|auto|0|1|true|false|enabled|disabled)$/i;

/** Why a flag is not taken; null when it may be, or when nobody would miss it. */
function leftBehind({ rule, written }: Given): string | null {
  if (QUIETLY_LEFT.has(rule.name) && written !== '--context-shift') return null;
  if (rule.use.kind === 'refused') return `Flow never passes it on: it ${rule.use.because}.`;
  if (rule.use.kind === 'owned') return WORDS_FOR_OWNED.get(rule.name) ?? 'Flow sets this itself.';
  return null;
}

function take(
  setter: Setter,
  given: { written: string; value: string },
  into: Record<string, unknown>,
  notTaken: NotTaken[],
): void {
  const taken = setter.read(given.value, given.written);
  if (taken === null) notTaken.push({ what: given.written, why: 'Its value is none that Flow knows.' });
  else Object.assign(into, taken);
}

function takeTemplateArguments(text: string, behaviour: Record<string, unknown>, notTaken: NotTaken[]): void {
  const value = jsonOrNull(text);
  if (!isObject(value)) {
    notTaken.push({ what: '--chat-template-kwargs', why: 'Its value is no JSON object.' });
    return;
  }
  Object.assign(behaviour, templateBehaviour(value));
}

/** Arguments of a chat template as behaviour; the two that Flow has names for go by these. */
export function templateBehaviour(given: Readonly<Record<string, unknown>>): Behaviour {
  const { enable_thinking, preserve_thinking, ...rest } = given;
  return {
    ...(typeof enable_thinking === 'boolean' ? { enable_thinking } : {}),
    ...(typeof preserve_thinking === 'boolean' ? { preserve_thinking } : {}),
    ...(Object.keys(rest).length > 0 ? { chat_template_kwargs: rest } : {}),
  };
}

/**
 * llama-server divides its context by the slots it was given. Without a number it lets few or many slots share all of
 * it; one slot with all of it needs the same memory and gives a conversation the same room.
 */
function context(size: string | null, slots: string | null): LaunchOverrides {
  const total = Number(size ?? Number.NaN);
  const count = Number(slots ?? Number.NaN);
  const hasCount = Number.isSafeInteger(count) && count >= 1 && count <= 1024;
  const hasSize = Number.isSafeInteger(total) && total >= 0 && total <= 16_777_216;
  return {
    ...(hasSize ? { ctx_size: Math.floor(total / (hasCount ? count : 1)) } : {}),
    ...(hasCount ? { n_parallel: count } : hasSize && total > 0 ? { n_parallel: 1 } : {}),
  };
}

/** What is right of the launch settings; the rest is told. */
export function checkedLaunch(launch: Readonly<Record<string, unknown>>, notTaken: NotTaken[]): LaunchOverrides {
  const right: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(launch)) {
    if (Value.Check(LaunchOverrides, { [field]: value })) right[field] = value;
    else notTaken.push({ what: field, why: 'Its value is none that Flow knows.' });
  }
  return Value.Check(LaunchOverrides, right) ? right : {};
}

function isSampler(field: string, value: string): boolean {
  return value.trim() !== '' && Value.Check(Behaviour, { [field]: Number(value) }) && value !== '-1';
}

function absolute(setter: Setter, value: string, folder: string): string {
  return setter.isPath ? resolved(value, folder) : value;
}

function pathIn({ use }: FlagRule, value: string, folder: string): string {
  return use.kind === 'files' && use.form === 'FILE' ? resolved(value, folder) : value;
}

/** A path as a file in `folder` means it. */
export function resolved(path: string, folder: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}
