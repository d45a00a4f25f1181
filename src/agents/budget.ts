/** How an agent should divide a model's context: how much it may ask for at once, and when it should compact. */
import { Fault } from '#src/faults.ts';
import type { AgentFacts } from './agent.ts';

/** What agents are told in place of a key when Flow asks for none: most do not start without one. */
const KEY_PLACEHOLDER = 'flow-local';
const OUTPUT_TOKENS_MAX = 32_768;
const OUTPUT_TOKENS_MIN = 1_024;
/** A conversation shorter than this is compacted over and over. */
const CONVERSATION_TOKENS_MIN = 8_192;

/** The key to write where an agent insists on one. */
export const keyOf = ({ apiKey }: AgentFacts): string => apiKey ?? KEY_PLACEHOLDER;

/** The most tokens of one answer: a quarter of the context, since thinking counts too, and not more than agents use. */
export function outputTokensMax(contextTokens: number): number {
  return Math.min(OUTPUT_TOKENS_MAX, Math.max(OUTPUT_TOKENS_MIN, Math.floor(contextTokens / 4)));
}

/** The fill at which a conversation is to be compacted: an answer must still fit, and the summary's own request too. */
export function compactAtTokens(contextTokens: number): number {
  return Math.floor(contextTokens * 0.75);
}

/** A warning for a context in which the agent could not work well, with what helps; null when it is large enough. */
export function contextWarning(
  facts: AgentFacts,
  title: string,
  promptTokens: number,
  reservedTokens: number,
): string[] {
  const neededTokens = Math.ceil((promptTokens + reservedTokens + CONVERSATION_TOKENS_MIN) / 1024) * 1024;
  if (facts.contextTokens >= neededTokens) return [];
  return [
    `${title} needs a context of about ${neededTokens} tokens (its own prompt takes ${promptTokens}); ${facts.modelId} has ` +
      `${facts.contextTokens}. Give it more: set ctx_size in its configuration, or flow load ${facts.modelId} --ctx ` +
      `${neededTokens}; then connect again.`,
  ];
}

/** Throws Fault('invalid-request') for an address that agents could not use. */
export function checkedAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new Fault('invalid-request', `"${text}" is no address such as http://127.0.0.1:3377.`);
  }
  // Agents add what they need behind it.
  return text.replace(/\/+$/, '').replace(/\/v1$/, '');
}
