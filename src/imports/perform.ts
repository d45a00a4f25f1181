/** Carries an import out, each model whole or not at all. Doing it twice is doing it once. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PresetBook } from '#src/behaviour/preset-book.ts';
import { asFault } from '#src/faults.ts';
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';
import { BEHAVIOUR_FIELDS } from '#src/models/config-patch.ts';
import { readLoadRequest } from '#src/models/launch.ts';
import type { LaunchOverrides, Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import type { SettingOrigin, SettingsStore } from '#src/settings/settings.ts';
import { isSettingName, settingProblem } from '#src/settings/validation.ts';
import { writeWhole } from '#src/whole-file.ts';
import type { ImportPlan, NotTaken, PlannedPreset } from './plan.ts';
import { type Machine, patched, type Step, settle } from './settle.ts';

export type ImportServices = {
  readonly registry: Registry;
  readonly presets: PresetBook;
  readonly settings: SettingsStore;
  readonly machine: () => Machine;
};

/** What became of one thing, or would become of it in a dry run. */
export type Outcome = 'new' | 'changed' | 'unchanged' | 'refused';

export type ImportReport = {
  readonly models: readonly (Omit<Step, 'held' | 'template'> & { readonly outcome: Outcome })[];
  readonly presets: readonly { readonly name: string; readonly outcome: Outcome }[];
  /** Settings that differ from those in effect. */
  readonly settings: JsonObject;
  readonly notTaken: readonly NotTaken[];
};

/** What of a plan is taken: models by the paths, presets and settings by the names that a dry run tells. */
export type Chosen = {
  readonly model: (path: string) => boolean;
  readonly preset: (name: string) => boolean;
  readonly setting: (name: string) => boolean;
};

/** All that can be taken. */
export const EVERYTHING: Chosen = { model: () => true, preset: () => true, setting: () => true };

/** Takes over what is chosen of a plan; with `isDry` only tells what would be done. */
export async function performImport(
  plan: ImportPlan,
  services: ImportServices,
  isDry: boolean,
  chosen: Chosen = EVERYTHING,
): Promise<ImportReport> {
  const settled = await settle(plan.models, services.machine());
  const notTaken = [...plan.notTaken, ...settled.notTaken];
  const models: ImportReport['models'][number][] = [];
  // Chosen after it was settled, so that names are given as the dry run told.
  for (const step of settled.steps.filter(({ path }) => chosen.model(path))) {
    // Each is written to the disk; others get their turn between two.
    if (!isDry) await Bun.sleep(0);
    const outcome = isDry ? expected(step) : performed(step, services.registry, notTaken);
    const { held: _held, template: _template, ...shown } = step;
    models.push({ ...shown, outcome });
  }
  const presets = plan.presets
    .filter(({ name }) => chosen.preset(name))
    .map((preset) => takePreset(preset, services.presets, isDry, notTaken));
  const wished = Object.fromEntries(Object.entries(plan.settings).filter(([name]) => chosen.setting(name)));
  const settings = changesOf(wished, services.settings, notTaken);
  if (!isDry && Object.keys(settings).length > 0) {
    try {
      await services.settings.update(settings);
    } catch (cause) {
      notTaken.push({ what: 'settings', why: asFault(cause).message });
      return { models, presets, settings: {}, notTaken };
    }
  }
  return { models, presets, settings, notTaken };
}

function expected({ held, patch, aliases }: Step): Outcome {
  if (held === null) return 'new';
  return isAlready(held, { patch, aliases }) ? 'unchanged' : 'changed';
}

function isAlready(model: Model, { patch, aliases }: Pick<Step, 'patch' | 'aliases'>): boolean {
  const known = new Set(model.aliases.map((name) => name.toLowerCase()));
  return (
    aliases.every((name) => known.has(name.toLowerCase())) && Bun.deepEquals(patched(model.config, patch), model.config)
  );
}

