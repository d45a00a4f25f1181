/**
 * How engines are to be asked, and what they leave to Flow: what an engine cannot do itself, the gateway does. One row
 * a kind; what was measured, and on which versions, stands beside it.
 */
import type { EngineKind } from '#src/models/model.ts';

export type Speech = {
  /** What `model` must say; null = the model's id. A server that loads by name takes any other for a wish. */
  readonly modelName: string | null;
  /** It understands llama-server's own fields (`return_progress`, `verbose`, `id_slot` and the like). */
  readonly knowsLlamaFields: boolean;
  readonly repetitionField: 'repeat_penalty' | 'repetition_penalty';
  /** Where thinking is switched: for the chat template, or beside the messages. */
  readonly thinkingPlace: 'template' | 'body';
  /** A whole answer would be computed to its end though nobody waits, so answers are always asked for as streams. */
  readonly isStreamedOnly: boolean;
  /** It ends an answer at the strings of `stop`, however they are cut into tokens. */
  readonly stopsAtStrings: boolean;
  /** It holds an answer to `response_format`, `tool_choice` and the tools' schemas while it is written. */
  readonly hasGrammar: boolean;
  /** It answers `/tokenize` and `/apply-template`. */
  readonly countsTokens: boolean;
  /** Its own limit of an answer is too small or missing, so each request carries one. */
  readonly needsLimit: boolean;
};

/** Speech but for the name, which depends on how the engine was started. */
export const SPEECH: Readonly<Record<EngineKind, Omit<Speech, 'modelName'>>> = {
  'llama.cpp': {
    knowsLlamaFields: true,
    repetitionField: 'repeat_penalty',
    thinkingPlace: 'template',
    isStreamedOnly: false,
    stopsAtStrings: true,
    hasGrammar: true,
    countsTokens: true,
    needsLimit: false,
  },
  // mlx-lm 0.31.3 and 0.32.2: 512 tokens by default; a whole answer runs on when its client has gone.
  'mlx-lm': {
    knowsLlamaFields: false,
    repetitionField: 'repetition_penalty',
    thinkingPlace: 'template',
    isStreamedOnly: true,
    stopsAtStrings: false,
    hasGrammar: false,
    countsTokens: false,
    needsLimit: true,
  },
  // mlx-openai-server 1.8.1: a million tokens by default.
  'mlx-openai-server': {
    knowsLlamaFields: false,
    repetitionField: 'repetition_penalty',
    thinkingPlace: 'template',
    isStreamedOnly: true,
    stopsAtStrings: false,
    hasGrammar: false,
    countsTokens: false,
    needsLimit: true,
  },
  // mlx-vlm 0.7.10: ignores `chat_template_kwargs.enable_thinking`.
  'mlx-vlm': {
    knowsLlamaFields: false,
    repetitionField: 'repetition_penalty',
    thinkingPlace: 'body',
    isStreamedOnly: true,
    stopsAtStrings: false,
    hasGrammar: false,
    countsTokens: false,
    needsLimit: true,
  },
  // Some server that speaks OpenAI chat: asked for nothing that is not in that protocol.
  openai: {
    knowsLlamaFields: false,
    repetitionField: 'repetition_penalty',
    thinkingPlace: 'template',
    isStreamedOnly: false,
    stopsAtStrings: true,
    hasGrammar: true,
    countsTokens: false,
    needsLimit: false,
  },
};
