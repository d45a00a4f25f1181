/** A model as pi and OpenClaw describe one: both have the same shape of it. */
import type { AgentFacts } from './agent.ts';
import { outputTokensMax } from './budget.ts';

/** All fields but `id`, by which its place in the list is found. */
export function modelRow({ modelName, contextTokens, capabilities }: AgentFacts) {
  return {
    name: modelName,
    reasoning: capabilities.thinking,
    input: capabilities.vision ? ['text', 'image'] : ['text'],
    contextWindow: contextTokens,
    maxTokens: outputTokensMax(contextTokens),
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  };
}
