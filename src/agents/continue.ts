/** Continue (the extension and `cn`): a model in the user's config.yaml. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 3_000;
const ROLES = ['chat', 'edit', 'apply', 'summarize', 'subagent'] as const;

/** Continue. It is `continuing` here, since the language has taken the word. */
export const continuing: Agent = {
  name: 'continue',
  title: 'Continue',
  program: 'cn',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const path = join(facts.environment.CONTINUE_GLOBAL_DIR || join(facts.home, '.continue'), 'config.yaml');
    const name = `Flow: ${facts.modelName}`;
    return {
      edits: [
        {
          path,
          format: 'yaml',
          changes: [
            { at: ['name'], value: 'Local', isDefault: true },
            { at: ['version'], value: '1.0.0', isDefault: true },
            { at: ['schema'], value: 'v1', isDefault: true },
            ...changesOf(['models', { where: 'name', is: name }], modelEntry(facts)),
          ],
        },
      ],
      warnings: contextWarning(facts, continuing.title, PROMPT_TOKENS, outputTokensMax(facts.contextTokens)),
      notes: [`Choose "${name}" in its list of models (in cn: /model) when the file has others too.`],
      command: 'cn',
    };
  },
};

function modelEntry(facts: AgentFacts) {
  const { contextTokens, capabilities } = facts;
  return {
    provider: 'openai',
    model: facts.modelId,
    apiBase: `${facts.baseUrl}/v1`,
    apiKey: keyOf(facts),
    roles: [...ROLES],
    capabilities: [...(capabilities.tools ? ['tool_use'] : []), ...(capabilities.vision ? ['image_input'] : [])],
    // It knows OpenAI's names and would ask another route for them.
    useResponsesApi: false,
    defaultCompletionOptions: { contextLength: contextTokens, maxTokens: outputTokensMax(contextTokens) },
  };
}
