/** Gathers figures, curves and groups of failures from records in one pass. Memory is bounded whatever comes. Pure. */
import type { Period, PeriodFilter } from './period.ts';
import { type Kind, type Kinds, type RecordColumns, STEPS, TIMES, TOKENS } from './record-columns.ts';
import { NO_STEP, Spread } from './spread.ts';

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
const NO_MODEL = 'no model';

/** A kind of records, and what a tally makes of it. */
type Meant = { readonly kind: Kind; readonly isMeant: boolean; readonly group: Group | null };

/** One pass over the records of a period, which come in the order of time. */
export class Tally {
  readonly #period: Period;
  readonly #filter: PeriodFilter;
  readonly #partMs: number;
  /** Of the part of the period that is being counted; used again for the next. */
  readonly #sums = new Sums();
  readonly #total = new Sums();
  readonly #buckets: PeriodBucket[] = [];
  readonly #bucketCount: number;
  readonly #groups = new Map<string, Group>();
  readonly #models = new Set<string>();
  readonly #clients = new Set<string>();
  readonly #routes = new Set<string>();
  readonly #terminations = new Set<string>();
  readonly #errorKinds = new Set<string>();
  readonly #toolAnswers = new Map<string, number>();
  readonly #answers = new Map<string, number>();
  #kinds: Kinds | null = null;
  #meant: (Meant | undefined)[] = [];
  #rows = 0;

  constructor(period: Period, filter: PeriodFilter, buckets: number) {
    this.#period = period;
    this.#filter = filter;
    this.#bucketCount = buckets;
    this.#partMs = (period.untilMs - period.fromMs) / buckets;
  }

  /** How many records of the period were looked at, whether they were meant or not. */
  get rows(): number {
    return this.#rows;
  }

