/**
 * How fast a model will answer, from how fast others did on this machine. Telling a token reads the weights that are
 * active once, so speed × active bytes is a bandwidth that models of one machine share. Pure.
 */
import type { ModelFacts } from '#src/models/facts.ts';

/** What was measured of a model on this machine. */
export type MeasuredSpeed = {
  readonly modelId: string;
  /** While generating. */
  readonly tokensPerS: number;
  readonly weightsBytes: number;
  readonly facts: ModelFacts;
};

export type ExpectedSpeed = {
  readonly tokensPerS: number;
  /** The models it was derived from. */
  readonly from: readonly string[];
};

/** Below this a model's speed is set by other things than memory. */
const MEASURED_BYTES_MIN = 100e6;

/** The speed to expect; null without a measurement that says something. */
export function expectedSpeed(
  facts: ModelFacts,
  weightsBytes: number,
  measured: readonly MeasuredSpeed[],
): ExpectedSpeed | null {
  const telling = measured.filter((one) => one.weightsBytes >= MEASURED_BYTES_MIN && one.tokensPerS > 0);
  const bandwidths = telling
    .map((one) => one.tokensPerS * one.weightsBytes * activeRatio(one.facts))
    .sort((a, b) => a - b);
  const median = bandwidths[Math.floor((bandwidths.length - 1) / 2)];
  if (median === undefined || weightsBytes <= 0) return null;
  const tokensPerS = median / (weightsBytes * activeRatio(facts));
  return { tokensPerS: Math.round(tokensPerS * 10) / 10, from: telling.map(({ modelId }) => modelId) };
}

/** The share of the weights that one token reads: all, but of the experts only those it is sent to. */
export function activeRatio(facts: ModelFacts): number {
  const { embeddingLength: width, expertCount, expertUsedCount, expertFeedForwardLength, layers } = facts;
  if (expertCount <= 1 || expertUsedCount <= 0 || expertUsedCount >= expertCount) return 1;
  const expertWidth = expertFeedForwardLength || facts.feedForwardLength;
  const experts = layers.length * expertCount * 3 * width * expertWidth;
  const attention = layers.reduce((total, layer) => total + attentionParameters(facts, layer), 0);
  const others = attention + 2 * facts.vocabularySize * width;
  if (experts <= 0) return 1;
  return (others + experts * (expertUsedCount / expertCount)) / (others + experts);
}

function attentionParameters({ heads, embeddingLength }: ModelFacts, layer: ModelFacts['layers'][number]): number {
  const queries = heads * layer.keyLength;
  return embeddingLength * (2 * queries + layer.kvHeads * (layer.keyLength + layer.valueLength));
}
