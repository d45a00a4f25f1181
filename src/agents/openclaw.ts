/** OpenClaw: a provider under `models.providers`, and the agents' default model. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { type Change, changesOf } from './document.ts';
import { modelRow } from './model-row.ts';

const PROMPT_TOKENS = 16_000;
const KEPT_TOKENS = 20_000;
/** Its own limit for one request is meant for clouds. */
const TIMEOUT_S = 3_600;

/** OpenClaw. */
export const openclaw: Agent = {
  name: 'openclaw',
  title: 'OpenClaw',
  program: 'openclaw',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const { modelId, contextTokens } = facts;
    return {
      edits: [
        {
          path: settingsFile(facts),
          format: 'json',
          changes: [
            { at: ['agents', 'defaults', 'model', 'primary'], value: `flow/${modelId}` },
            ...compaction(facts),
            // Models of other providers stay to be chosen.
            { at: ['models', 'mode'], value: 'merge', isDefault: true },
            ...changesOf(['models', 'providers', 'flow'], {
              baseUrl: `${facts.baseUrl}/v1`,
              apiKey: keyOf(facts),
              api: 'openai-completions',
              timeoutSeconds: TIMEOUT_S,
            }),
            ...changesOf(['models', 'providers', 'flow', 'models', { where: 'id', is: modelId }], modelRow(facts)),
          ],
        },
      ],
      warnings: contextWarning(facts, openclaw.title, PROMPT_TOKENS, outputTokensMax(contextTokens)),
      notes: ['A running OpenClaw gateway reads the file anew by itself.'],
      command: 'openclaw tui',
    };
  },
};

function settingsFile({ environment, home }: AgentFacts): string {
  if (environment.OPENCLAW_CONFIG_PATH) return environment.OPENCLAW_CONFIG_PATH;
  const folder = environment.OPENCLAW_STATE_DIR || join(environment.OPENCLAW_HOME || home, '.openclaw');
  return join(folder, 'openclaw.json');
}

function compaction({ contextTokens }: AgentFacts): Change[] {
  if (contextTokens >= 4 * KEPT_TOKENS) return [];
  return changesOf(['agents', 'defaults', 'compaction'], { keepRecentTokens: Math.floor(contextTokens / 4) });
}