  /** Counts those that lie in the period; none of them earlier than one that was counted before. */
  add(records: RecordColumns): void {
    const { times, codes, count: rows } = records;
    const { fromMs, untilMs } = this.#period;
    for (let row = 0; row < rows; row += 1) {
      const startedAtMs = times[row * TIMES] ?? 0;
      if (startedAtMs < fromMs) continue;
      if (startedAtMs >= untilMs) break;
      this.#rows += 1;
      const meant = this.#meantBy(records.kinds, codes[row] ?? 0);
      if (!meant.isMeant) continue;
      const { modelId, calledTools } = meant.kind;
      if (modelId !== null) {
        count(this.#answers, modelId);
        if (calledTools) count(this.#toolAnswers, modelId);
      }
      const place = Math.floor(((startedAtMs - fromMs) / (untilMs - fromMs)) * this.#bucketCount);
      while (this.#buckets.length < place) this.#endBucket();
      this.#sums.add(records, row, meant.kind);
      meant.group?.add(records, row, meant.kind);
    }
  }

  /** All of it; `messageOf` reads what somebody was told about a request that did not complete. */
  result(messageOf: (id: number) => string | null): PeriodTally {
    while (this.#buckets.length < this.#bucketCount) this.#endBucket();
    const groups = [...this.#groups.values()];
    return {
      total: this.#total.figures(),
      buckets: this.#buckets,
      failures: groups.map((group) => group.result(messageOf)).sort((one, other) => other.count - one.count),
      models: [...this.#models].sort(),
      clients: [...this.#clients].sort(),
      routes: [...this.#routes].sort(),
      terminations: [...this.#terminations].sort(),
      errorKinds: [...this.#errorKinds].sort(),
      toolAnswers: this.#toolAnswers,
      answers: this.#answers,
    };
  }

  #endBucket(): void {
    this.#buckets.push({
      ...this.#sums.figures(),
      fromMs: this.#period.fromMs + this.#buckets.length * this.#partMs,
      speeds: this.#sums.speeds(),
      prefillSpeeds: this.#sums.prefillSpeeds(),
    });
    // Merged once instead of counted twice: a third of the time for a million records.
    this.#total.merge(this.#sums);
    this.#sums.clear();
  }

  /** Asked for each record, answered once for each kind. */
  #meantBy(kinds: Kinds, code: number): Meant {
    if (this.#kinds !== kinds) {
      this.#kinds = kinds;
      this.#meant = [];
    }
    const known = this.#meant[code];
    if (known) return known;
    const kind = kinds.list[code] ?? NO_KIND;
    this.#noteNames(kind);
    const isMeant = this.#isMeant(kind);
    const group = isMeant && kind.outcome !== 'completed' ? this.#group(kind) : null;
    const meant = { kind, isMeant, group };
    this.#meant[code] = meant;
    return meant;
  }

  /** What there is to choose from, before any filter. */
  #noteNames({ modelId, client, route, outcome, termination, errorKind }: Kind): void {
    note(this.#models, modelId);
    note(this.#clients, client);
    note(this.#routes, route);
    if (outcome === 'completed') return;
    note(this.#terminations, termination);
    note(this.#errorKinds, errorKind);
  }

  #isMeant({ modelId, client, route, outcome, termination, errorKind }: Kind): boolean {
    const wanted = this.#filter;
    return (
      (wanted.modelId === null || wanted.modelId === modelId) &&
      (wanted.client === null || wanted.client === client) &&
      (wanted.outcome === null || wanted.outcome === outcome) &&
      (wanted.route === null || wanted.route === route) &&
      (wanted.termination === null || wanted.termination === termination) &&
      (wanted.errorKind === null || wanted.errorKind === errorKind)
    );
  }

  #group({ termination, errorKind, client }: Kind): Group | null {
    const key = JSON.stringify([termination, errorKind, client]);
    const known = this.#groups.get(key);
    if (known) return known;
    if (this.#groups.size >= GROUPS_MAX) return null;
    const group = new Group(termination, errorKind, client);
    this.#groups.set(key, group);
    return group;
  }
}

const NO_KIND: Kind = {
  modelId: null,
  client: null,
  outcome: '',
  termination: '',
  errorKind: null,
  route: '',
  calledTools: false,
  hasMessage: false,
};

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

  add({ times, tokens, steps }: RecordColumns, row: number, { modelId, outcome }: Kind): void {
    const at = row * STEPS;
    this.#requests += 1;
    if (outcome === 'completed') this.#completed += 1;
    if (outcome === 'failed') this.#failed += 1;
    this.#inputTokens += tokens[row * TOKENS] ?? 0;
    this.#cachedTokens += tokens[row * TOKENS + 1] ?? 0;
    this.#outputTokens += tokens[row * TOKENS + 2] ?? 0;
    this.#loadMs += times[row * TIMES + 2] ?? 0;
    const queue = steps[at] ?? NO_STEP;
    const ttft = steps[at + 1] ?? NO_STEP;
    const speed = steps[at + 4] ?? NO_STEP;
    const prefill = steps[at + 5] ?? NO_STEP;
    if (ttft !== NO_STEP) this.#ttft.addStep(ttft);
    if (queue !== NO_STEP) this.#queue.addStep(queue);
    if (prefill !== NO_STEP) {
      this.#prefill.addStep(prefill);
      spreadOf(this.#prefills, modelId ?? NO_MODEL)?.addStep(prefill);
    }
    if (speed === NO_STEP) return;
    this.#speed.addStep(speed);
    spreadOf(this.#speeds, modelId ?? NO_MODEL)?.addStep(speed);
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

  /** Forgets all it has counted. */
  clear(): void {
    this.#requests = 0;
    this.#completed = 0;
    this.#failed = 0;
    this.#inputTokens = 0;
    this.#cachedTokens = 0;
    this.#outputTokens = 0;
    this.#loadMs = 0;
    for (const spread of [this.#ttft, this.#speed, this.#prefill, this.#queue]) spread.clear();
    this.#speeds.clear();
    this.#prefills.clear();
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
  /** Of the last one that somebody was told anything about. */
  #lastToldId: number | null = null;

  constructor(termination: string, errorKind: string | null, client: string | null) {
    this.#head = { termination, errorKind, client };
  }

  add({ times, steps }: RecordColumns, row: number, { modelId, hasMessage }: Kind): void {
    const input = steps[row * STEPS + 3] ?? NO_STEP;
    this.#count += 1;
    this.#durations.addStep(steps[row * STEPS + 2] ?? 0);
    if (input !== NO_STEP) this.#inputs.addStep(input);
    this.#lastAtMs = times[row * TIMES] ?? 0;
    if (hasMessage) this.#lastToldId = times[row * TIMES + 1] ?? 0;
    if (modelId !== null && this.#models.size < MODELS_PER_GROUP_MAX) this.#models.add(modelId);
  }

  result(messageOf: (id: number) => string | null): FailureGroup {
    return {
      ...this.#head,
      count: this.#count,
      medianMs: this.#durations.at(0.5) ?? 0,
      lowerMs: this.#durations.at(0.25) ?? 0,
      upperMs: this.#durations.at(0.75) ?? 0,
      models: [...this.#models].sort(),
      medianInputTokens: this.#inputs.at(0.5),
      lastAtMs: this.#lastAtMs,
      lastMessage: this.#lastToldId === null ? null : messageOf(this.#lastToldId),
    };
  }
}
