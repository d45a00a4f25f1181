/** The verdicts on the templates of registered models: made in the background, once for each text. */
import type { ModelFacts } from '#src/models/facts.ts';
import type { Model } from '#src/models/model.ts';
import { familyOf } from '#src/models/traits/families.ts';
import { type Candidate, checkTemplate, USUAL_TOKENS } from './check.ts';
import type { Renderer } from './renderer.ts';
import { type TemplateSource, TemplateSources } from './sources.ts';
import type { FindingKind, TemplateVerdict } from './verdict.ts';

/** A template of a model with what was found. */
export type Checked = { readonly source: TemplateSource; readonly verdict: TemplateVerdict };

export type TemplateBookParts = {
  readonly renderer: Renderer;
  /** What a GGUF's header says; null when it cannot be read now. */
  readonly factsOf: (model: Model) => ModelFacts | null;
};

const VERDICTS_MAX = 500;
/** Checks that may wait at a time; the next listing begins those that had no place. */
const PENDING_MAX = 200;
/** A machine that slept or had no memory may have been the reason: whoever asks on purpose has it tried again. */
const UNSURE: readonly FindingKind[] = ['endless', 'memory', 'crashed'];

/** Answers what is known of templates. */
export class TemplateBook {
  readonly #parts: TemplateBookParts;
  readonly #sources: TemplateSources;
  readonly #verdicts = new Map<string, TemplateVerdict>();
  readonly #pending = new Map<string, Promise<TemplateVerdict>>();

  constructor(parts: TemplateBookParts) {
    this.#parts = parts;
    this.#sources = new TemplateSources(parts.factsOf);
  }

  /**
   * The verdict on the template that a model is started with; null when there is none, or none yet: then a check
   * begins in the background. Does not wait, and never throws.
   */
  known(model: Model): TemplateVerdict | null {
    const [source] = this.#sources.of(model);
    if (!source) return null;
    const candidate = this.#candidate(model, source);
    const held = this.#verdicts.get(keyOf(candidate));
    if (!held && this.#pending.size < PENDING_MAX) void this.#verdict(candidate);
    return held ?? null;
  }

  /** All templates of a model with their verdicts, first the one it is started with. Never throws. */
  check(model: Model): Promise<readonly Checked[]> {
    return Promise.all(
      this.#sources.of(model).map(async (source) => {
        const candidate = this.#candidate(model, source);
        const held = this.#verdicts.get(keyOf(candidate));
        const verdict = held && isSure(held) ? held : await this.#verdict(candidate);
        return { source, verdict };
      }),
    );
  }

  /** The verdict on a text. Never throws. */
  checkText(candidate: Candidate): Promise<TemplateVerdict> {
    return this.#verdict(candidate);
  }

  /** The verdict on a text that a model is to be started with. Never throws. */
  checkTextOf(model: Model, text: string): Promise<TemplateVerdict> {
    const [source] = this.#sources.of(model);
    return this.#verdict(this.#candidate(model, { text, tokens: source?.tokens ?? USUAL_TOKENS }));
  }

  #candidate(model: Model, { text, tokens }: Pick<TemplateSource, 'text' | 'tokens'>): Candidate {
    const architecture = this.#parts.factsOf(model)?.architecture ?? null;
    const callFormat = familyOf([model.name, model.hfId, architecture])?.callFormat ?? null;
    return { template: text, tokens, callFormat };
  }

  #verdict(candidate: Candidate): Promise<TemplateVerdict> {
    const key = keyOf(candidate);
    const pending = this.#pending.get(key);
    if (pending) return pending;
    const asked = checkTemplate(candidate, this.#parts.renderer).then((verdict) => {
      this.#pending.delete(key);
      this.#remember(key, verdict);
      return verdict;
    });
    this.#pending.set(key, asked);
    return asked;
  }

  #remember(key: string, verdict: TemplateVerdict): void {
    this.#verdicts.delete(key);
    this.#verdicts.set(key, verdict);
    const [oldest] = this.#verdicts.keys();
    if (this.#verdicts.size > VERDICTS_MAX && oldest !== undefined) this.#verdicts.delete(oldest);
  }
}

function isSure({ findings }: TemplateVerdict): boolean {
  return !findings.some(({ kind }) => UNSURE.includes(kind));
}

function keyOf({ template, tokens, callFormat }: Candidate): string {
  const hash = new Bun.CryptoHasher('sha256').update(template);
  return `${hash.digest('base64')} ${tokens.begin} ${tokens.end} ${callFormat}`;
}
