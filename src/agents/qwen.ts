/** Qwen Code: an entry among the OpenAI-compatible models of settings.json. */
import { join } from 'node:path';
import type { Agent } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 19_000;
/** Models name the variable that holds their key; the variable itself may stand in the same file. */
const KEY_VARIABLE = 'FLOW_API_KEY';
const TIMEOUT_MS = 3_600_000;

/** Qwen Code. */
export const qwen: Agent = {
  name: 'qwen',
  title: 'Qwen Code',
  program: 'qwen',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const { modelId, contextTokens, capabilities } = facts;
    const path = join(facts.environment.QWEN_HOME || join(facts.home, '.qwen'), 'settings.json');
    const entry = {
      name: `${facts.modelName} (Flow)`,
      envKey: KEY_VARIABLE,
      baseUrl: `${facts.baseUrl}/v1`,
      generationConfig: {
        timeout: TIMEOUT_MS,
        contextWindowSize: contextTokens,
        samplingParams: { max_tokens: outputTokensMax(contextTokens) },
        ...(capabilities.vision ? { modalities: { image: true } } : {}),
      },
    };
    return {
      edits: [
        {
          path,
          format: 'json',
          changes: [
            { at: ['env', KEY_VARIABLE], value: keyOf(facts) },
            ...changesOf(['modelProviders', 'openai', { where: 'id', is: modelId }], entry),
            { at: ['security', 'auth', 'selectedType'], value: 'openai' },
            { at: ['model', 'name'], value: modelId },
            { at: ['fastModel'], value: modelId },
          ],
        },
      ],
      warnings: contextWarning(facts, qwen.title, PROMPT_TOKENS, outputTokensMax(contextTokens)),
      notes: ['OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL of the shell would win; leave them unset.'],
      command: 'qwen',
    };
  },
};
