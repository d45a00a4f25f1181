/** Has templates checked when models come, and says at a load what is wrong with one. */
import type { Bus } from '#src/events.ts';
import type { Model, ModelId } from '#src/models/model.ts';
import type { TemplateBook } from './template-book.ts';

export type TemplateWatchParts = {
  readonly bus: Bus;
  readonly book: TemplateBook;
  readonly findModel: (modelId: ModelId) => Model | null;
  /** Whether it is being loaded now. */
  readonly isStarting: (modelId: ModelId) => boolean;
};

/**
 * Watches until the returned function is called. Keeps nothing from loading: the engine may understand what we do not.
 */
export function watchTemplates({ bus, book, findModel, isStarting }: TemplateWatchParts): () => void {
  const said = new Map<ModelId, string>();
  const tell = async (model: Model): Promise<void> => {
    const [used] = await book.check(model);
    const wrong = used?.verdict.findings.find(({ severity }) => severity === 'error');
    if (!wrong || said.get(model.id) === wrong.kind) return;
    said.set(model.id, wrong.kind);
    bus.publish({ type: 'notice', tone: 'warning', text: `The chat template of ${model.id}: ${wrong.message}` });
  };
  return bus.subscribe((event) => {
    if (event.type === 'model-removed') said.delete(event.modelId);
    if (event.type !== 'model-added' && event.type !== 'model-changed') return;
    const model = findModel(event.modelId);
    // The demo's template is Flow's own.
    if (!model || model.isDemo) return;
    if (event.type === 'model-added') book.known(model);
    else if (isStarting(model.id)) void tell(model);
  });
}
