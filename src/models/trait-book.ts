/** The traits of registered models, read from their files once for each state of a file. */
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import type { ModelFacts } from './facts.ts';
import type { HeaderCache } from './header-cache.ts';
import type { Model } from './model.ts';
import { TemplateFiles } from './template-files.ts';
import { detectTraits, type ModelTraits, type TraitSource } from './traits.ts';

type Entry = { readonly source: TraitSource; readonly traits: ModelTraits };

/** A look at the file costs a system call, and each request asks; nobody changes a model's file within its answer. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * Answers what is known of a model's habits. The template is the one that its configuration starts it with, else that
 * of its file. A file that cannot be read now gives what the name alone tells.
 */
export class TraitBook {
  readonly #headers: HeaderCache;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #known = new WeakMap<Model, { readonly traits: ModelTraits; readonly untilMs: number }>();
  readonly #templates = new TemplateFiles();
  readonly #read = new WeakMap<ModelFacts, Entry>();

  constructor(headers: HeaderCache, clock: Pick<Clock, 'monotonicMs'>) {
    this.#headers = headers;
    this.#clock = clock;
  }

  /** The traits of a model, as its files said a second ago or later. Never throws a Fault. */
  of(model: Model): ModelTraits {
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(model);
    if (known && nowMs < known.untilMs) return known.traits;
    const traits = this.#look(model);
    this.#known.set(model, { traits, untilMs: nowMs + LOOK_INTERVAL_MS });
    return traits;
  }

  #look(model: Model): ModelTraits {
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
