/** The traits of registered models, read from their files once for each state of a file. */
import { Fault } from '#src/faults.ts';
import type { ModelFacts } from './facts.ts';
import type { HeaderCache } from './header-cache.ts';
import type { Model } from './model.ts';
import { TemplateFiles } from './template-files.ts';
import { detectTraits, type ModelTraits, type TraitSource } from './traits.ts';

type Entry = { readonly source: TraitSource; readonly traits: ModelTraits };

/**
 * Answers what is known of a model's habits. The template is the one that its configuration starts it with, else that
 * of its file. A file that cannot be read now gives what the name alone tells.
 */
export class TraitBook {
  readonly #headers: HeaderCache;
  readonly #templates = new TemplateFiles();
  readonly #read = new WeakMap<ModelFacts, Entry>();

  constructor(headers: HeaderCache) {
    this.#headers = headers;
  }

  /** The traits of a model. Never throws a Fault. */
  of(model: Model): ModelTraits {
    const { name, hfId } = model;
    const facts = this.factsOf(model);
    if (!facts) return detectTraits({ architecture: null, name, hfId, chatTemplate: null });
    const file = model.config.launch.chat_template_file;
    const chatTemplate = (file ? this.#templates.textOf(file) : null) ?? facts.chatTemplate;
    const source = { architecture: facts.architecture, name, hfId, chatTemplate };
    const held = this.#read.get(facts);
    if (held && isSame(held.source, source)) return held.traits;
    const traits = detectTraits(source);
    this.#read.set(facts, { source, traits });
    return traits;
  }

  /** What its file or folder says; null when it has none on this machine, or it cannot be read now. */
  factsOf({ endpoint, path }: Model): ModelFacts | null {
    if (endpoint !== null && path === '') return null;
    try {
      return this.#headers.factsOf(path);
    } catch (cause) {
      if (cause instanceof Fault) return null;
      throw cause;
    }
  }
}

function isSame(one: TraitSource, other: TraitSource): boolean {
  return one.name === other.name && one.hfId === other.hfId && one.chatTemplate === other.chatTemplate;
}
