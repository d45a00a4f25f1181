/** Claude Code. Its `env` in the user's settings.json reaches every way of starting it, also from an editor. */
import { join } from 'node:path';
import type { Agent, AgentFacts } from './agent.ts';
import { contextWarning, keyOf, outputTokensMax } from './budget.ts';
import { changesOf } from './document.ts';

/** Its prompt with all tools listed at once; without, the list would change in the midst of a conversation. */
const PROMPT_TOKENS = 20_000;
/** It compacts when so many tokens, and an answer, are left. */
const COMPACTION_RESERVE_TOKENS = 13_000;
/** Of an answer's length it sets no more than this aside. */
const OUTPUT_RESERVE_TOKENS_MAX = 20_000;
/** A smaller window for compaction is not believed; then the context alone decides. */
const COMPACT_WINDOW_TOKENS_MIN = 100_000;
const TIERS = ['OPUS', 'SONNET', 'HAIKU', 'FABLE'] as const;
const TIMEOUT_MS = 3_600_000;

/** Claude Code, over `/v1/messages`. */
export const claude: Agent = {
  name: 'claude',
  title: 'Claude Code',
  program: 'claude',
  promptTokens: PROMPT_TOKENS,
  plan(facts) {
    const folder = facts.environment.CLAUDE_CONFIG_DIR || join(facts.home, '.claude');
    const path = join(folder, 'settings.json');
    const reserved = COMPACTION_RESERVE_TOKENS + Math.min(outputTokens(facts), OUTPUT_RESERVE_TOKENS_MAX);
    const isClaudeName = facts.modelId.toLowerCase().startsWith('claude-');
    return {
      edits: [{ path, format: 'json', changes: changesOf(['env'], variables(facts)) }],
      warnings: [
        ...contextWarning(facts, claude.title, PROMPT_TOKENS, reserved),
        ...(isClaudeName
          ? [`Claude Code ignores the context of names that begin with "claude-"; give ${facts.modelId} an alias.`]
          : []),
      ],
      notes: [
        'Every model tier and subagent uses this model, so that no second one is swapped in.',
        'In auto mode it asks a model about each tool call, with a prompt of some 36k tokens; ' +
          '"permissions": {"defaultMode": "acceptEdits"} avoids that. Flow changes no permissions by itself.',
        'A variable of the shell with the same name, or settings of the project, win over this file.',
      ],
      command: 'claude',
    };
  },
};

const outputTokens = ({ contextTokens }: AgentFacts): number => outputTokensMax(contextTokens);

function variables(facts: AgentFacts): Readonly<Record<string, string>> {
  const { modelId, contextTokens } = facts;
  return {
    ANTHROPIC_BASE_URL: facts.baseUrl,
    ANTHROPIC_AUTH_TOKEN: keyOf(facts),
    // A real key from elsewhere must not reach Flow beside the token.
    ANTHROPIC_API_KEY: '',
    ANTHROPIC_MODEL: modelId,
    ...Object.fromEntries(TIERS.map((tier) => [`ANTHROPIC_DEFAULT_${tier}_MODEL`, modelId])),
    ANTHROPIC_SMALL_FAST_MODEL: modelId,
    CLAUDE_CODE_SUBAGENT_MODEL: modelId,
    CLAUDE_CODE_AUTO_MODE_MODEL: modelId,
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(contextTokens),
    ...(contextTokens >= COMPACT_WINDOW_TOKENS_MIN ? { CLAUDE_CODE_AUTO_COMPACT_WINDOW: String(contextTokens) } : {}),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(outputTokens(facts)),
    // Its line with the version differs from session to session, and nothing behind it could be reused.
    CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    ENABLE_TOOL_SEARCH: 'false',
    API_TIMEOUT_MS: String(TIMEOUT_MS),
  };
}
