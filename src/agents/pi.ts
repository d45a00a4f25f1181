/** pi: a provider in models.json, and the choice of it in settings.json. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { type Change, changesOf } from './document.ts';
import { modelRow } from './model-row.ts';

const PROMPT_TOKENS = 2_500;
/** What it keeps of a conversation when it compacts, and what it sets aside for an answer, unless it is told. */
const KEPT_TOKENS = 20_000;
const RESERVED_TOKENS = 16_384;

/** pi. */
export const pi: Agent = {
  name: 'pi',
  title: 'pi',
  program: 'pi',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const folder = facts.environment.PI_CODING_AGENT_DIR || join(facts.home, '.pi', 'agent');
    const { modelId, contextTokens } = facts;
    const provider = { name: 'Flow', baseUrl: `${facts.baseUrl}/v1`, api: 'openai-completions', apiKey: keyOf(facts) };
    return {
      edits: [
        {
          path: join(folder, 'models.json'),
          format: 'json',
          changes: [
            ...changesOf(['providers', 'flow'], provider),
            ...changesOf(['providers', 'flow', 'models', { where: 'id', is: modelId }], modelRow(facts)),
          ],
        },
        {
          path: join(folder, 'settings.json'),
          format: 'json',
          changes: [
            { at: ['defaultProvider'], value: 'flow' },
            { at: ['defaultModel'], value: modelId },
            ...compaction(facts),
          ],
        },
      ],
      warnings: contextWarning(facts, pi.title, PROMPT_TOKENS, outputTokensMax(contextTokens)),
      notes: [],
      command: 'pi',
    };
  },
};

/** Its own numbers are for large contexts: in a small one it would keep more than there is room for. */
function compaction({ modelId, contextTokens }: AgentFacts): Change[] {
  if (contextTokens >= 2 * (KEPT_TOKENS + RESERVED_TOKENS)) return [];
  return changesOf(['compaction', 'modelOverrides', `flow/${modelId}`], {
    reserveTokens: outputTokensMax(contextTokens),
    keepRecentTokens: Math.floor(contextTokens / 4),
  });
}
