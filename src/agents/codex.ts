/** Codex CLI: a provider of its own in config.toml, over `/v1/responses`. */
import { join } from 'node:path';
import type { Agent } from './agent.ts';
import { compactAtTokens, contextWarning, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

const PROMPT_TOKENS = 10_000;
/** Flow sends a heartbeat while a model loads; a prompt of a hundred thousand tokens may still take its time. */
const IDLE_TIMEOUT_MS = 600_000;

/** Codex CLI. */
export const codex: Agent = {
  name: 'codex',
  title: 'Codex CLI',
  program: 'codex',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const path = join(facts.environment.CODEX_HOME || join(facts.home, '.codex'), 'config.toml');
    const { contextTokens, modelId } = facts;
    const provider = {
      name: 'Flow',
      base_url: `${facts.baseUrl}/v1`,
      wire_api: 'responses',
      ...(facts.apiKey === null ? {} : { experimental_bearer_token: facts.apiKey }),
      stream_idle_timeout_ms: IDLE_TIMEOUT_MS,
    };
    return {
      edits: [
        {
          path,
          format: 'toml',
          changes: [
            ...changesOf([], {
              model: modelId,
              model_provider: 'flow',
              model_context_window: contextTokens,
              model_auto_compact_token_limit: compactAtTokens(contextTokens),
              // It would ask OpenAI's own search, which no other provider has.
              web_search: 'disabled',
            }),
            ...changesOf(['model_providers', 'flow'], provider),
          ],
        },
      ],
      warnings: [
        ...contextWarning(facts, codex.title, PROMPT_TOKENS, outputTokensMax(contextTokens)),
        ...(/^gpt-[56]/i.test(modelId)
          ? [`Codex sends other tools to names like ${modelId}; give the model an alias of its own.`]
          : []),
      ],
      notes: ['Other providers in the file stay: codex -c model_provider=openai -m MODEL uses one for once.'],
      command: 'codex',
    };
  },
};
