/** `/api/agents`: what an agent needs to know to use a model, as text to copy. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { AgentFacts } from './agent.ts';
import { AGENTS, agentNamed } from './agents.ts';
import { KEY_TO_PUT_IN, snippetOf } from './snippet.ts';

export type AgentRoutesParts = {
  /** The model that a name means, null for none given, with the context it has or would have. May throw a Fault. */
  readonly modelOf: (wanted: string | null) => {
    readonly model: Model;
    /** The variant that the name means; null = the model as itself. */
    readonly variant: string | null;
    readonly contextTokens: number;
  };
  /** Whether callers must show a key. */
  readonly asksForKey: () => boolean;
};

const ModelQuery = t.Object({ model: t.Optional(t.String({ minLength: 1, maxLength: 200 })) });
const CONTEXT_TOKENS_DEFAULT = 4_096;

export const agentRoutes = (parts: AgentRoutesParts) =>
  new Elysia({ name: 'agent-routes' })
    .get(
      '/api/agents',
      ({ query, request }) => ({
        model: listedModel(parts, query.model ?? null, request),
        agents: AGENTS.map(({ name, title, promptTokens }) => ({ name, title, prompt_tokens: promptTokens })),
      }),
      { ...access('read'), query: ModelQuery },
    )
    .get(
      '/api/agents/:name',
      ({ params, query, request }) => {
        const agent = agentNamed(params.name);
        const facts = factsOf(parts, query.model ?? null, request);
        return {
          ...snippetOf(agent, facts),
          model: wireFacts(facts),
          connect: agentCommand(agent.name, facts.modelId),
        };
      },
      { ...access('read'), query: ModelQuery },
    );

/** How one agent is set up for a model, as `/api/agents/:name` tells it. Throws a Fault. */
export function agentSetUp(parts: AgentRoutesParts, name: string, wanted: string | null, request: Request) {
  const agent = agentNamed(name);
  const facts = factsOf(parts, wanted, request);
  return { ...snippetOf(agent, facts), connect: agentCommand(agent.name, facts.modelId) };
}

/** What a person types to set an agent up; `modelId` is a name that means the model. */
export function agentCommand(agent: string, modelId: string): string {
  return `flow connect ${agent} --model ${shellWord(modelId)}`;
}

/** A list is of use without a model too; a name that means none is a mistake. */
function listedModel(parts: AgentRoutesParts, wanted: string | null, request: Request) {
  try {
    return wireFacts(factsOf(parts, wanted, request));
  } catch (cause) {
    if (wanted === null && cause instanceof Fault) return null;
    throw cause;
  }
}

/** As seen from the caller: the address is the one that it has used, and its home is its own. */
function factsOf({ modelOf, asksForKey }: AgentRoutesParts, wanted: string | null, request: Request): AgentFacts {
  const { model, variant, contextTokens } = modelOf(wanted);
  if (model.capabilities.embedding) {
    throw new Fault('invalid-request', `${model.id} makes embeddings; an agent needs a model that answers.`);
  }
  return {
    baseUrl: new URL(request.url).origin,
    apiKey: asksForKey() ? KEY_TO_PUT_IN : null,
    // Under the model's own name an agent would get another behaviour than was asked for.
    modelId: variant ?? model.id,
    modelName: variant === null ? model.name : `${model.name} (${variant})`,
    contextTokens: contextTokens > 0 ? contextTokens : (model.trainedContextTokens ?? CONTEXT_TOKENS_DEFAULT),
    capabilities: model.capabilities,
    home: '~',
    environment: {},
  };
}

/** A name as a shell takes it for one word and nothing else: people copy the command. */
function shellWord(name: string): string {
  return /^[\p{L}\p{N}_./:@+-]+$/u.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function wireFacts({ modelId, modelName, contextTokens, capabilities, baseUrl }: AgentFacts) {
  return { id: modelId, name: modelName, context_tokens: contextTokens, capabilities, base_url: baseUrl };
}
