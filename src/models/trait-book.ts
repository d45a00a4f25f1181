/** The traits of registered models, read from their files once for each state of a file. */
import { Fault } from '#src/faults.ts';
import type { GgufFacts } from '#src/gguf/facts.ts';
import type { HeaderCache } from './header-cache.ts';
import type { Model } from './model.ts';
import { detectTraits, type ModelTraits } from './traits.ts';

/** Answers what is known of a model's habits. A file that cannot be read now gives what the name alone tells. */
export class TraitBook {
  readonly #headers: HeaderCache;
  readonly #read = new WeakMap<GgufFacts, ModelTraits>();

  constructor(headers: HeaderCache) {
    this.#headers = headers;
  }

  /** The traits of a model. Never throws a Fault. */
  of(model: Model): ModelTraits {
    const facts = this.factsOf(model);
    if (!facts) return detectTraits({ architecture: null, name: model.name, hfId: model.hfId, chatTemplate: null });
    const held = this.#read.get(facts);
    if (held) return held;
    const { architecture, chatTemplate } = facts;
    const traits = detectTraits({ architecture, name: model.name, hfId: model.hfId, chatTemplate });
    this.#read.set(facts, traits);
    return traits;
  }

  /** What its file's header says; null when it is none that Flow reads, or cannot be read now. */
  factsOf({ format, path }: Model): GgufFacts | null {
    if (format !== 'gguf') return null;
    try {
      return this.#headers.factsOf(path);
    } catch (cause) {
      if (cause instanceof Fault) return null;
      throw cause;
    }
  }
}
