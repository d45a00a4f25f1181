/** Rows of the request table for tests: a plain completed request, changed where a test says so. */
import type { NewRequestRow } from '#src/store/schema.ts';

export function requestRow(changes: Partial<NewRequestRow> = {}): NewRequestRow {
  return {
    requestId: 'aaaaaaaaaaaa',
    modelId: 'tiny',
    wantedModel: 'tiny',
    route: '/v1/chat/completions',
    dialect: 'chat',
    client: 'curl',
    isStream: true,
    engine: 'llama.cpp',
    engineVersion: 'b1',
    startedAtMs: 1_700_000_000_000,
    endedAtMs: 1_700_000_001_000,
    outcome: 'completed',
    termination: '--',
    errorKind: null,
    errorMessage: null,
    finishReason: 'stop',
    queueMs: 1,
    loadMs: 0,
    ttftMs: 100,
    engineTtftMs: 90,
    durationMs: 1000,
    inputTokens: 10,
    cachedTokens: 4,
    outputTokens: 20,
    thinkingTokens: null,
    prefillTokensPerS: 100,
    decodeTokensPerS: 30,
    repairs: [],
    parameters: null,
    ...changes,
  };
}
