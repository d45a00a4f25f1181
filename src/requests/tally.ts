/** Gathers figures, curves and groups of failures from records in one pass. Memory is bounded whatever comes. Pure. */
import type { Period, PeriodFilter, TallyRow } from './period.ts';

/** Sums of a period or of one part of it. Rates and percentiles are null where nothing was measured. */
export type PeriodFigures = {
  readonly requests: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly ttftP50Ms: number | null;
  readonly ttftP95Ms: number | null;
  readonly tokensPerSP50: number | null;
  readonly prefillTokensPerSP50: number | null;
  readonly queueP95Ms: number | null;
  /** Spent waiting for loads, by all requests together. */
  readonly loadMs: number;
};

export type PeriodBucket = PeriodFigures & {
  readonly fromMs: number;
  /** Median decode speed of each model that answered. */
  readonly speeds: ReadonlyMap<string, number>;
  /** Median speed at which each of them read its prompts. */
  readonly prefillSpeeds: ReadonlyMap<string, number>;
};

/** Requests that ended in the same way, for the same client. */
export type FailureGroup = {
  readonly termination: string;
  readonly errorKind: string | null;
  readonly client: string | null;
  readonly count: number;
  readonly medianMs: number;
  /** The middle half of the durations lies between these: close together means a limit. */
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly models: readonly string[];
  /** Null when no engine had counted the prompt. */
  readonly medianInputTokens: number | null;
  readonly lastAtMs: number;
  /** What the last of them was told; null when nothing. */
  readonly lastMessage: string | null;
};

export type PeriodTally = {
  readonly total: PeriodFigures;
  readonly buckets: readonly PeriodBucket[];
  /** Most frequent first; what did not complete. */
  readonly failures: readonly FailureGroup[];
  /** Of the period, before any filter. */
  readonly models: readonly string[];
  readonly clients: readonly string[];
  readonly routes: readonly string[];
  /** How requests ended that did not complete: codes of two letters, and kinds of faults. */
  readonly terminations: readonly string[];
  readonly errorKinds: readonly string[];
  /** Answers of each model that called tools; after the filter. */
  readonly toolAnswers: ReadonlyMap<string, number>;
  /** Answers of each model; after the filter. */
  readonly answers: ReadonlyMap<string, number>;
};

const NAMES_MAX = 100;
const GROUPS_MAX = 200;
const MODELS_PER_GROUP_MAX = 5;
/** Each step is 2 % above the last: closer than anybody reads a chart. */
const STEP = Math.log(1.02);
const NO_MODEL = 'no model';

/** Counts values in steps of 2 %, so that percentiles of any number of values cost the same. */
export class Spread {
  readonly #counts = new Map<number, number>();
  #count = 0;

  add(value: number): void {
    const step = value < 0.01 ? Number.MIN_SAFE_INTEGER : Math.round(Math.log(value) / STEP);
    this.#counts.set(step, (this.#counts.get(step) ?? 0) + 1);
    this.#count += 1;
  }

