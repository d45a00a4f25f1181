/** How an order is worded for the engine that was lent. */
import { Fault } from '#src/faults.ts';
import type { Json, JsonObject } from '#src/json.ts';
import type { EngineKind, Model } from '#src/models/model.ts';
import { splitsThoughts } from '#src/models/thought-parsing.ts';
import type { AskedForm } from '#src/repairs/stage.ts';
import { type Addressee, foreignBody } from './foreign-body.ts';
import type { Wording } from './order.ts';
import type { Mending } from './prepare.ts';
import type { GatewayServices } from './services.ts';

/** A request before anybody is known who will answer it. */
export type Wish = {
  readonly services: GatewayServices;
  readonly model: Model;
  /** All of it, as it should be asked. */
  readonly body: JsonObject;
  readonly wantsStream: boolean;
  readonly mending: Mending | null;
};

/** For llama-server: `text` is written once, when it is asked. */
export function plainWording(
  text: () => string,
  mending: Mending | null = null,
  streamText: Wording['streamText'] = null,
): Wording {
  return { text: text(), streamText, losesByStream: false, isStream: false, mending, foreign: null, notes: [] };
}

/**
 * Whether one request asks for several answers. Their frames pass as the engine gives them: what makes frames anew
 * knows of one answer.
 */
export function asksForSeveral({ n, prompt }: JsonObject): boolean {
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1;
  return (typeof n === 'number' && n > 1) || prompts > 1;
}

/** For any other engine. */
export function foreignWording({ services, model, body, wantsStream, mending }: Wish, to: Addressee): Wording {
  const { speech, engine } = to;
  const { estimates } = services;
  const characters = estimates.charactersOf(body);
  const promptTokens = estimates.guess(model.id, characters).tokens;
  const told = foreignBody(body, to, model.id, promptTokens);
  let hasLostCall = false;
  const stream = { ...told.body, stream: true, stream_options: { include_usage: true } };
  const isStream = wantsStream || speech.isStreamedOnly;
  const mended = mending && {
    ...mending,
    splitsThoughts: splitsThoughts(model, engine),
    stopStrings: told.stopStrings,
    form: told.form ?? anyAnswer(mending, to, () => hasLostCall),
    relaxed: speech.hasGrammar ? mending.relaxed : schemasOf(mending),
  };
  return {
    text: JSON.stringify(isStream ? stream : { ...told.body, stream: false }),
    streamText: isStream ? null : () => JSON.stringify(stream),
    losesByStream: false,
    isStream,
    mending: mended,
    foreign: asksForSeveral(body)
      ? null
      : {
          limitTokens: told.limitTokens,
          characters,
          promptTokens,
          onLostCall: () => {
            hasLostCall = true;
          },
        },
    notes: told.notes,
  };
}

/** Servers without a grammar throw away calls that they cannot read: then it is asked for again. */
function anyAnswer({ tools }: Mending, { speech }: Addressee, hasLostCall: () => boolean): AskedForm | null {
  return speech.hasGrammar || tools.length === 0 ? null : { kind: 'answer', hasLostCall };
}

/** Without a grammar, all calls are checked against their tools' schemas. */
function schemasOf({ tools, switches }: Mending): ReadonlyMap<string, Json> {
  if (switches.tool_schemas === false) return new Map();
  return new Map(tools.flatMap(({ function: { name, parameters } }) => (parameters ? [[name, parameters]] : [])));
}

/** A body that passes as it is but for the name of the model. */
export function namedWording(body: JsonObject, modelId: string, { speech, engine }: Addressee, path: string): Wording {
  refuseRoute(engine, path);
  const text = JSON.stringify({ ...body, model: speech.modelName ?? modelId });
  const foreign = { limitTokens: null, characters: 0, promptTokens: 0, onLostCall: () => {} };
  return { ...plainWording(() => text), foreign: asksForSeveral(body) ? null : foreign };
}

/** Where every engine is asked to chat. */
export const CHAT_PATH = '/v1/chat/completions';
/** Where it is asked for text without a template. */
export const COMPLETIONS_PATH = '/v1/completions';
/** What each kind of engine answers; llama-server has all routes. */
const ROUTES: { readonly [Kind in Exclude<EngineKind, 'llama.cpp'>]: readonly string[] } = {
  'mlx-lm': [CHAT_PATH, COMPLETIONS_PATH],
  'mlx-openai-server': [CHAT_PATH],
  'mlx-vlm': [CHAT_PATH],
  openai: [CHAT_PATH, COMPLETIONS_PATH, '/v1/embeddings', '/v1/rerank'],
};

/** Throws Fault('invalid-request') for a route that such an engine does not have. */
export function refuseRoute(engine: EngineKind, path: string): void {
  if (engine === 'llama.cpp' || ROUTES[engine].includes(path)) return;
  throw new Fault('invalid-request', `${engine}, which serves this model, has no ${path}.`, {
    hint: 'Ask it by chat, or use a GGUF of this model, which llama-server serves.',
  });
}

/**
 * The kind of engine that a model will be served by, as far as that is known before one is lent: of MLX servers the
 * one that can do most.
 */
export function expectedKind({ lender }: GatewayServices, model: Model): EngineKind {
  if (model.endpoint) return model.endpoint.engine;
  if (model.format === 'gguf') return 'llama.cpp';
  const { state } = lender.model(model.id);
  return state.phase === 'ready' ? state.engine : 'mlx-lm';
}

/** Whether llama-server serves it. */
export function isLlama({ endpoint, format }: Model): boolean {
  return endpoint ? endpoint.engine === 'llama.cpp' : format === 'gguf';
}
