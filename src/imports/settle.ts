/** Holds a plan against this machine: what can be taken, as what, and what it would change. Changes nothing. */

import { realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { byRealPath } from '#src/discovery/register-found.ts';
import { readSmallFile } from '#src/discovery/small-file.ts';
import { allowedPath } from '#src/engines/allowed-path.ts';
import { type ArgumentsFor, checkArguments } from '#src/engines/check-arguments.ts';
import { asFault, Fault } from '#src/faults.ts';
import { behaviourWith, configWith } from '#src/models/config-patch.ts';
import type { HeaderCache } from '#src/models/header-cache.ts';
import { inspectLocal } from '#src/models/local-file.ts';
import {
  EMPTY_CONFIG,
  type LaunchOverrides,
  type Model,
  type ModelConfig,
  type ModelFormat,
} from '#src/models/model.ts';
import type { NotTaken, PlannedModel } from './plan.ts';

/** What is known of this machine. */
export type Machine = {
  readonly models: readonly Model[];
  readonly headers: HeaderCache;
  /** Folders that engines may read files from, for a model at this path. */
  readonly rootsFor: (modelPath: string) => readonly string[];
  /** Where chat templates from elsewhere are copied to; absolute. */
  readonly templatesDir: string;
};

/** A copy of a chat template that engines may not read where it is. */
export type TemplateCopy = { readonly path: string; readonly text: string };

/** One model that will be taken. */
export type Step = {
  readonly id: string;
  /** The registered model with this file; null when it is new. */
  readonly held: Model | null;
  readonly path: string;
  readonly hfId: string | null;
  /** Names that it does not have yet. */
  readonly aliases: readonly string[];
  readonly patch: ModelPatch;
  readonly template: TemplateCopy | null;
};

/** What a step lays over a configuration. */
export type ModelPatch = Pick<ModelConfig, 'launch' | 'behaviour' | 'variants'> & {
  readonly cooldownS: number | null;
  readonly isPinned: boolean;
};

export type Settled = { readonly steps: readonly Step[]; readonly notTaken: readonly NotTaken[] };

const TEMPLATE_BYTES_MAX = 1 << 20;
/** As the registry bounds them. */
const ALIASES_MAX = 20;
/** Files of a start besides the model, what to call them, and what their headers must say they are. */
const FILES = [
  ['mmproj_path', 'projector', 'projector'],
  ['draft_model_path', 'draft model', 'model'],
] as const;

/** The models of a plan that can be taken, each with what it would change. */
export async function settle(models: readonly PlannedModel[], machine: Machine): Promise<Settled> {
  const notTaken: NotTaken[] = [];
  const steps: Step[] = [];
  const names = new Names(machine.models);
  const held = byRealPath(machine.models);
  for (const model of models) {
    // Reading a header holds up the event loop for some milliseconds, so others get their turn between two.
    await Bun.sleep(0);
    try {
      const { path, format } = inspectLocal(model.path, machine.headers);
      const registered = held.get(realpathSync(path)) ?? null;
      const note = (what: string, why: string) => void notTaken.push({ what: `${model.id}: ${what}`, why });
      steps.push(stepFor(model, path, registered, { names, machine, note, format }));
    } catch (cause) {
      notTaken.push({ what: model.id, why: asFault(cause).message });
    }
  }
  return { steps, notTaken };
}

/** A configuration with a patch laid over it: what the file does not say stays. Throws Fault('invalid-request'). */
export function patched(config: ModelConfig, patch: ModelPatch): ModelConfig {
  const replaced = new Set(patch.variants.map(({ name }) => name.toLowerCase()));
  return configWith(config, {
    launch: patch.launch,
    ...(Object.keys(patch.behaviour).length > 0 ? { behaviour: patch.behaviour } : {}),
    variants: [...config.variants.filter(({ name }) => !replaced.has(name.toLowerCase())), ...patch.variants],
    ...(patch.cooldownS === null ? {} : { cooldown_s: patch.cooldownS }),
    is_pinned: config.is_pinned || patch.isPinned,
  });
}

type Means = {
  readonly names: Names;
  readonly machine: Machine;
  readonly note: (what: string, why: string) => void;
  readonly format: ModelFormat;
};

function stepFor(planned: PlannedModel, path: string, held: Model | null, means: Means): Step {
  const { names, machine, note, format } = means;
  const roots = machine.rootsFor(path);
  const { template, field } = templateOf(planned.launch.chat_template_file ?? '', roots, means);
  const { chat_template_file: _written, ...rest } = planned.launch;
  const launch: LaunchOverrides = {
    ...checkedFiles(rest, roots, means),
    ...field,
    ...allowedArguments(planned.extraArguments, roots, { format, wished: planned.launch.mlx_engine ?? '' }, note),
  };
  const owner = held?.id ?? null;
  const id = owner ?? names.freeId(planned.id, note);
  const wished = owner === null || same(owner, planned.id) ? planned.aliases : [planned.id, ...planned.aliases];
  const variants = planned.variants.flatMap(({ name, behaviour }) => {
    try {
      return names.take(name, id, held, note) ? [{ name, behaviour: behaviourWith({}, behaviour) }] : [];
    } catch (cause) {
      note(name, asFault(cause).message);
      return [];
    }
  });
  const room = ALIASES_MAX - (held?.aliases.length ?? 0);
  const aliases = wished
    .filter((name) => !same(name, id) && names.take(name, id, held, note))
    .filter((name) => held?.aliases.some((one) => same(one, name)) !== true);
  if (aliases.length > room) note('names', `A model can have ${ALIASES_MAX} aliases; the last ones are left.`);
  const patch = { launch, behaviour: planned.behaviour, variants };
  const whole = { ...patch, cooldownS: planned.cooldownS, isPinned: planned.isPinned };
  // What Flow would not save is found out now, and the dry run tells it.
  patched(held?.config ?? EMPTY_CONFIG, whole);
  return { id, held, path, hfId: planned.hfId, aliases: aliases.slice(0, room), patch: whole, template };
}

/** A template is used where it is if engines may read it there, else copied to where they may. */
function templateOf(path: string, roots: readonly string[], { machine, note }: Means) {
  if (path === '') return { template: null, field: {} };
  try {
    return { template: null, field: { chat_template_file: allowedPath(path, roots, 'chat_template_file') } };
  } catch {
    // Not there, or where engines may not read.
  }
  try {
    const text = readSmallFile(path, TEMPLATE_BYTES_MAX);
    const digest = new Bun.CryptoHasher('sha256').update(text).digest('hex').slice(0, 12);
    const name = basename(path)
      .replace(/[^\w.-]/g, '_')
      .slice(-80);
    const copy = join(machine.templatesDir, `imported-${digest}-${name}`);
    return { template: { path: copy, text }, field: { chat_template_file: copy } };
  } catch (cause) {
    note('chat template', asFault(cause).message);
    return { template: null, field: {} };
  }
}

function checkedFiles(launch: LaunchOverrides, roots: readonly string[], { machine, note }: Means): LaunchOverrides {
  const { headers } = machine;
  const checked: Record<string, unknown> = { ...launch };
  for (const [field, what, role] of FILES) {
    const path = launch[field] ?? '';
    if (path === '') continue;
    try {
      allowedPath(path, roots, field);
      if (headers.factsOf(path).role !== role) throw new Fault('unprocessable', `${basename(path)} is no ${what}.`);
    } catch (cause) {
      delete checked[field];
      note(what, because(cause));
    }
  }
  return checked;
}

function allowedArguments(
  groups: readonly (readonly string[])[],
  roots: readonly string[],
  of: ArgumentsFor,
  note: Means['note'],
): LaunchOverrides {
  const allowed = groups.flatMap((group) => {
    try {
      checkArguments(group, roots, of);
      return [...group];
    } catch (cause) {
      note(group[0] ?? 'an argument', because(cause));
      return [];
    }
  });
  return allowed.length > 0 ? { extra_args: allowed } : {};
}

/** Who is called what, with the names that this import gives: one name means one model. */
class Names {
  readonly #holders = new Map<string, string>();

  constructor(models: readonly Model[]) {
    for (const { id, aliases, config } of models) {
      for (const name of [id, ...aliases, ...config.variants.map((variant) => variant.name)]) {
        this.#holders.set(name.toLowerCase(), id);
      }
    }
  }

  /** The id a new model will get: the wished one, or that with a number behind it, as the registry gives it. */
  freeId(wish: string, note: Means['note']): string {
    let id = wish;
    for (let number = 2; this.#holders.has(id.toLowerCase()) || same(id, 'flow'); number++) id = `${wish}-${number}`;
    if (id !== wish) note('its name', `Another model is called so already; it becomes ${id}.`);
    this.#holders.set(id.toLowerCase(), id);
    return id;
  }

  /** Whether a model may have a further name; it has it from now on. */
  take(name: string, id: string, held: Model | null, note: Means['note']): boolean {
    const holder = this.#holders.get(name.toLowerCase());
    if (holder === undefined) {
      this.#holders.set(name.toLowerCase(), id);
      return true;
    }
    if (held !== null && same(holder, held.id) && !same(name, held.id)) return true;
    if (!same(holder, id)) note(name, `This name means ${holder} already.`);
    return false;
  }
}

/** What is wrong, and what may help. */
function because(cause: unknown): string {
  const { message, hint } = asFault(cause);
  return hint ? `${message} ${hint}` : message;
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
