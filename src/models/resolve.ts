/** Understands the name in a request. Pure; never guesses between two models, and never substitutes one silently. */
import { basename } from 'node:path';
import { Fault } from '#src/faults.ts';
import { type Behaviour, layBehaviour } from './behaviour.ts';
import { editDistance } from './distance.ts';
import type { Model, ModelId, Variant } from './model.ts';

export type NamingSettings = {
  readonly default_model: string;
  readonly helper_models_enabled: boolean;
  readonly helper_model: string;
};

/** Which model a request means, and by which rule. */
export type Resolved = {
  readonly model: Model;
  /** How it should behave under that name. */
  readonly behaviour: Behaviour;
  /** The variant that was named; null = the model as itself. */
  readonly variant: string | null;
  readonly by: 'name' | 'part' | 'default' | 'only-loaded' | 'only-registered' | 'helper';
};

export type Naming = {
  readonly models: readonly Model[];
  /** Ids of models that are ready or starting. */
  readonly loaded: ReadonlySet<ModelId>;
  readonly settings: NamingSettings;
};

/** What Anthropic-shaped listings call a model, since Claude Code lists no other names. */
export const CLAUDE_ALIAS_PREFIX = 'claude-flow-';

/** A part of a name this short could mean anything. */
const PART_LENGTH_MIN = 3;
const NEAREST_MAX = 3;
const LISTED_MAX = 50;
const NAME_LENGTH_MAX = 200;
/** Names that agents send on their own, for titles and summaries, whatever model their user chose. */
const HELPER_NAME = /^(?:[\w.-]+\/)?(?:claude|gpt)-/;

/** A model, as itself or as one of its variants. */
type Named = { readonly model: Model; readonly variant: Variant | null };

/**
 * Finds the model for a wanted name: id, alias, variant (its name, or `model:name`), file name or repository, then a
 * part that only one model has, case ignored; for no name the default, the only loaded, the only registered one. Throws
 * Fault('model-not-found') with the nearest names, or Fault('invalid-request') with all ids when no name was given.
 */
export function resolveModel(wanted: string | null | undefined, naming: Naming): Resolved {
  const name = (wanted ?? '').trim();
  if (name === '') return unnamed(naming);
  const key = nameKey(name);
  const exact = exactly(key, naming.models);
  if (exact) return meant(exact, 'name');
  const partial = byPart(key, name, naming.models);
  if (partial) return meant(partial, 'part');
  if (HELPER_NAME.test(key) && naming.settings.helper_models_enabled) return helper(name, naming);
  throw unknown(name, naming.models);
}

/**
 * As `resolveModel`, for somebody who may use only some of the models: the others are as if they were not there, and so
 * are settings that name one of them.
 */
export function resolveAmong(
  wanted: string | null | undefined,
  naming: Naming,
  allowed: ReadonlySet<ModelId>,
): Resolved {
  const models = naming.models.filter(({ id }) => allowed.has(id));
  const known = (name: string): string => (exactly(nameKey(name.trim()), models) === null ? '' : name);
  const { default_model, helper_model } = naming.settings;
  return resolveModel(wanted, {
    models,
    settings: { ...naming.settings, default_model: known(default_model), helper_model: known(helper_model) },
    get loaded() {
      return naming.loaded;
    },
  });
}

function exactly(key: string, models: readonly Model[]): Named | null {
  const names = [
    key,
    key.startsWith(CLAUDE_ALIAS_PREFIX) ? key.slice(CLAUDE_ALIAS_PREFIX.length) : null,
    afterSlash(key),
  ];
  // An id outranks an alias, an alias a variant, that a file name: a new name never takes one that meant another.
  const kinds = [
    asItself((model) => [model.id]),
    asItself((model) => model.aliases),
    variantsOf((model, variant) => [variant.name, `${model.id}:${variant.name}`]),
    variantsOf((model, variant) => model.aliases.map((alias) => `${alias}:${variant.name}`)),
    asItself(otherNames),
  ];
  for (const candidate of names) {
    if (candidate === null) continue;
    for (const known of kinds) {
      const found = models.flatMap((model) =>
        known(model).filter(({ names }) => names.some((name) => nameKey(name) === candidate)),
      );
      if (found[0] && found.length === 1) return found[0];
    }
  }
  return null;
}

/** A model or variant with the names of one kind that it has. */
type Known = Named & { readonly names: readonly string[] };

function asItself(namesOf: (model: Model) => readonly string[]): (model: Model) => Known[] {
  return (model) => [{ model, variant: null, names: namesOf(model) }];
}

function variantsOf(namesOf: (model: Model, variant: Variant) => readonly string[]): (model: Model) => Known[] {
  return (model) => model.config.variants.map((variant) => ({ model, variant, names: namesOf(model, variant) }));
}

function otherNames(model: Model): string[] {
  const repository = model.hfId === null ? [] : [model.hfId, `${model.hfId}:${model.quantization ?? ''}`];
  return [basename(model.path), model.name, ...repository];
}

