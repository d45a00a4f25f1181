/** Made-up records of requests, many at once. */
import type { Store } from '#src/store/open.ts';
import { type NewRequestRow, requests } from '#src/store/schema.ts';

const ROWS_PER_INSERT = 500;

/** One record with everything in it; tests change what they are about. */
export function recordRow(parts: Partial<NewRequestRow> = {}): NewRequestRow {
  return {
    requestId: 'aaaaaaaaaaaa',
    modelId: 'gemma',
    wantedModel: 'gemma',
    route: '/v1/messages',
    dialect: 'anthropic',
    client: 'claude-code',
    isStream: true,
    engine: 'llama.cpp',
    engineVersion: 'b11434',
    startedAtMs: 1_000,
    endedAtMs: 9_000,
    outcome: 'completed',
    termination: '--',
    errorKind: null,
    errorMessage: null,
    finishReason: 'stop',
    queueMs: 200,
    loadMs: null,
    ttftMs: 1_200,
    engineTtftMs: 1_000,
    durationMs: 8_000,
    inputTokens: 18_000,
    cachedTokens: 16_000,
    outputTokens: 400,
    thinkingTokens: null,
    prefillTokensPerS: 1_200,
    decodeTokensPerS: 44,
    repairs: [],
    parameters: null,
    ...parts,
  };
}

/** Adds records, one for each index. */
export function addRequests(store: Store, count: number, of: (index: number) => Partial<NewRequestRow>): void {
  for (let from = 0; from < count; from += ROWS_PER_INSERT) {
    const size = Math.min(ROWS_PER_INSERT, count - from);
    store
      .insert(requests)
      .values(Array.from({ length: size }, (_, index) => recordRow(of(from + index))))
      .run();
  }
}