function performed(step: Step, registry: Registry, notTaken: NotTaken[]): Outcome {
  const outcome = expected(step);
  if (outcome === 'unchanged') return outcome;
  try {
    if (step.template) writeTemplate(step.template.path, step.template.text);
    const { model, isNew } =
      step.held === null
        ? registry.registerLocal(step.path, step.id, step.hfId === null ? {} : { hfId: step.hfId })
        : { model: step.held, isNew: false };
    try {
      const known = new Set(model.aliases.map((name) => name.toLowerCase()));
      const aliases = [...model.aliases, ...step.aliases.filter((name) => !known.has(name.toLowerCase()))];
      registry.configure(model.id, (config) => patched(config, step.patch), aliases);
    } catch (cause) {
      if (isNew) registry.remove(model.id);
      throw cause;
    }
    return outcome;
  } catch (cause) {
    notTaken.push({ what: step.id, why: asFault(cause).message });
    return 'refused';
  }
}

function writeTemplate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // The name holds a digest of the text, so what is there already is the same.
  writeWhole(path, text);
}

function takePreset(
  { name, behaviour, launch }: PlannedPreset,
  presets: PresetBook,
  isDry: boolean,
  notTaken: NotTaken[],
): ImportReport['presets'][number] {
  if (presets.list().some((held) => held.name.toLowerCase() === name.trim().toLowerCase())) {
    return { name, outcome: 'unchanged' };
  }
  const known = knownFields(behaviour, name, notTaken);
  try {
    const wish = { name, behaviour: known, launch: presetLaunch(launch, name, notTaken) };
    if (!isDry) presets.add(wish);
    return { name, outcome: 'new' };
  } catch (cause) {
    notTaken.push({ what: `preset ${name}`, why: asFault(cause).message });
    return { name, outcome: 'refused' };
  }
}

/**
 * The load parameters of a preset: of one for MLX models those of MLX engines too. Whoever wrote them left null what
 * was not chosen, and empty what the engine was to decide.
 */
function presetLaunch(launch: unknown, name: string, notTaken: NotTaken[]): LaunchOverrides {
  const given = isObject(launch) ? Object.entries(launch).filter(([, value]) => value !== null) : [];
  const wished = isObject(launch) ? stringOrNull(launch.backend) : null;
  const hasMlx = given.some(([field]) => field.startsWith('mlx_'));
  const format = wished === 'mlx' || (wished === null && hasMlx) ? 'mlx' : 'gguf';
  const hasOwnContext = format === 'mlx' && given.some(([field]) => field === 'mlx_context_length');
  const taken = given.filter(([field, value]) => {
    if (field === 'mlx_trust_remote_code' && value === true) {
      notTaken.push({ what: `preset ${name}: ${field}`, why: CODE });
      return false;
    }
    // What stands there for the other kind of engine is only its default.
    return field !== 'backend' && !(field === 'ctx_size' && hasOwnContext);
  });
  return readLoadRequest(Object.fromEntries(taken), format).overrides;
}

function knownFields(behaviour: unknown, name: string, notTaken: NotTaken[]): JsonObject {
  const entries = isObject(behaviour) ? Object.entries(behaviour) : [];
  const [known, unknown] = [true, false].map((isKnown) =>
    entries.filter(([field]) => BEHAVIOUR_FIELDS.includes(field) === isKnown),
  );
  for (const [field] of unknown ?? [])
    notTaken.push({ what: `preset ${name}: ${field}`, why: 'Flow has no such field.' });
  return Object.fromEntries(known ?? []);
}

const CODE = "It runs Python code of a model's own repository; set it where that is meant.";
const FIXED: readonly SettingOrigin[] = ['flag', 'environment'];

/** The settings that can be taken and differ. */
function changesOf(planned: JsonObject, settings: SettingsStore, notTaken: NotTaken[]): JsonObject {
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(planned)) {
    if (!isSettingName(name)) continue;
    const problem = settingProblem(name, value);
    if (problem !== null) notTaken.push({ what: name, why: 'Its value is none that Flow takes.' });
    else if (Bun.deepEquals(value, settings.current[name])) continue;
    else if (FIXED.includes(settings.origin(name))) {
      notTaken.push({ what: name, why: 'It is fixed for this run by the command line or the environment.' });
    } else changes[name] = value;
  }
  return changes;
}
