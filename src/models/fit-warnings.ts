/** What a person should know of launch settings before a model is loaded with them. Pure; each finding a sentence. */
import type { ModelFacts } from './facts.ts';
import type { LaunchOverrides, LaunchSettings, Model } from './model.ts';

/** A file that goes with a model, as it is on disk now. */
export type Companion = { readonly name: string; readonly isThere: boolean };

export type LaunchLook = {
  readonly model: Model;
  readonly facts: ModelFacts;
  /** What somebody chose for this model or for this load; the rest are defaults. */
  readonly chosen: LaunchOverrides;
  /** All of it, as a load would have it. */
  readonly launch: LaunchSettings;
  /** Null = none. */
  readonly projector: Companion | null;
  /** Facts are null when it is not there or cannot be read. */
  readonly draft: (Companion & { readonly facts: ModelFacts | null }) | null;
};

/** llama.cpp bears so much difference between two vocabularies of one family. */
const VOCABULARY_DIFFERENCE_MAX = 128;
const WHOLE_CACHE_TYPES: readonly string[] = ['f32', 'f16', 'bf16'];

/** The findings, the gravest first. */
export function launchWarnings(look: LaunchLook): readonly string[] {
  return [
    ...missingFiles(look),
    ...(look.model.format === 'gguf' ? cacheTypes(look) : withoutMeaning(look)),
    ...draft(look),
    ...context(look),
    ...batches(look),
  ];
}

function missingFiles({ model, launch, projector, draft: companion }: LaunchLook): string[] {
  const gone = [projector, companion].flatMap((one) =>
    one && !one.isThere ? [`${one.name} is not there or cannot be read.`] : [],
  );
  const isBlind = model.format === 'gguf' && model.capabilities.vision && launch.mmproj_path === '';
  return [...gone, ...(isBlind ? ['Without its vision projector (mmproj_path) it takes no images.'] : [])];
}

function cacheTypes({ launch }: LaunchLook): string[] {
  const { flash_attn: flash, cache_type_v: values } = launch;
  if (flash !== 'off' || WHOLE_CACHE_TYPES.includes(values)) return [];
  return [`Values are cached as ${values} only with flash attention; the engine refuses that without.`];
}

function withoutMeaning({ chosen }: LaunchLook): string[] {
  const named = (['cache_type_k', 'cache_type_v', 'gpu_layers', 'flash_attn', 'mmap', 'mlock'] as const).filter(
    (name) => chosen[name] !== undefined,
  );
  return named.length === 0 ? [] : [`MLX servers know nothing of ${named.join(', ')}.`];
}

function draft({ facts, draft: companion }: LaunchLook): string[] {
  if (!companion?.facts) return [];
  const [own, other] = [facts.vocabularySize, companion.facts.vocabularySize];
  if (own === 0 || other === 0 || Math.abs(own - other) <= VOCABULARY_DIFFERENCE_MAX) return [];
  return [`${companion.name} has another vocabulary (${other} tokens, not ${own}), so it cannot draft for this model.`];
}

function context({ facts, chosen, launch }: LaunchLook): string[] {
  const trained = facts.contextTokens;
  if (trained === null) return [];
  if (launch.ctx_size > trained) {
    return [`Beyond the ${trained} tokens it was trained for, the context is stretched, which costs accuracy.`];
  }
  const wished = chosen.ctx_size ?? 0;
  if (wished <= launch.ctx_size) return [];
  const remedy = 'Only RoPE scaling (rope_scale) reaches further.';
  return [`A conversation gets ${launch.ctx_size} tokens, not ${wished}: it was trained for no more. ${remedy}`];
}

function batches({ launch: { batch_size: batch, ubatch_size: physical }, model }: LaunchLook): string[] {
  if (model.format !== 'gguf' || physical <= batch) return [];
  return [`The physical batch (ubatch_size ${physical}) is brought down to batch_size, ${batch}.`];
}
