/** @jsxImportSource @kitajs/html */
/** The list of models, rendered from the present state, and which of it an event makes stale. */
import type { Clock } from '#src/clock.ts';
import type { FlowEvent } from '#src/events.ts';
import { Fault } from '#src/faults.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Footprint, LaunchSettings, Model } from '#src/models/model.ts';
import type { Presence } from '#src/models/presence.ts';
import { downloadsCount } from '#src/pages/library/downloads-count.tsx';
import type { ModelUsage } from '#src/requests/model-usage.ts';
import type { FleetModel, Lender } from '#src/scheduling/lease.ts';
import { markupOf } from '#src/web/markup.ts';
import type { MineFilter } from '#views/models/filter.tsx';
import type { MineData } from '#views/models/list.tsx';
import { mineStampId } from '#views/models/page.tsx';
import { ModelRow, type ModelRowData, modelRowId } from '#views/models/row.tsx';
import { Trial, type TrialData, trialId } from '#views/models/trial.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { familiesOf, filterRows } from './filter.ts';
import { type Known, modelRow } from './present.ts';

export type MineSources = {
  readonly models: () => readonly Model[];
  readonly lender: Pick<Lender, 'snapshot'>;
  readonly fleetModel: (modelId: string) => FleetModel;
  readonly presence: Pick<Presence, 'of'>;
  /** What a load would take; may throw a Fault. */
  readonly needOf: (model: Model) => Footprint;
  readonly launchOf: (model: Model) => LaunchSettings;
  /** Whether it runs on another version of its engine than it would be started with now. */
  readonly isEngineReplaced: (modelId: string) => boolean;
  readonly usages: () => ReadonlyMap<string, ModelUsage>;
  /** End of a model's last request as far as records go; null when none tells. */
  readonly lastUseOf: (modelId: string) => number | null;
  /** Days that records are kept. */
  readonly recordDays: () => number;
  /** The newest lines that a model's engine has written, oldest first. */
  readonly linesOf: (modelId: string) => readonly string[];
  /** Downloads under way. */
  readonly underWay: () => number;
  readonly clock: Clock;
};

/** So long unused that the room may be worth more. */
const UNUSED_DAYS = 60;
const STAMP: FragmentKey = 'stamp';
const DOWNLOADS: FragmentKey = 'downloads';
const MODEL_PREFIX = 'model:';
const TRIAL_PREFIX = 'trial:';
/** Trials whose log is followed; what began before that is shown when its state changes. */
const TRIALS_MAX = 20;
const NOTHING: readonly FragmentKey[] = [];

/** The topic `models`, and the data of its page. */
export class Mine implements LiveTopic {
  readonly fadingKeys = NOTHING;
  readonly #sources: MineSources;
  /** Models that somebody has tried to load from the form, the latest last. */
  readonly #tried = new Set<string>();

  constructor(sources: MineSources) {
    this.#sources = sources;
  }

  /** Everything that a filter lets through. */
  data(filter: MineFilter): MineData {
    const models = this.#sources.models();
    const all = models.map((model) => this.row(model));
    const rows = filterRows(all, filter);
    const unused = all.filter(({ isLongUnused }) => isLongUnused);
    return {
      filter,
      rows,
      families: filter.group === 'family' ? familiesOf(rows) : null,
      unused: {
        count: unused.length,
        bytes: unused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        days: this.#unusedDays(),
      },
      total: models.length,
      totalBytes: models.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      stamp: this.#stamp(),
      downloads: this.#sources.underWay(),
    };
  }

