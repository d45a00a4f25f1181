/** @jsxImportSource @kitajs/html */
/** The Monitor: memory, how busy Flow is, every model with its requests, and what ended lately. */
import { type PaceData, PaceTiles } from './figures.tsx';
import { FirstSteps } from './first-steps.tsx';
import { Memory, type MemoryData } from './memory.tsx';
import { ModelCard, type ModelCardData } from './model-card.tsx';
import { Recent, type RecentData } from './recent.tsx';
import { RequestRow, type RequestRowData } from './request-row.tsx';

export type MonitorData = {
  readonly memory: MemoryData | null;
  readonly pace: PaceData;
  readonly models: readonly ModelCardData[];
  /** Requests that no model has taken yet. */
  readonly arrivals: readonly RequestRowData[];
  readonly recent: readonly RecentData[];
  readonly hasDemo: boolean;
};

export const modelListId = 'models';
export const arrivalsId = 'arrivals';

export type MonitorPageProps = {
  readonly monitor: MonitorData;
  /** Where the reader found Flow, for examples to copy. */
  readonly origin: string;
  /** Whether a newcomer is to be led to the set-up. */
  readonly isFresh: boolean;
};

export function MonitorPage({ monitor, origin, isFresh }: MonitorPageProps): JSX.Element {
  return (
    <div class="monitor">
      <header class="monitor__head">
        <h1 class="monitor__title">Monitor</h1>
        <button
          class="button button--quiet monitor__wide"
          type="button"
          data-fills-screen
          aria-pressed="false"
          aria-keyshortcuts="f"
          hidden
        >
          Full screen
        </button>
      </header>
      <FirstSteps isShown={isFresh} hasDemo={monitor.hasDemo} origin={origin} />
      {monitor.memory === null ? '' : <Memory memory={monitor.memory} />}
      <PaceTiles pace={monitor.pace} />
      <ModelList models={monitor.models} />
      <Arrivals requests={monitor.arrivals} />
      <Recent requests={monitor.recent} />
    </div>
  );
}

export function ModelList({ models }: { models: readonly ModelCardData[] }): JSX.Element {
  return (
    <section class="models" id={modelListId} aria-labelledby="models-title">
      <h2 class="models__title" id="models-title">
        Models
      </h2>
      {models.length === 0 ? (
        <p class="models__none">No model yet: the steps below say how to add one.</p>
      ) : (
        models.map((model) => <ModelCard model={model} />)
      )}
    </section>
  );
}

export function Arrivals({ requests }: { requests: readonly RequestRowData[] }): JSX.Element {
  return (
    <ol class="arrivals" id={arrivalsId} aria-label="Requests on their way to a model">
      {requests.map((request) => (
        <RequestRow request={request} />
      ))}
    </ol>
  );
}
