/** @jsxImportSource @kitajs/html */
/** One model: what it is doing, what it holds, who uses it, and what may be done about it. */
import { Badge, type Tone } from '../parts/badge.tsx';
import { ActionButton } from '../parts/button.tsx';
import { domKey } from '../parts/dom-key.ts';
import { Progress } from '../parts/gauge.tsx';
import type { IconName } from '../parts/icon.tsx';
import {
  bytesText,
  durationText,
  elapsedText,
  percentText,
  pluralText,
  rateText,
  tokensText,
} from '../parts/quantity.tsx';
import { Ticking } from '../parts/ticking.tsx';
import { RequestRow, type RequestRowData } from './request-row.tsx';
import { stageWords } from './wait-words.ts';
import { Wave } from './wave.tsx';

/** What a model is doing, with every time already counted. */
export type ModelDoing =
  | { readonly phase: 'idle' }
  | {
      readonly phase: 'starting';
      readonly stage: string;
      readonly ratio: number | null;
      readonly elapsedS: number;
      readonly usualS: number | null;
    }
  | {
      readonly phase: 'ready';
      readonly contextTokens: number;
      readonly slots: number;
      readonly inFlight: number;
      /** Until it unloads if it stays idle; null = not while things are as they are. */
      readonly unloadInS: number | null;
      /** Its last answers were all errors of its engine. */
      readonly isMisbehaving: boolean;
    }
  | {
      readonly phase: 'stopping';
      readonly why: string;
      /** Until it is ended by force, if it has not gone by then. */
      readonly forcedInS: number;
    }
  | {
      readonly phase: 'failed';
      readonly message: string;
      readonly hint: string | null;
      /** Until it may be tried again by itself; null = only on demand. */
      readonly retryInS: number | null;
      /** The engine's program does not run; another one may. */
      readonly isEngineAtFault: boolean;
      readonly tail: readonly string[];
    };

export type ModelCardData = {
  readonly id: string;
  readonly name: string;
  readonly format: string;
  readonly quantization: string | null;
  readonly sizeBytes: number;
  readonly isDemo: boolean;
  readonly isPinned: boolean;
  /** It runs otherwise than it would be started now: with other settings, or with an engine that was replaced. */
  readonly isOutdated: boolean;
  /** What it holds in memory; null when nothing or unknown. */
  readonly memory: { readonly bytes: number; readonly isMeasured: boolean } | null;
  readonly doing: ModelDoing;
  /** What was measured with it on this machine; null where nothing was. */
  readonly usual: {
    readonly tokensPerS: number | null;
    readonly firstTokenMs: number | null;
    readonly loadS: number | null;
  };
  /** Tokens of the largest conversation that it works on; null while it works on none, or nobody can tell. */
  readonly contextUsedTokens: number | null;
  /** Requests that wait for it. */
  readonly waiting: number;
  /** Since its last request; null when it served none. */
  readonly unusedS: number | null;
  /** Its requests, each in the lane that it keeps; null = an empty lane. */
  readonly lanes: readonly (RequestRowData | null)[];
  /** Tokens per second over the last minutes, oldest first: drawn while it has nothing to do. */
  readonly rates: readonly number[];
  /** Further requests that the list leaves out. */
  readonly moreRequests: number;
};

/** A card's address. */
export const modelCardId = (id: string): string => `model-${domKey(id)}`;
/** The address of its changing line. */
export const modelNowId = (id: string): string => `model-now-${domKey(id)}`;

type Look = { readonly word: string; readonly icon: IconName; readonly tone: Tone };

export function ModelCard({ model }: { model: ModelCardData }): JSX.Element {
  return (
    <article class="model" id={modelCardId(model.id)} data-phase={model.doing.phase} aria-label={model.name}>
      <header class="model__head">
        <h3 class="model__name" safe>
          {model.name}
        </h3>
        <Badge {...look(model.doing)} />
        <span class="model__actions">
          <Actions model={model} />
        </span>
      </header>
      <p class="model__facts">
        <Facts model={model} />
      </p>
      <ModelNow model={model} />
      {model.lanes.length === 0 ? '' : <Lanes model={model} />}
      {model.moreRequests === 0 ? '' : <p safe>{`and ${pluralText(model.moreRequests, 'more request')}`}</p>}
    </article>
  );
}