  /** One model as the list shows it. */
  row(model: Model): ModelRowData {
    const { clock } = this.#sources;
    return modelRow(this.known(model), { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
  }

  /** Follows the load of a model with the last lines of its log. */
  trial(model: Model): TrialData {
    this.#tried.delete(model.id);
    this.#tried.add(model.id);
    const [oldest] = this.#tried;
    if (this.#tried.size > TRIALS_MAX && oldest !== undefined) this.#tried.delete(oldest);
    return this.#trial(model);
  }

  #trial(model: Model): TrialData {
    const { id, name, doing } = this.row(model);
    return { id, name, doing, lines: this.#sources.linesOf(id) };
  }

  /** What is known of a model now. */
  known(model: Model): Known {
    const { fleetModel, presence, launchOf, isEngineReplaced, usages } = this.#sources;
    return {
      model,
      fleetModel: fleetModel(model.id),
      missing: presence.of(model.id),
      need: this.#needOrNull(model),
      launch: launchOf(model),
      isEngineReplaced: isEngineReplaced(model.id),
      usage: usages().get(model.id) ?? null,
      lastUsedAtMs: this.#sources.lastUseOf(model.id),
      unusedDays: this.#unusedDays(),
    };
  }

  /** Nothing is claimed about a time of which there are no records. */
  #unusedDays(): number {
    return Math.min(UNUSED_DAYS, this.#sources.recordDays());
  }

  all(): readonly FragmentKey[] {
    const trials = [...this.#tried].map((id) => `${TRIAL_PREFIX}${id}`);
    return [STAMP, DOWNLOADS, ...this.#sources.models().map(({ id }) => `${MODEL_PREFIX}${id}`), ...trials];
  }

  isAlone(): boolean {
    return true;
  }

  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    switch (event.type) {
      case 'model-changed':
        return [`${MODEL_PREFIX}${event.modelId}`, STAMP, ...this.#trialOf(event.modelId)];
      case 'log-line':
        // Nothing else of the list has to do with logs, and what runs writes much.
        return this.#isLoading(event.source) ? this.#trialOf(event.source) : NOTHING;
      case 'model-added':
      case 'model-removed':
        return [STAMP];
      case 'request-removed':
        return [`${MODEL_PREFIX}${event.modelId}`];
      case 'download-changed':
        return [DOWNLOADS];
      case 'memory-changed':
        return this.#held();
      case 'settings-changed':
        return this.all();
      default:
        return NOTHING;
    }
  }

  render(key: FragmentKey): string {
    if (key === DOWNLOADS) return downloadsCount(this.#sources.underWay());
    if (key === STAMP) {
      const safeStamp = this.#stamp();
      return markupOf(
        <Partial target={mineStampId} swap="innerHTML">
          {safeStamp}
        </Partial>,
      );
    }
    const isTrial = key.startsWith(TRIAL_PREFIX);
    const modelId = key.slice((isTrial ? TRIAL_PREFIX : MODEL_PREFIX).length);
    const model = this.#sources.models().find(({ id }) => id === modelId);
    if (!model) return '';
    if (isTrial) {
      return markupOf(
        <Partial target={trialId(modelId)} swap="outerMorph">
          <Trial trial={this.#trial(model)} />
        </Partial>,
      );
    }
    return markupOf(
      <Partial target={modelRowId(modelId)} swap="outerMorph">
        <ModelRow model={this.row(model)} />
      </Partial>,
    );
  }

  #trialOf(modelId: string): readonly FragmentKey[] {
    return this.#tried.has(modelId) ? [`${TRIAL_PREFIX}${modelId}`] : NOTHING;
  }

  #isLoading(modelId: string): boolean {
    return this.#tried.has(modelId) && this.#sources.fleetModel(modelId).state.phase === 'starting';
  }

  #held(): readonly FragmentKey[] {
    const { models } = this.#sources.lender.snapshot();
    return models.filter(({ reserved }) => reserved !== null).map(({ modelId }) => `${MODEL_PREFIX}${modelId}`);
  }

  /** The same for lists with the same rows in the same states: only what filters and orders see of them. */
  #stamp(): string {
    const { models, fleetModel, presence } = this.#sources;
    const seen = models().map(({ id, name, updatedAtMs }) => [
      ...[id, name, updatedAtMs, fleetModel(id).state.phase],
      presence.of(id) !== null,
    ]);
    return Bun.hash(JSON.stringify(seen)).toString(36);
  }

  /** A file that is gone or damaged is told when it is loaded; a list only leaves the number out. */
  #needOrNull(model: Model): Footprint | null {
    if (model.endpoint !== null) return null;
    try {
      return this.#sources.needOf(model);
    } catch (cause) {
      if (cause instanceof Fault) return null;
      throw cause;
    }
  }
}
