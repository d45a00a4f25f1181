/** How long prompts are, guessed from what earlier ones of the same model were: for engines that do not count. */
import { isObject, type JsonObject } from '#src/json.ts';

/** Of English text and code, with what JSON adds to it. */
const CHARACTERS_PER_TOKEN = 4;
/** The newest answer counts for so much of the average: what is asked of a model changes slowly. */
const NEWEST_RATIO = 0.3;
/** Shorter prompts are mostly their template. */
const LEARNT_CHARACTERS_MIN = 200;
const MODELS_MAX = 1_000;
/** A picture's letters say nothing of its tokens; few models read one as fewer than this. */
const PICTURE_CHARACTERS = 1_024;

export type Guess = { readonly tokens: number; readonly isLearnt: boolean };

/** Characters a token, by model, in memory only. */
export class TokenEstimates {
  readonly #ratios = new Map<string, number>();

  /** An engine has said how many tokens so many characters were. */
  learn(modelId: string, characters: number, tokens: number): void {
    if (characters < LEARNT_CHARACTERS_MIN || tokens <= 0) return;
    const ratio = characters / tokens;
    const known = this.#ratios.get(modelId);
    if (known === undefined && this.#ratios.size >= MODELS_MAX) this.#ratios.clear();
    this.#ratios.set(modelId, known === undefined ? ratio : known + (ratio - known) * NEWEST_RATIO);
  }

  /** How many tokens they may be. */
  guess(modelId: string, characters: number): Guess {
    const known = this.#ratios.get(modelId);
    const tokens = Math.max(1, Math.ceil(characters / (known ?? CHARACTERS_PER_TOKEN)));
    return { tokens, isLearnt: known !== undefined };
  }

  /** The characters of a request that its prompt is made of. */
  charactersOf({ messages, tools, prompt }: JsonObject): number {
    return lengthOf(messages, 0) + lengthOf(tools, 0) + lengthOf(prompt, 0);
  }
}

/** Deeper than any message. */
const DEPTH_MAX = 64;

function lengthOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return /^data:/i.test(value) ? PICTURE_CHARACTERS : value.length;
  if (typeof value === 'number' || typeof value === 'boolean') return 4;
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return 0;
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  const names = isObject(value) ? Object.keys(value).reduce((sum, name) => sum + name.length, 0) : 0;
  return parts.reduce<number>((sum, part) => sum + lengthOf(part, depth + 1), names);
}