/** What it is at, or what it is like: one line that is always there. */
export function ModelNow({ model }: { model: ModelCardData }): JSX.Element {
  return (
    <div class="model__now" id={modelNowId(model.id)}>
      <Doing doing={model.doing} name={model.name} />
      <Usual model={model} />
    </div>
  );
}

/** As many lanes as it has slots, so that a request that comes or goes moves nothing else. */
function Lanes({ model: { id, name, doing, lanes, rates } }: { model: ModelCardData }): JSX.Element {
  const isAtRest = doing.phase === 'ready' && lanes.every((lane) => lane === null);
  return (
    <ol class="model__lanes" aria-label={`Requests for ${name}`}>
      {lanes.map((request, index) =>
        request === null ? (
          // With an id, so that an empty lane is never taken for the one beside it.
          <li class="lane" id={`lane-${domKey(id)}-${index}`} aria-hidden="true">
            {isAtRest && index === 0 ? <Wave wave={{ modelId: id, rates }} /> : ''}
          </li>
        ) : (
          <RequestRow request={request} />
        ),
      )}
    </ol>
  );
}

/** How a state is shown: word, icon and colour together. */
export function look(doing: ModelDoing): Look {
  switch (doing.phase) {
    case 'idle':
      return { word: 'not loaded', icon: 'idle', tone: 'quiet' };
    case 'starting':
      return { word: 'loading', icon: 'loading', tone: 'waiting' };
    case 'ready':
      if (doing.isMisbehaving) return { word: 'misbehaving', icon: 'failed', tone: 'danger' };
      return doing.inFlight > 0
        ? { word: 'working', icon: 'generating', tone: 'live' }
        : { word: 'ready', icon: 'ready', tone: 'live' };
    case 'stopping':
      return { word: 'unloading', icon: 'stopping', tone: 'waiting' };
    case 'failed':
      return { word: 'failed', icon: 'failed', tone: 'danger' };
  }
}

function Facts({ model }: { model: ModelCardData }): JSX.Element {
  const { doing, memory, quantization, unusedS } = model;
  const ready = doing.phase === 'ready' ? doing : null;
  const facts = [
    model.isDemo ? 'demo' : null,
    model.format.toUpperCase(),
    quantization,
    memory
      ? `${bytesText(memory.bytes)} in memory${memory.isMeasured ? '' : ' (estimated)'}`
      : `${bytesText(model.sizeBytes)} on disk`,
    ready ? `${ready.inFlight} of ${pluralText(ready.slots, 'slot')} busy` : null,
    model.waiting > 0 ? `${model.waiting} waiting` : null,
  ].filter((fact) => fact !== null);
  return (
    <>
      <span safe>{facts.join(' · ')}</span>
      {unusedS === null || (ready?.inFlight ?? 0) > 0 ? (
        ''
      ) : (
        <span class="model__idle">
          {ready === null ? ' · last used ' : ' · idle '}
          <Ticking direction="up" seconds={unusedS} />
          {ready === null ? ' ago' : ''}
        </span>
      )}
      {ready?.unloadInS == null ? (
        ''
      ) : (
        <span class="model__countdown">
          {' · unloads in '}
          <Ticking direction="down" seconds={ready.unloadInS} />
          {' if idle'}
        </span>
      )}
      {model.isPinned ? <span class="model__pin"> · pinned</span> : ''}
    </>
  );
}

/** Its context, and how fast it was on this machine; nothing while there is something more urgent to tell. */
function Usual({ model: { name, doing, usual, contextUsedTokens } }: { model: ModelCardData }): JSX.Element {
  if (doing.phase !== 'ready' && doing.phase !== 'idle') return '';
  const { tokensPerS, firstTokenMs, loadS } = usual;
  const words = [
    tokensPerS === null ? null : `usually ${rateText(tokensPerS)}`,
    firstTokenMs === null ? null : `first token ${elapsedText(firstTokenMs)} after it is asked`,
    doing.phase === 'ready' || loadS === null ? null : `loads in ${durationText(loadS)}`,
  ].filter((word) => word !== null);
  return (
    <>
      {doing.phase === 'ready' ? <Context name={name} total={doing.contextTokens} used={contextUsedTokens} /> : ''}
      <span class="model__usual" safe>
        {words.join(' · ')}
      </span>
    </>
  );
}

