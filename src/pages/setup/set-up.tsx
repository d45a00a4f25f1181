/** @jsxImportSource @kitajs/html */
/** The guide, rendered from the present state: the topic `setup`. */
import type { Clock } from '#src/clock.ts';
import type { FoundModel } from '#src/discovery/found-model.ts';
import type { DownloadView } from '#src/downloads/held.ts';
import type { FlowEvent } from '#src/events.ts';
import type { FragmentKey } from '#src/live/feed.ts';
import type { LiveTopic } from '#src/live/keep-live.ts';
import type { Model } from '#src/models/model.ts';
import { downloadRow, inOrder } from '#src/pages/library/download-rows.ts';
import type { EngineBoard } from '#src/pages/settings/engine-board.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import { markupOf } from '#src/web/markup.ts';
import { Partial } from '#views/parts/partial.tsx';
import { type AgentData, ConnectStep, type ConnectStepData, connectStepId } from '#views/setup/connect-step.tsx';
import { EngineStep, type EngineStepData, engineStepId } from '#views/setup/engine-step.tsx';
import { ModelStep, type ModelStepData, modelStepId } from '#views/setup/model-step.tsx';
import { type SetUpData, Times, timesId } from '#views/setup/page.tsx';
import type { Enquiry } from './enquiry.ts';
import type { FirstRun } from './first-run.ts';
import type { ModelPicks } from './picks.ts';
import {
  connectStep,
  engineStep,
  lineSpeed,
  localModels,
  modelStep,
  modelToConnect,
  pickData,
  timesText,
} from './present.ts';

/** What other programs have and the list has not. */
export type LocalFinds = readonly FoundModel[];

/** What the guide reads. */
export type SetUpSources = {
  readonly board: Pick<EngineBoard, 'kinds' | 'look'>;
  /** What an engine computes with. */
  readonly backendsOf: (executable: string) => readonly string[];
  readonly platform: NodeJS.Platform;
  readonly models: () => readonly Model[];
  /** Id of the default model; '' = none. */
  readonly defaultModel: () => string;
  readonly downloads: () => readonly DownloadView[];
  readonly lender: Pick<Lender, 'model'>;
  readonly firstRun: Pick<FirstRun, 'note' | 'milestones' | 'latest' | 'lineBytesPerS'>;
  readonly picks: Pick<Enquiry<ModelPicks>, 'look' | 'expire'>;
  readonly local: Pick<Enquiry<LocalFinds>, 'look' | 'expire'>;
  /** Agents, with the command that sets each up for a model. */
  readonly agents: (modelId: string) => readonly AgentData[];
  readonly budgetBytes: () => number;
  readonly clock: Pick<Clock, 'monotonicMs'>;
};

const KEYS: readonly FragmentKey[] = ['times', 'engine', 'model', 'connect'];
const NOTHING: readonly FragmentKey[] = [];
/** While there is no engine, somebody may be installing one beside Flow. */
const LOOK_INTERVAL_MS = 3_000;
/** Settings that other models follow from. */
const PICK_SETTINGS: ReadonlySet<string> = new Set(['hub_url', 'memory_limit_gb', 'memory_headroom_gb']);
const SETTLED: ReadonlySet<string> = new Set(['complete', 'cancelled']);

