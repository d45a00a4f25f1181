// Which records count as measurements of speed. What is derived from them is in hub/fit.test.ts.
import { expect, test } from 'bun:test';
import { Fault } from '#src/faults.ts';
import type { ModelFacts } from '#src/models/facts.ts';
import { EMPTY_CONFIG, type Model } from '#src/models/model.ts';
import { measuredSpeeds } from '#src/requests/measured-speeds.ts';
import type { RecordTotals } from '#src/requests/telemetry.ts';

const MODEL: Model = {
  id: 'here',
  name: 'here',
  format: 'gguf',
  path: '/models/here.gguf',
  hfId: null,
  endpoint: null,
  quantization: null,
  sizeBytes: 5e9,
  trainedContextTokens: null,
  capabilities: { tools: false, thinking: false, vision: false, embedding: false },
  aliases: [],
  isDemo: false,
  isManaged: false,
  config: EMPTY_CONFIG,
  createdAtMs: 0,
  updatedAtMs: 0,
};
const SPEEDS: Readonly<Record<string, number>> = { here: 42, gone: 7, demo: 9_000, apple: 50, elsewhere: 60 };
const facts = { architecture: 'llama' } as ModelFacts;

test('counts models that answered and can still be read; neither the demo, nor what is served elsewhere', () => {
  const models = [
    MODEL,
    { ...MODEL, id: 'silent' },
    { ...MODEL, id: 'gone', path: '/models/gone.gguf' },
    { ...MODEL, id: 'demo', isDemo: true },
    { ...MODEL, id: 'apple', format: 'mlx' as const },
    { ...MODEL, id: 'elsewhere', path: '' },
  ];
  const found = measuredSpeeds({
    models: () => models,
    telemetry: {
      totals: ({ modelId, outcome }) =>
        ({ meanTokensPerS: outcome === 'completed' ? (SPEEDS[modelId ?? ''] ?? null) : 1 }) as RecordTotals,
    },
    headers: {
      factsOf(path) {
        if (path.includes('gone')) throw new Fault('not-found', 'It is gone.');
        return facts;
      },
    },
  });
  expect(found).toEqual([
    { modelId: 'here', tokensPerS: 42, weightsBytes: 5e9, facts },
    { modelId: 'apple', tokensPerS: 50, weightsBytes: 5e9, facts },
  ]);
});
