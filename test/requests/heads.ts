/** What the tests of this folder share. */
import type { Outcome, RequestHead } from '#src/requests/request.ts';

export const HEAD: RequestHead = {
  route: '/v1/chat/completions',
  dialect: 'chat',
  wantedModel: 'tiny',
  isStream: true,
  client: 'curl',
};

export function completed(outputTokens: number | null = null): Outcome {
  return {
    kind: 'completed',
    usage: { inputTokens: 12, cachedTokens: 3, outputTokens, thinkingTokens: null },
    timings: { prefillTokensPerS: null, decodeTokensPerS: null, prefillMs: null, decodeMs: null },
    finishReason: 'stop',
  };
}
