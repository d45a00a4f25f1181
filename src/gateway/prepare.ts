/** What becomes of a chat request on its way to the engine, whatever protocol it came in. Pure but for its services. */

import { behave } from '#src/behaviour/behave.ts';
import type { ChatRequest, ChatTool } from '#src/dialects/chat-request.ts';
import type { ContentRules } from '#src/dialects/normalise.ts';
import { isObject, type JsonObject } from '#src/json.ts';
import type { Behaviour, RepairSwitches } from '#src/models/behaviour.ts';
import type { Model } from '#src/models/model.ts';
import { splitsThoughts } from '#src/models/thought-parsing.ts';
import type { ModelTraits } from '#src/models/traits.ts';
import type { RepairContext } from '#src/repairs/stage.ts';
import { NOTHING_RELAXED, relaxedSchemas } from './relaxed-schemas.ts';
import type { GatewayServices } from './services.ts';
import { isLlama } from './wording.ts';

/** What the repairs of an answer may know before there is an answer. */
export type Mending = Omit<RepairContext, 'requestId' | 'report'>;

/** A chat request made ready. `set` and `drop` say how it differs from the one that came. */
export type Prepared = {
  readonly set: JsonObject;
  readonly drop: readonly string[];
  readonly notes: readonly string[];
  /** Headers of the answer that say what was changed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly mending: Mending;
};

/** Of English text and code; only a guess at a prompt's length is made with it. */
const CHARACTERS_PER_TOKEN = 4;

/** Normalises the messages, applies the model's behaviour, relaxes tool schemas. Throws Faults for what is wrong. */
export function prepare(
  services: GatewayServices,
  { model, behaviour, json }: { model: Model; behaviour: Behaviour; json?: { readonly text: string } },
  request: ChatRequest,
): Prepared {
  const traits = services.traits(model);
  const switches = behaviour.repairs ?? {};
  const { request: tidied, changes } = services.normalise(request, contentRules(services, model, traits));
  const behaved = behave(tidied, {
    behaviour,
    traits,
    contextTokens: contextOf(services, model),
    promptTokens: Math.ceil((json?.text.length ?? 0) / CHARACTERS_PER_TOKEN),
    // Of several answers at once, none can be ended alone; and only a stream can be ended early.
    canCut: !(typeof request.n === 'number' && request.n > 1) && (request.stream === true || mayStream(request)),
  });
  const tools = offeredTools(tidied.tools);
  const schemas = hasGrammar(model, switches) ? relaxedSchemas(tidied, tools) : NOTHING_RELAXED;
  return {
    set: {
      ...(tidied === request ? {} : { messages: tidied.messages }),
      ...behaved.set,
      ...schemas.set,
    },
    drop: behaved.drop,
    notes: [...changes, ...behaved.notes, ...schemas.notes],
    // Only llama-server keeps to a budget of thought.
    headers: isLlama(model) ? { ...behaved.headers, ...schemas.headers } : {},
    mending: {
      tools: tidied.tool_choice === 'none' ? [] : tools,
      traits,
      switches,
      answerTokensMax: behaved.answerTokensMax,
      relaxed: schemas.originals,
      seen: services.seen(model),
      splitsThoughts: splitsThoughts(model, 'llama.cpp'),
      stopStrings: [],
      form: null,
      isThinkingOff: turnsThinkingOff({ ...tidied, ...behaved.set }, traits.thinkingSwitches),
    },
  };
}

/** Whether a whole request can be asked as a stream: llama-server refuses probabilities beside tools in one. */
export function mayStream({ logprobs, tools }: ChatRequest): boolean {
  return logprobs !== true || offeredTools(tools).length === 0;
}

/** Whether its engine makes a grammar of schemas for which they have to be relaxed. */
function hasGrammar(model: Model, switches: RepairSwitches): boolean {
  return isLlama(model) && switches.tool_schemas !== false;
}

/** Tokens of one conversation: as the running engine says, else as trained. */
function contextOf({ lender }: GatewayServices, { id, trainedContextTokens }: Model): number | null {
  const { state } = lender.model(id);
  return state.phase === 'ready' ? state.contextTokens : trainedContextTokens;
}

/** What the normaliser should do for a model. */
function contentRules(services: GatewayServices, model: Model, traits: ModelTraits): ContentRules {
  const { wantsShortCallIds, wantsAlternation } = traits;
  return {
    stripAttribution: services.settings.current.strip_attribution,
    hasVision: model.capabilities.vision,
    wantsShortCallIds,
    wantsAlternation,
    // llama-server takes images at any place; MLX servers gather them from user turns. Strict turns leave no other.
    wantsImagesFromUser: model.format === 'mlx' && !wantsAlternation,
  };
}

/** Whether a request asks for an answer without thoughts, in one of the ways that there are. */
function turnsThinkingOff(body: JsonObject, switches: readonly string[]): boolean {
  const words = isObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  if (switches.some((name) => words[name] === false)) return true;
  return body.reasoning_effort === 'none' || body.thinking_budget_tokens === 0 || body.reasoning_budget_tokens === 0;
}

/** The function tools among what was sent; anything else is for the engine to refuse. */
function offeredTools(tools: unknown): readonly ChatTool[] {
  return Array.isArray(tools) ? tools.filter(isFunctionTool) : [];
}

function isFunctionTool(tool: unknown): tool is ChatTool {
  return isObject(tool) && isObject(tool.function) && typeof tool.function.name === 'string';
}