function byPart(key: string, name: string, models: readonly Model[]): Named | null {
  if (key.length < PART_LENGTH_MIN) return null;
  const isPart = (known: string): boolean => nameKey(known).includes(key);
  const found = models.filter((model) => [model.id, ...model.aliases].some(isPart));
  if (found.length > 1) {
    throw new Fault('model-not-found', `"${shown(name)}" is part of ${found.length} names: ${listed(found)}.`, {
      hint: 'Send one of them in full.',
      details: { candidates: found.slice(0, LISTED_MAX).map((model) => model.id) },
    });
  }
  if (found[0]) return { model: found[0], variant: null };
  const variants = models.flatMap((model) => model.config.variants.map((variant) => ({ model, variant })));
  const [only, ...others] = variants.filter(({ variant }) => isPart(variant.name));
  return only && others.length === 0 ? only : null;
}

function helper(name: string, naming: Naming): Resolved {
  const chosen = naming.settings.helper_model.trim();
  if (chosen !== '') return meant(named(chosen, 'helper model', naming.models), 'helper');
  const stand = standing(naming);
  if (stand) return { ...stand, by: 'helper' };
  throw new Fault('model-not-found', `There is no model "${shown(name)}", and none was chosen for such names.`, {
    hint: 'Choose a helper model or a default model in the settings.',
    details: { nearest: nearest(name, naming.models) },
  });
}

function unnamed(naming: Naming): Resolved {
  const stand = standing(naming);
  if (stand) return stand;
  const { models } = naming;
  const message =
    models.length === 0
      ? 'No model is registered yet.'
      : `The request names no model, and ${models.length} are registered: ${listed(models)}.`;
  throw new Fault('invalid-request', message, {
    hint:
      models.length === 0
        ? 'Download a model, or register a file.'
        : 'Name one of them, or choose a default model in the settings.',
    details: { models: models.slice(0, LISTED_MAX).map((model) => model.id) },
  });
}

/** The model that stands for no name at all. */
function standing({ models, loaded, settings }: Naming): Resolved | null {
  const chosen = settings.default_model.trim();
  if (chosen !== '') return meant(named(chosen, 'default model', models), 'default');
  const running = models.filter((model) => loaded.has(model.id));
  if (running[0] && running.length === 1) return meant({ model: running[0], variant: null }, 'only-loaded');
  if (models[0] && models.length === 1) return meant({ model: models[0], variant: null }, 'only-registered');
  return null;
}

function named(name: string, role: string, models: readonly Model[]): Named {
  const found = exactly(nameKey(name), models);
  if (found) return found;
  throw new Fault('model-not-found', `The ${role} in the settings, "${shown(name)}", is not registered.`, {
    hint: 'Choose another one in the settings.',
    details: { nearest: nearest(name, models) },
  });
}

function unknown(name: string, models: readonly Model[]): Fault {
  const near = nearest(name, models);
  return new Fault('model-not-found', `There is no model "${shown(name)}".`, {
    hint: near.length === 0 ? 'Download a model, or register a file.' : `Near to it: ${near.join(', ')}.`,
    details: { nearest: near },
  });
}

/** The ids and variants that are nearest to a name, nearest first. */
function nearest(name: string, models: readonly Model[]): string[] {
  const key = nameKey(name).slice(0, NAME_LENGTH_MAX);
  const distance = (names: readonly string[]): number =>
    Math.min(...names.map((known) => editDistance(key, nameKey(known))));
  return models
    .flatMap((model) => [
      { id: model.id, distance: distance([model.id, ...model.aliases]) },
      ...model.config.variants.map((variant) => ({ id: variant.name, distance: distance([variant.name]) })),
    ])
    .sort((a, b) => a.distance - b.distance)
    .slice(0, NEAREST_MAX)
    .map(({ id }) => id);
}

/** The model under its own behaviour, with the variant's over it. */
function meant({ model, variant }: Named, by: Resolved['by']): Resolved {
  const own = model.config.behaviour;
  const behaviour = variant === null ? own : layBehaviour(own, variant.behaviour);
  return { model, behaviour, variant: variant?.name ?? null, by };
}

/** The spelling under which names are compared: composed, lower case, without `.gguf` or Ollama's `:latest`. */
export function nameKey(name: string): string {
  return name
    .normalize('NFC')
    .toLowerCase()
    .replace(/:latest$/, '')
    .replace(/\.gguf$/, '');
}

/** Some agents put a provider before the name, as in `openai/gpt-oss-20b`. */
function afterSlash(key: string): string | null {
  const at = key.indexOf('/');
  return at < 0 ? null : key.slice(at + 1);
}

function listed(models: readonly Model[]): string {
  const ids = models.slice(0, LISTED_MAX).map((model) => model.id);
  return models.length > LISTED_MAX ? `${ids.join(', ')} and ${models.length - LISTED_MAX} more` : ids.join(', ');
}

function shown(name: string): string {
  return name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
}