  /** Takes over what another has counted. */
  merge(other: Spread): void {
    for (const [step, count] of other.#counts) this.#counts.set(step, (this.#counts.get(step) ?? 0) + count);
    this.#count += other.#count;
  }

  /** The value that this share (0 to 1) of all values does not exceed, within 1 %; null without values. */
  at(share: number): number | null {
    if (this.#count === 0) return null;
    let left = Math.max(1, Math.ceil(share * this.#count));
    for (const [step, count] of [...this.#counts].sort(([one], [other]) => one - other)) {
      left -= count;
      if (left <= 0) return step === Number.MIN_SAFE_INTEGER ? 0 : Math.exp(step * STEP);
    }
    return null;
  }
}

/** One pass over the records of a period. */
export class Tally {
  readonly #period: Period;
  readonly #filter: PeriodFilter;
  readonly #buckets: readonly Sums[];
  readonly #groups = new Map<string, Group>();
  readonly #models = new Set<string>();
  readonly #clients = new Set<string>();
  readonly #routes = new Set<string>();
  readonly #terminations = new Set<string>();
  readonly #errorKinds = new Set<string>();
  readonly #toolAnswers = new Map<string, number>();
  readonly #answers = new Map<string, number>();

  constructor(period: Period, filter: PeriodFilter, buckets: number) {
    this.#period = period;
    this.#filter = filter;
    this.#buckets = Array.from({ length: buckets }, () => new Sums());
  }

  add(row: TallyRow): void {
    this.#noteNames(row);
    if (!this.#isMeant(row)) return;
    const [, startedAtMs, modelId, , outcome] = row;
    if (modelId !== null) {
      count(this.#answers, modelId);
      if (row[17]) count(this.#toolAnswers, modelId);
    }
    const { fromMs, untilMs } = this.#period;
    const place = Math.floor(((startedAtMs - fromMs) / (untilMs - fromMs)) * this.#buckets.length);
    this.#buckets[place]?.add(row);
    if (outcome !== 'completed') this.#group(row)?.add(row);
  }

  result(): PeriodTally {
    const { fromMs, untilMs } = this.#period;
    const width = (untilMs - fromMs) / this.#buckets.length;
    // Merged once instead of counted twice: a third of the time for a million records.
    const total = new Sums();
    for (const sums of this.#buckets) total.merge(sums);
    return {
      total: total.figures(),
      buckets: this.#buckets.map((sums, index) => ({
        ...sums.figures(),
        fromMs: fromMs + index * width,
        speeds: sums.speeds(),
        prefillSpeeds: sums.prefillSpeeds(),
      })),
      failures: [...this.#groups.values()].map((group) => group.result()).sort((one, other) => other.count - one.count),
      models: [...this.#models].sort(),
      clients: [...this.#clients].sort(),
      routes: [...this.#routes].sort(),
      terminations: [...this.#terminations].sort(),
      errorKinds: [...this.#errorKinds].sort(),
      toolAnswers: this.#toolAnswers,
      answers: this.#answers,
    };
  }

  /** What there is to choose from, before any filter. */
  #noteNames(row: TallyRow): void {
    const [, , modelId, client, outcome, termination, errorKind] = row;
    note(this.#models, modelId);
    note(this.#clients, client);
    note(this.#routes, row[16]);
    if (outcome === 'completed') return;
    note(this.#terminations, termination);
    note(this.#errorKinds, errorKind);
  }

  #isMeant(row: TallyRow): boolean {
    const [, , modelId, client, outcome, termination, errorKind] = row;
    const wanted = this.#filter;
    return (
      (wanted.modelId === null || wanted.modelId === modelId) &&
      (wanted.client === null || wanted.client === client) &&
      (wanted.outcome === null || wanted.outcome === outcome) &&
      (wanted.route === null || wanted.route === row[16]) &&
      (wanted.termination === null || wanted.termination === termination) &&
      (wanted.errorKind === null || wanted.errorKind === errorKind)
    );
  }

  #group([, , , client, , termination, errorKind]: TallyRow): Group | null {
    const key = JSON.stringify([termination, errorKind, client]);
    const known = this.#groups.get(key);
    if (known) return known;
    if (this.#groups.size >= GROUPS_MAX) return null;
    const group = new Group(termination, errorKind, client);
    this.#groups.set(key, group);
    return group;
  }
}

function note(names: Set<string>, name: string | null): void {
  if (name !== null && names.size < NAMES_MAX) names.add(name);
}

function count(counts: Map<string, number>, name: string): void {
  const known = counts.get(name);
  if (known !== undefined || counts.size < NAMES_MAX) counts.set(name, (known ?? 0) + 1);
}

class Sums {
  #requests = 0;
  #completed = 0;
  #failed = 0;
  #inputTokens = 0;
  #cachedTokens = 0;
  #outputTokens = 0;
  #loadMs = 0;
  readonly #ttft = new Spread();
  readonly #speed = new Spread();
  readonly #prefill = new Spread();
  readonly #queue = new Spread();
  readonly #speeds = new Map<string, Spread>();
  readonly #prefills = new Map<string, Spread>();

  add(row: TallyRow): void {
    const [, , modelId, , outcome, , , queueMs, loadMs, ttftMs, , input, cached, output, speed, prefill] = row;
    this.#requests += 1;
    if (outcome === 'completed') this.#completed += 1;
    if (outcome === 'failed') this.#failed += 1;
    this.#inputTokens += input ?? 0;
    this.#cachedTokens += cached ?? 0;
    this.#outputTokens += output ?? 0;
    this.#loadMs += loadMs ?? 0;
    if (ttftMs !== null) this.#ttft.add(ttftMs);
    if (queueMs !== null) this.#queue.add(queueMs);
    if (prefill !== null) {
      this.#prefill.add(prefill);
      spreadOf(this.#prefills, modelId ?? NO_MODEL)?.add(prefill);
    }
    if (speed === null) return;
    this.#speed.add(speed);
    spreadOf(this.#speeds, modelId ?? NO_MODEL)?.add(speed);
  }

  /** Takes over all but the speeds of each model, which nobody asks for over a whole period. */
  merge(other: Sums): void {
    this.#requests += other.#requests;
    this.#completed += other.#completed;
    this.#failed += other.#failed;
    this.#inputTokens += other.#inputTokens;
    this.#cachedTokens += other.#cachedTokens;
    this.#outputTokens += other.#outputTokens;
    this.#loadMs += other.#loadMs;
    this.#ttft.merge(other.#ttft);
    this.#speed.merge(other.#speed);
    this.#prefill.merge(other.#prefill);
    this.#queue.merge(other.#queue);
  }

  figures(): PeriodFigures {
    return {
      requests: this.#requests,
      completed: this.#completed,
      failed: this.#failed,
      cancelled: this.#requests - this.#completed - this.#failed,
      inputTokens: this.#inputTokens,
      cachedTokens: this.#cachedTokens,
      outputTokens: this.#outputTokens,
      ttftP50Ms: this.#ttft.at(0.5),
      ttftP95Ms: this.#ttft.at(0.95),
      tokensPerSP50: this.#speed.at(0.5),
      prefillTokensPerSP50: this.#prefill.at(0.5),
      queueP95Ms: this.#queue.at(0.95),
      loadMs: this.#loadMs,
    };
  }

  speeds(): ReadonlyMap<string, number> {
    return medians(this.#speeds);
  }

  prefillSpeeds(): ReadonlyMap<string, number> {
    return medians(this.#prefills);
  }
}

function spreadOf(spreads: Map<string, Spread>, modelId: string): Spread | null {
  const known = spreads.get(modelId);
  if (known) return known;
  if (spreads.size >= NAMES_MAX) return null;
  const spread = new Spread();
  spreads.set(modelId, spread);
  return spread;
}

function medians(spreads: ReadonlyMap<string, Spread>): ReadonlyMap<string, number> {
  return new Map([...spreads].map(([modelId, spread]) => [modelId, spread.at(0.5) ?? 0]));
}

class Group {
  readonly #head: Pick<FailureGroup, 'termination' | 'errorKind' | 'client'>;
  readonly #durations = new Spread();
  readonly #models = new Set<string>();
  readonly #inputs = new Spread();
  #count = 0;
  #lastAtMs = 0;
  #lastMessage: string | null = null;

  constructor(termination: string, errorKind: string | null, client: string | null) {
    this.#head = { termination, errorKind, client };
  }

  add(row: TallyRow): void {
    const [, startedAtMs, modelId, , , , , , , , durationMs, inputTokens] = row;
    this.#count += 1;
    this.#durations.add(durationMs);
    if (inputTokens !== null) this.#inputs.add(inputTokens);
    this.#lastAtMs = startedAtMs;
    this.#lastMessage = row[18] ?? this.#lastMessage;
    if (modelId !== null && this.#models.size < MODELS_PER_GROUP_MAX) this.#models.add(modelId);
  }

  result(): FailureGroup {
    return {
      ...this.#head,
      count: this.#count,
      medianMs: this.#durations.at(0.5) ?? 0,
      lowerMs: this.#durations.at(0.25) ?? 0,
      upperMs: this.#durations.at(0.75) ?? 0,
      models: [...this.#models].sort(),
      medianInputTokens: this.#inputs.at(0.5),
      lastAtMs: this.#lastAtMs,
      lastMessage: this.#lastMessage,
    };
  }
}
