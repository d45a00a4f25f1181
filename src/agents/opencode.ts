/** opencode: a provider in the user's configuration, over `/v1/chat/completions`. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 9_000;
/** In the order in which it reads them; what stands in the last wins. */
const FILES = ['config.json', 'opencode.json', 'opencode.jsonc'] as const;
const TIMEOUT_MS = 3_600_000;

/** opencode. */
export const opencode: Agent = {
  name: 'opencode',
  title: 'opencode',
  program: 'opencode',
  promptTokens: PROMPT_TOKENS,
  plan(facts, exists) {
    const { modelId, contextTokens } = facts;
    const reference = `flow/${modelId}`;
    return {
      edits: [
        {
          path: settingsFile(facts, exists),
          format: 'json',
          changes: [
            { at: ['$schema'], value: 'https://opencode.ai/config.json', isDefault: true },
            { at: ['model'], value: reference },
            // Titles and summaries: another model would push this one out of memory.
            { at: ['small_model'], value: reference },
            ...changesOf(['provider', 'flow'], {
              npm: '@ai-sdk/openai-compatible',
              name: 'Flow',
              options: { baseURL: `${facts.baseUrl}/v1`, apiKey: keyOf(facts), timeout: TIMEOUT_MS },
              models: { [modelId]: modelEntry(facts) },
            }),
          ],
        },
      ],
      warnings: contextWarning(facts, opencode.title, PROMPT_TOKENS, outputTokensMax(contextTokens)),
      notes: ['It compacts by itself when the context of the model entry is nearly full.'],
      command: 'opencode',
    };
  },
};

/** The file of the user's that wins. */
function settingsFile({ environment, home }: AgentFacts, exists: (path: string) => boolean): string {
  if (environment.OPENCODE_CONFIG) return environment.OPENCODE_CONFIG;
  const folder = join(environment.XDG_CONFIG_HOME || join(home, '.config'), 'opencode');
  return FILES.map((name) => join(folder, name)).findLast(exists) ?? join(folder, 'opencode.json');
}

function modelEntry({ modelName, contextTokens, capabilities }: AgentFacts) {
  return {
    name: modelName,
    limit: { context: contextTokens, output: outputTokensMax(contextTokens) },
    tool_call: capabilities.tools,
    reasoning: capabilities.thinking,
    attachment: capabilities.vision,
    ...(capabilities.vision ? { modalities: { input: ['text', 'image'], output: ['text'] } } : {}),
  };
}
