/** A model's presets as its settings show them. Pure but for the book that it reads. */
import type { PresetBook } from '#src/behaviour/preset-book.ts';
import { type Preset, suits } from '#src/behaviour/presets.ts';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { LaunchOverrides, Model } from '#src/models/model.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { PresetsData } from '#views/models/presets.tsx';

export type PresetDeskParts = {
  readonly presets: Pick<PresetBook, 'list' | 'need' | 'add' | 'update' | 'remove' | 'launchOf'>;
  readonly traits: (model: Model) => ModelTraits;
};

/** What is said about presets after something was done with them. */
export type PresetWords = Partial<Pick<PresetsData, 'name' | 'trouble' | 'said' | 'removed'>>;

/** What the settings of a model show of presets. */
export function presetsData({ presets, traits }: PresetDeskParts, model: Model, words: PresetWords = {}): PresetsData {
  const { family } = traits(model);
  const list = presets.list();
  const used = list.find(({ id }) => id === model.config.preset);
  return {
    modelId: model.id,
    current: used?.id ?? '',
    isModified: used !== undefined && isModified(model, used, presets.launchOf(used)),
    presets: list.map((preset) => ({
      id: preset.id,
      name: preset.name,
      description: preset.description,
      isBuiltin: preset.isBuiltin,
      suits: suits(preset, family),
    })),
    name: words.name ?? '',
    trouble: words.trouble ?? null,
    said: words.said ?? null,
    removed: words.removed ?? null,
  };
}

/** A preset holds a behaviour without its repairs: those are a matter of the model. */
export function presetBehaviour({ config }: Model): Behaviour {
  const { repairs: _repairs, ...behaviour } = config.behaviour;
  return behaviour;
}

function isModified(model: Model, preset: Preset, brought: LaunchOverrides): boolean {
  const launch = new Map<string, unknown>(Object.entries(model.config.launch));
  const isBrought = Object.entries(brought).every(([name, value]) => Bun.deepEquals(launch.get(name), value));
  return !isBrought || !Bun.deepEquals(presetBehaviour(model), preset.behaviour);
}
