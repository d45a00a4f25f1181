/** Hermes Agent: the `model` of config.yaml as a custom endpoint. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 16_000;
/** It refuses models with less. */
const CONTEXT_TOKENS_MIN = 64_000;

/** Hermes Agent. */
export const hermes: Agent = {
  name: 'hermes',
  title: 'Hermes Agent',
  program: 'hermes',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const path = join(facts.environment.HERMES_HOME || join(facts.home, '.hermes'), 'config.yaml');
    const model = {
      default: facts.modelId,
      provider: 'custom',
      base_url: `${facts.baseUrl}/v1`,
      api_key: keyOf(facts),
      api_mode: 'chat_completions',
      context_length: facts.contextTokens,
      max_tokens: outputTokensMax(facts.contextTokens),
    };
    return {
      edits: [{ path, format: 'yaml', changes: changesOf(['model'], model) }],
      warnings: warnings(facts),
      notes: ['Its helper tasks (summaries, titles) follow the main model unless `auxiliary` names another.'],
      command: 'hermes',
    };
  },
};

function warnings(facts: AgentFacts): string[] {
  if (facts.contextTokens >= CONTEXT_TOKENS_MIN) {
    return contextWarning(facts, hermes.title, PROMPT_TOKENS, outputTokensMax(facts.contextTokens));
  }
  return [
    `Hermes refuses models with less than ${CONTEXT_TOKENS_MIN} tokens of context; ${facts.modelId} has ` +
      `${facts.contextTokens}. Give it more: set ctx_size in its configuration, or flow load ${facts.modelId} --ctx 65536; ` +
      'then connect again.',
  ];
}
