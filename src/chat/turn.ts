/** What a conversation is made of. */
import { type Static, Type } from '@sinclair/typebox';

const Words = Type.String({ maxLength: 1_000_000 });

/** What a conversation's answers are asked for with; absent = as the model's own configuration says. */
export const ChatSettings = Type.Object(
  {
    /** '' = the default model. */
    model: Type.String({ maxLength: 200, default: '' }),
    /** A second model that gets the same questions; '' = none. */
    rival: Type.String({ maxLength: 200, default: '' }),
    system: Type.String({ maxLength: 100_000, default: '' }),
    temperature: Type.Union([Type.Number({ minimum: 0, maximum: 5 }), Type.Null()], { default: null }),
    top_p: Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()], { default: null }),
    max_tokens: Type.Union([Type.Integer({ minimum: 1, maximum: 1_048_576 }), Type.Null()], { default: null }),
    thinking: Type.Union([Type.Literal('auto'), Type.Literal('on'), Type.Literal('off')], { default: 'auto' }),
    /** Offers one made-up tool, to see how a model calls; nothing is ever carried out. */
    tools: Type.Boolean({ default: false }),
  },
  { additionalProperties: false },
);
export type ChatSettings = Static<typeof ChatSettings>;

/** One call of a tool, as the model wrote it. */
export const ToolCall = Type.Object({ id: Words, name: Words, arguments: Words });
export type ToolCall = Static<typeof ToolCall>;

/** Why an answer is not whole, in words. */
export const Trouble = Type.Object({ message: Words, hint: Type.Union([Words, Type.Null()]) });
export type Trouble = Static<typeof Trouble>;

const Figure = Type.Union([Type.Number(), Type.Null()]);

/** What an answer cost; null = nobody said. */
export const AnswerFigures = Type.Object({
  requestId: Type.Union([Type.String(), Type.Null()]),
  inputTokens: Figure,
  cachedTokens: Figure,
  outputTokens: Figure,
  tokensPerS: Figure,
  firstTokenMs: Figure,
  /** Time between the first and the last word of the thoughts. */
  thinkingMs: Figure,
  loadMs: Figure,
  finishReason: Type.Union([Type.String(), Type.Null()]),
  repairs: Type.Array(Type.String()),
});
export type AnswerFigures = Static<typeof AnswerFigures>;

export type TurnState = 'answering' | 'done' | 'stopped' | 'failed';

/** One turn. Turns with the same parent are versions of each other. */
export type Turn = {
  readonly id: string;
  readonly conversationId: string;
  /** Null for a first question. */
  readonly parentId: string | null;
  readonly role: 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly reasoning: string;
  /** Images as data URLs. */
  readonly images: readonly string[];
  readonly calls: readonly ToolCall[];
  /** The model that answers. */
  readonly modelId: string | null;
  /** Answers of two models to one question share it. */
  readonly pairId: string | null;
  readonly state: TurnState;
  readonly trouble: Trouble | null;
  readonly figures: AnswerFigures | null;
  readonly createdAtMs: number;
};

export type Conversation = {
  readonly id: string;
  readonly title: string;
  readonly settings: ChatSettings;
  /** The last turn of the branch that is shown; null while it is empty. */
  readonly leafId: string | null;
  /** It stands above the others, however old it is. */
  readonly isPinned: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
};

/** How a conversation begins unless something else is wished for. */
export const PLAIN_SETTINGS: ChatSettings = {
  model: '',
  rival: '',
  system: '',
  temperature: null,
  top_p: null,
  max_tokens: null,
  thinking: 'auto',
  tools: false,
};

/** What is known of an answer before it began. */
export const NO_FIGURES: AnswerFigures = {
  requestId: null,
  inputTokens: null,
  cachedTokens: null,
  outputTokens: null,
  tokensPerS: null,
  firstTokenMs: null,
  thinkingMs: null,
  loadMs: null,
  finishReason: null,
  repairs: [],
};