function Context({ name, total, used }: { name: string; total: number; used: number | null }): JSX.Element {
  if (used === null || total <= 0) return <span class="model__context" safe>{`context ${tokensText(total)}`}</span>;
  return (
    <span class="model__context">
      <Progress label={`Context of the longest conversation with ${name}`} ratio={used / total} />
      <span safe>{`context ${percentText(used / total)} of ${tokensText(total)}`}</span>
    </span>
  );
}

/** What a state has to tell beyond its name. */
export function Doing({ doing, name }: { doing: ModelDoing; name: string }): JSX.Element {
  switch (doing.phase) {
    case 'starting':
      return (
        <div class="model__loading">
          <Progress label={`Loading ${name}`} ratio={doing.ratio} />
          <span>
            <span safe>
              {doing.ratio === null
                ? stageWords(doing.stage)
                : `${stageWords(doing.stage)}, ${percentText(doing.ratio)}`}
            </span>
            {' · '}
            <Ticking direction="up" seconds={doing.elapsedS} />
            {doing.usualS === null ? '' : <span safe>{` · usually ${durationText(doing.usualS)}`}</span>}
          </span>
        </div>
      );
    case 'stopping':
      return (
        <p class="model__note">
          <span safe>{doing.why}</span>
          {' Forced in '}
          <Ticking direction="down" seconds={doing.forcedInS} />
          {', if it has not gone by then.'}
        </p>
      );
    case 'ready':
      if (!doing.isMisbehaving) return '';
      return <p class="model__note">Its last answers were all errors of its engine; unloading it starts it afresh.</p>;
    case 'failed':
      return (
        <div class="model__failure">
          <p class="model__failure-message" safe>
            {doing.message}
          </p>
          {doing.hint === null ? '' : <p safe>{doing.hint}</p>}
          {doing.isEngineAtFault ? <a href="/settings#engines">Choose an engine…</a> : ''}
          {doing.retryInS === null ? (
            ''
          ) : (
            <p>
              Tried again in <Ticking direction="down" seconds={doing.retryInS} /> when asked for.
            </p>
          )}
          {doing.tail.length === 0 ? (
            ''
          ) : (
            <details>
              <summary>Last lines of the engine</summary>
              <pre safe>{doing.tail.join('\n')}</pre>
            </details>
          )}
        </div>
      );
    default:
      return '';
  }
}

function Actions({ model }: { model: ModelCardData }): JSX.Element {
  const fields = { model: model.id };
  const { phase } = model.doing;
  const isUp = phase === 'ready' || phase === 'starting';
  return (
    <>
      {model.isOutdated ? (
        <ActionButton
          action="/models/restarting"
          fields={fields}
          label="Restart to apply"
          description={`Restart to apply what has changed since ${model.name} was loaded: its settings, or its engine`}
        />
      ) : (
        ''
      )}
      <ActionButton
        action="/monitor/pinning"
        fields={{ ...fields, pinned: model.isPinned ? 'no' : 'yes' }}
        label={model.isPinned ? 'Unpin' : 'Pin'}
        description={
          model.isPinned ? `Unpin ${model.name}: let it unload when idle` : `Pin ${model.name}: never unload it`
        }
        variant="quiet"
      />
      {isUp ? (
        <ActionButton
          action="/monitor/unloading"
          fields={fields}
          label={phase === 'starting' ? 'Stop' : 'Unload'}
          description={phase === 'starting' ? `Stop loading ${model.name}` : `Unload ${model.name}`}
          variant="danger"
        />
      ) : (
        <ActionButton
          action="/monitor/loading"
          fields={fields}
          label={phase === 'failed' ? 'Try again' : 'Load'}
          description={phase === 'failed' ? `Try again to load ${model.name}` : `Load ${model.name}`}
          variant="primary"
        />
      )}
    </>
  );
}
