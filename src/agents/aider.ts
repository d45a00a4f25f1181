/** aider: its own configuration, and the model's size, which it cannot know, in a file beside it. */
import { join } from 'node:path';
import type { Agent } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 2_000;

/** aider. */
export const aider: Agent = {
  name: 'aider',
  title: 'aider',
  program: 'aider',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const { contextTokens } = facts;
    const model = `openai/${facts.modelId}`;
    const outputTokens = outputTokensMax(contextTokens);
    return {
      edits: [
        {
          path: join(facts.home, '.aider.conf.yml'),
          format: 'yaml',
          changes: changesOf([], {
            model,
            // Commit messages and summaries.
            'weak-model': model,
            'editor-model': model,
            'openai-api-base': `${facts.baseUrl}/v1`,
            'openai-api-key': keyOf(facts),
          }),
        },
        {
          path: join(facts.home, '.aider.model.metadata.json'),
          format: 'json',
          changes: changesOf([model], {
            max_tokens: outputTokens,
            max_input_tokens: contextTokens,
            max_output_tokens: outputTokens,
            input_cost_per_token: 0,
            output_cost_per_token: 0,
            litellm_provider: 'openai',
            mode: 'chat',
          }),
        },
      ],
      warnings: contextWarning(facts, aider.title, PROMPT_TOKENS, outputTokens),
      notes: ['A .aider.conf.yml in the repository or the present folder wins over this one.'],
      command: 'aider',
    };
  },
};