/** Shows the three steps. What is not known yet is asked for when somebody looks. */
export class SetUp implements LiveTopic {
  /** Engines and agents are set up by other programs too, which tell nobody. */
  readonly fadingKeys: readonly FragmentKey[] = ['engine', 'model', 'connect'];
  readonly #sources: SetUpSources;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(sources: SetUpSources) {
    this.#sources = sources;
  }

  /** Everything, for a whole page. */
  data(): SetUpData {
    const times = timesText(this.#sources.firstRun.milestones);
    return { engine: this.#engine(), model: this.#model(), connect: this.#connect(), times };
  }

  all(): readonly FragmentKey[] {
    return KEYS;
  }

  isAlone(): boolean {
    return true;
  }

  /** Which keys an event makes stale. Call it for every event, also while nobody looks: the first run is measured. */
  staleKeys(event: FlowEvent): readonly FragmentKey[] {
    const { firstRun, local, picks, board } = this.#sources;
    firstRun.note(event);
    switch (event.type) {
      case 'engine-install-changed':
        if (board.kinds().every(({ work }) => work === null || work.kind === 'failed')) void board.look();
        return ['engine', 'times'];
      case 'download-changed':
      case 'model-changed':
        return ['model', 'times'];
      case 'model-added':
      case 'model-removed':
        local.expire();
        return ['model', 'connect'];
      case 'request-changed':
        return ['connect', 'times'];
      case 'settings-changed':
        if (event.keys.some((key) => PICK_SETTINGS.has(key))) picks.expire();
        return ['engine', 'model', 'connect'];
      default:
        return NOTHING;
    }
  }

  render(key: FragmentKey): string {
    switch (key) {
      case 'times':
        return part(timesId, <Times times={timesText(this.#sources.firstRun.milestones)} />);
      case 'engine':
        return part(engineStepId, <EngineStep engine={this.#engine()} />);
      case 'model':
        return part(modelStepId, <ModelStep model={this.#model()} />);
      case 'connect':
        return part(connectStepId, <ConnectStep connect={this.#connect()} />);
      default:
        return '';
    }
  }

  #engine(): EngineStepData {
    const { board, backendsOf, firstRun, platform } = this.#sources;
    const [kind] = board.kinds();
    const chosen = kind?.engines.find(({ isChosen }) => isChosen) ?? null;
    if (chosen === null) this.#lookAgain();
    const seen = kind ?? { isSeen: false, engines: [], broken: [], work: null, fixedBy: null };
    return engineStep(seen, chosen ? backendsOf(chosen.executable) : [], firstRun.milestones, platform);
  }

  #lookAgain(): void {
    const { board, clock } = this.#sources;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lookedMs < LOOK_INTERVAL_MS) return;
    this.#lookedMs = nowMs;
    void board.look();
  }

  #model(): ModelStepData {
    const { downloads, models, firstRun, picks, local, clock, budgetBytes } = this.#sources;
    const views = downloads();
    const all = models();
    const isHere = (modelId: string): boolean => all.some(({ id }) => id === modelId);
    const speed = lineSpeed(views, firstRun.lineBytesPerS);
    const [offered, found] = [picks.look(), local.look()];
    return modelStep({
      models: all,
      milestones: firstRun.milestones,
      downloads: inOrder(views.filter(({ record }) => !SETTLED.has(record.state))).map((view) =>
        downloadRow(view, clock.monotonicMs(), isHere),
      ),
      picks:
        offered.phase === 'known'
          ? { phase: 'known', value: offered.answer.map((pick) => pickData(pick, all, views, speed)) }
          : offered,
      local: found.phase === 'known' ? { phase: 'known', value: localModels(found.answer) } : found,
      demo: this.#demo(all),
      budgetBytes: budgetBytes(),
    });
  }

  #demo(models: readonly Model[]): ModelStepData['demo'] {
    const demo = models.find(({ isDemo }) => isDemo);
    if (!demo) return 'absent';
    const { phase } = this.#sources.lender.model(demo.id).state;
    if (phase === 'ready') return 'ready';
    if (phase === 'starting') return 'loading';
    return this.#sources.firstRun.milestones.isDemoChosen ? 'chosen' : 'offered';
  }

  #connect(): ConnectStepData {
    const { models, defaultModel, agents, firstRun } = this.#sources;
    const modelId = modelToConnect(models(), defaultModel());
    const { milestones, latest } = firstRun;
    return connectStep({ modelId, agents: modelId === null ? [] : agents(modelId), milestones, latest });
  }
}

function part(target: string, safeMarkup: JSX.Element): string {
  return markupOf(
    <Partial target={target} swap="outerMorph">
      {safeMarkup}
    </Partial>,
  );
}
