/** What an import would bring: made by pure readers of foreign files, checked and carried out elsewhere. */
import { type Behaviour, layBehaviour } from '#src/models/behaviour.ts';
import type { LaunchOverrides, Variant } from '#src/models/model.ts';

/** Whose files can be read. */
export const IMPORT_SOURCES = ['flow-python', 'llama-swap', 'llama-server'] as const;
export type ImportSource = (typeof IMPORT_SOURCES)[number];

/** Something that is left behind, and why, in words for the user. Never holds values, which may be secret. */
export type NotTaken = { readonly what: string; readonly why: string };

/** A model as the foreign file describes it. Nothing is known yet of the file at `path`. */
export type PlannedModel = {
  readonly id: string;
  /** Absolute. */
  readonly path: string;
  readonly hfId: string | null;
  readonly aliases: readonly string[];
  readonly launch: LaunchOverrides;
  /** Further engine arguments; each item is a flag with its values. */
  readonly extraArguments: readonly (readonly string[])[];
  /** Seconds of idleness before it unloads; null = the file does not say. */
  readonly cooldownS: number | null;
  readonly isPinned: boolean;
  readonly behaviour: Behaviour;
  readonly variants: readonly Variant[];
};

/** A user's preset, as it was written there: checked when it is taken over. */
export type PlannedPreset = { readonly name: string; readonly behaviour: unknown; readonly launch: unknown };

export type ImportPlan = {
  readonly models: readonly PlannedModel[];
  /** Settings by their names; not checked. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly presets: readonly PlannedPreset[];
  readonly notTaken: readonly NotTaken[];
};

/** A model of which nothing but its file is known. */
export function plannedModel(id: string, path: string, more: Partial<PlannedModel> = {}): PlannedModel {
  const bare = { hfId: null, aliases: [], launch: {}, extraArguments: [], cooldownS: null, isPinned: false };
  return { id, path, ...bare, behaviour: {}, variants: [], ...more };
}

/**
 * Several names for one file become one model: the first, with the others as its aliases, or as variants where they
 * behave otherwise. Flow starts a file in one way only, so what they say of the start is left behind, and said so.
 */
export function mergeSameFiles(plan: ImportPlan): ImportPlan {
  const models = new Map<string, PlannedModel>();
  const notTaken = [...plan.notTaken];
  for (const model of plan.models) {
    const first = models.get(model.path);
    models.set(model.path, first ? joined(first, model) : model);
    if (!first) continue;
    notTaken.push({ what: model.id, why: `It has the same file as ${first.id}, so it becomes another name of that.` });
    if (startsAlike(first, model)) continue;
    notTaken.push({
      what: `${model.id}: how it is started`,
      why: `A file is started in one way: that of ${first.id}.`,
    });
  }
  return { ...plan, models: [...models.values()], notTaken };
}

function joined(first: PlannedModel, other: PlannedModel): PlannedModel {
  const names = [other.id, ...other.aliases];
  const isSame = Bun.deepEquals(first.behaviour, other.behaviour);
  const ofOther = other.variants.map(({ name, behaviour }) => ({
    name,
    behaviour: layBehaviour(other.behaviour, behaviour),
  }));
  return {
    ...first,
    isPinned: first.isPinned || other.isPinned,
    aliases: isSame ? [...first.aliases, ...names] : first.aliases,
    variants: [
      ...first.variants,
      ...(isSame ? [] : names.map((name) => ({ name, behaviour: other.behaviour }))),
      ...ofOther,
    ],
  };
}

function startsAlike(a: PlannedModel, b: PlannedModel): boolean {
  return Bun.deepEquals(a.launch, b.launch) && Bun.deepEquals(a.extraArguments, b.extraArguments);
}
