/** Which models an engine is tried on: the user's own, and none that would not fit beside what runs. Pure. */
import type { Model } from '#src/models/model.ts';

/** A registered model that the engine could serve. */
export type Candidate = {
  readonly model: Model;
  /** What it would take with the settings of a trial; null when its file does not tell. */
  readonly needBytes: number | null;
  /** When it last answered (ms since 1970); null = not as far as is known. */
  readonly usedAtMs: number | null;
};

/** A model to try, and why this one, as a sentence. */
export type Choice = { readonly model: Model; readonly why: string };

/**
 * In the order in which they are to be tried: the wanted one, else the one used last, else the smallest; the demo
 * comes last. What does not fit into the free memory is left out, and the first choice says so. Empty when none fits.
 */
export function trialModels(
  candidates: readonly Candidate[],
  { wanted, freeBytes }: { readonly wanted: Model | null; readonly freeBytes: number },
): readonly Choice[] {
  const own = candidates.filter(({ model }) => !model.isDemo);
  const demos = candidates.filter(({ model }) => model.isDemo);
  const used = own.filter(({ usedAtMs }) => usedAtMs !== null).sort((a, b) => (b.usedAtMs ?? 0) - (a.usedAtMs ?? 0));
  const smallest = own.filter(({ usedAtMs }) => usedAtMs === null).sort(bySize);
  const first = candidates.filter(({ model }) => model.id === wanted?.id);
  const order = [...new Set([...first, ...used, ...smallest, ...demos])];
  const fitting = order.filter(({ needBytes }) => needBytes !== null && needBytes <= freeBytes);
  const [best] = fitting;
  if (!best) return [];
  const passedOver = order.slice(0, order.indexOf(best)).filter((each) => isWorthSaying(each, wanted, used));
  const why = [...passedOver.map((each) => leftOut(each, freeBytes)), reasonFor(best, wanted)].join(' ');
  return fitting.map((each) => ({ model: each.model, why: each === best ? why : reasonFor(each, wanted) }));
}

/** Why `trialModels` gave none, as a sentence. */
export function noModelWords(engineName: string, candidates: readonly Candidate[], freeBytes: number): string {
  const needs = candidates.flatMap(({ needBytes }) => needBytes ?? []);
  if (needs.length === 0) return `No model is here to try ${engineName} on.`;
  const least = gigabytes(Math.min(...needs));
  return `No model fits beside what runs now to try ${engineName} on: the least needs ${least}, ${gigabytes(freeBytes)} are free.`;
}

/** Large models that nobody asked for and nobody used are not worth a word. */
function isWorthSaying({ model }: Candidate, wanted: Model | null, used: readonly Candidate[]): boolean {
  return model.id === wanted?.id || model === used[0]?.model;
}

function leftOut({ model, needBytes }: Candidate, freeBytes: number): string {
  if (needBytes === null) return `${model.id} cannot be read.`;
  return `${model.id} needs ${gigabytes(needBytes)} and ${gigabytes(freeBytes)} are free now.`;
}

function reasonFor({ model, usedAtMs }: Candidate, wanted: Model | null): string {
  if (model.id === wanted?.id) return `${model.id} was asked for.`;
  if (model.isDemo) return `${model.id}, because no other model can be tried.`;
  if (usedAtMs !== null) return `${model.id} was used last.`;
  return `${model.id} is the smallest.`;
}

function bySize(a: Candidate, b: Candidate): number {
  return (a.needBytes ?? Number.POSITIVE_INFINITY) - (b.needBytes ?? Number.POSITIVE_INFINITY);
}

/** As people read it; what is less than nothing is nothing. */
export function gigabytes(bytes: number): string {
  return `${(Math.max(0, bytes) / 1e9).toFixed(1)} GB`;
}
