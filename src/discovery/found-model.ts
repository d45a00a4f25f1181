/** What lies on this machine already, put there by other programs. */
import type { ModelFormat } from '#src/models/model.ts';

/** Whose folder it was found in. */
export type Place = 'huggingface' | 'llama.cpp' | 'lm-studio' | 'ollama';

/** A model that could be registered where it lies. No file was opened to find it. */
export type FoundModel = {
  readonly place: Place;
  readonly format: ModelFormat;
  /**
   * Absolute; the first part of a split model, or the folder of an MLX model. It may be a link,
   * whose name tells more than its target's.
   */
  readonly path: string;
  /** Where that really leads: two paths with the same one are the same model. */
  readonly realPath: string;
  /** A file of its weights: two revisions of a repository may share them, and are one model then. */
  readonly contentPath: string;
  /** The name it goes by in its own program, or that of its file. */
  readonly name: string;
  /** `owner/name` on the Hub; null where the folders do not say. */
  readonly repository: string | null;
  readonly quantization: string | null;
  /** All parts together. */
  readonly sizeBytes: number;
  readonly parts: number;
  /** A projector that lies with it; null when there is none, or several models could mean it. */
  readonly projectorPath: string | null;
};

/** What has a model's name and cannot be offered, and why. */
export type Passed = { readonly path: string; readonly reason: string };

/** What one place held. */
export type Findings = { readonly models: readonly FoundModel[]; readonly passed: readonly Passed[] };
