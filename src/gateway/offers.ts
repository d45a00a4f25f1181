/** The names that listings offer: each model, and each of its variants. */
import type { Model } from '#src/models/model.ts';

/** One name that a request may use. */
export type Offer = {
  readonly id: string;
  readonly model: Model;
  /** For people. */
  readonly name: string;
  /** The variant's name; null = the model as itself. */
  readonly variant: string | null;
};

/** In the order of the models, each followed by its variants. */
export function offersOf(models: readonly Model[]): readonly Offer[] {
  return models.flatMap((model) => [
    { id: model.id, model, name: model.name, variant: null },
    ...model.config.variants.map(({ name }) => ({ id: name, model, name: `${model.name} (${name})`, variant: name })),
  ]);
}
