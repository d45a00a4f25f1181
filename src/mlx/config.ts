/** Looks things up in a model's `config.json`, with bounds: a stranger's file may say anything. Pure. */
import { isObject, type JsonObject, stringOrNull } from '#src/json.ts';

const LENGTH_MAX = 1 << 24;
/** Layers that are looked at; real models have some hundred. */
export const LAYERS_MAX = 2_048;
/** Where models that see or hear keep what their language part is. */
const LANGUAGE_PARTS = ['text_config', 'llm_config', 'language_config', 'thinker_config'];
/**
 * Configurations leave out what is their family's usual value. These are the values of the families whose published
 * configurations do so for what decides memory.
 */
const USUAL: Readonly<Record<string, JsonObject>> = {
  gemma3_text: { num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, max_position_embeddings: 131_072 },
  gemma2: { head_dim: 256 },
  gemma: { head_dim: 256 },
  gpt_oss: { num_key_value_heads: 8, head_dim: 64, sliding_window: 128 },
  qwen3_next: { full_attention_interval: 4 },
  mllama_text_model: { num_key_value_heads: 8 },
  qwen2_vl_text: { max_position_embeddings: 32_768 },
};

/** The part of a configuration that says what answers. */
export class LanguageConfig {
  readonly #fields: JsonObject;
  /** The name of the whole model's architecture, and of its language part's. */
  readonly modelType: string;
  readonly textType: string;

  constructor(config: JsonObject) {
    const nested = LANGUAGE_PARTS.map((name) => config[name]).find(isObject);
    const inner = nested && isObject(nested.text_config) ? nested.text_config : nested;
    this.modelType = shortText(config.model_type) ?? 'unknown';
    this.textType = shortText(inner?.model_type) ?? this.modelType;
    this.#fields = { ...USUAL[this.textType], ...config, ...inner };
  }

  /** How many layers there are, at most 2,048. */
  get layerCount(): number {
    return Math.min(this.length('num_hidden_layers', 'n_layer', 'n_layers', 'num_layers') ?? 0, LAYERS_MAX);
  }

  /** The first of these fields that is a whole number of 0 or more within reason; null when none is. */
  length(...names: readonly string[]): number | null {
    for (const name of names) {
      const value = plausible(this.#fields[name]);
      if (value !== null) return value;
    }
    return null;
  }

  /** The same, where the field may also be a list with one number for each layer. */
  lengthAt(layer: number, ...names: readonly string[]): number | null {
    for (const name of names) {
      const value = this.#fields[name];
      const found = plausible(Array.isArray(value) ? value[layer] : value);
      if (found !== null) return found;
    }
    return null;
  }

  /** The largest of a field's numbers; 0 when there is none. */
  largest(...names: readonly string[]): number {
    for (const name of names) {
      const value = this.#fields[name];
      const all: readonly unknown[] = Array.isArray(value) ? value.slice(0, LAYERS_MAX) : [value];
      const most = all.reduce<number>((largest, item) => Math.max(largest, plausible(item) ?? 0), 0);
      if (most > 0) return most;
    }
    return 0;
  }

  /** A number of any kind. */
  number(name: string): number | null {
    const value = this.#fields[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  }

  /** A field that is an object; empty when it is none. */
  object(name: string): JsonObject {
    const value = this.#fields[name];
    return isObject(value) ? value : {};
  }

  /** A field that is a list, cut to what a model can have of layers; null when it is none. */
  list(name: string): readonly unknown[] | null {
    const value = this.#fields[name];
    // Some write one letter for each layer.
    if (typeof value === 'string') return [...value.slice(0, LAYERS_MAX)];
    return Array.isArray(value) ? value.slice(0, LAYERS_MAX) : null;
  }
}

/** A whole number of 0 or more within reason; null when it is anything else. */
export function plausible(value: unknown): number | null {
  const isLength = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LENGTH_MAX;
  return isLength ? value : null;
}

function shortText(value: unknown): string | null {
  const text = stringOrNull(value);
  return text !== null && /^[\w.-]{1,64}$/.test(text) ? text : null;
}
