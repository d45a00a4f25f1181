/** @jsxImportSource @kitajs/html */
/** One request's life as a row: queued → loading → prefilling → generating → sending → over. */
import type { RequestStage } from '#src/requests/request.ts';
import type { Wait } from '#src/scheduling/lease.ts';
import { Badge, type Tone } from '../parts/badge.tsx';
import { ActionButton } from '../parts/button.tsx';
import { domKey } from '../parts/dom-key.ts';
import { Progress } from '../parts/gauge.tsx';
import type { IconName } from '../parts/icon.tsx';
import { Odometer } from '../parts/odometer.tsx';
import { countText, elapsedText, percentText, rateText, tokensText } from '../parts/quantity.tsx';
import { Spark } from '../parts/spark.tsx';
import { Ticking } from '../parts/ticking.tsx';
import { opensRequest } from '../requests/addresses.ts';
import { waitWords } from './wait-words.ts';

export type RequestRowData = {
  readonly id: string;
  /** Who asks: the client's name, else the route. */
  readonly who: string;
  readonly route: string;
  readonly stage: RequestStage;
  /** Since it arrived. */
  readonly elapsedS: number;
  /** Models in it are called by their names. */
  readonly wait: Wait | null;
  /** Until what it waits for is tried again; null when it does not wait for that. */
  readonly retryInS: number | null;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly prefillRatio: number | null;
  /** Until its prompt is read, at the speed so far; null when nobody can tell. */
  readonly prefillLeftS: number | null;
  readonly outputTokens: number;
  readonly tokensPerS: number | null;
  readonly ttftMs: number | null;
  /** Of its model's context, what its conversation fills: 0 to 1; null when unknown. */
  readonly contextRatio: number | null;
  /** Tokens per second over the last half minute, oldest first. */
  readonly rates: readonly number[];
  readonly ratesMax: number;
  readonly repairs: readonly string[];
};

/** A row's address. */
export const requestRowId = (id: string): string => `request-${domKey(id)}`;

const STAGES: { readonly [Stage in RequestStage]: { word: string; icon: IconName; tone: Tone } } = {
  queued: { word: 'queued', icon: 'queued', tone: 'waiting' },
  loading: { word: 'loading', icon: 'loading', tone: 'waiting' },
  prefilling: { word: 'prefilling', icon: 'prefilling', tone: 'waiting' },
  generating: { word: 'generating', icon: 'generating', tone: 'live' },
  sending: { word: 'sending', icon: 'generating', tone: 'live' },
  completed: { word: 'done', icon: 'done', tone: 'live' },
  failed: { word: 'failed', icon: 'failed', tone: 'danger' },
  cancelled: { word: 'cancelled', icon: 'cancelled', tone: 'quiet' },
};

/** The badge of a stage. */
export function StageBadge({ stage }: { stage: RequestStage }): JSX.Element {
  return <Badge {...STAGES[stage]} />;
}

/** Opens a request's own story. `kind`: whose part of the style sheet it is. */
export function RequestLink({ id, kind, text }: { id: string; kind: 'request' | 'recent'; text: string }): JSX.Element {
  return (
    <a class={`${kind}__who`} title={text} data-walked {...opensRequest(id)} safe>
      {text}
    </a>
  );
}

export function RequestRow({ request }: { request: RequestRowData }): JSX.Element {
  const isOver = request.stage === 'completed' || request.stage === 'failed' || request.stage === 'cancelled';
  const facts = factsText(request);
  return (
    <li class="request" id={requestRowId(request.id)} data-stage={request.stage}>
      <RequestLink id={request.id} kind="request" text={request.who} />
      <StageBadge stage={request.stage} />
      <div class="request__now">
        <Now request={request} />
      </div>
      <span class="request__facts" title={facts} safe>
        {facts}
      </span>
      <span class="request__elapsed">
        {isOver ? (
          <span safe>{elapsedText(request.elapsedS * 1000)}</span>
        ) : (
          <Ticking direction="up" seconds={request.elapsedS} />
        )}
      </span>
      {isOver ? (
        ''
      ) : (
        <ActionButton
          action="/monitor/cancelling"
          fields={{ request: request.id }}
          label="Cancel"
          description={`Cancel the request of ${request.who}`}
          variant="danger"
        />
      )}
    </li>
  );
}

function Now({ request }: { request: RequestRowData }): JSX.Element {
  const { stage, wait } = request;
  switch (stage) {
    case 'queued':
    case 'loading':
      return (
        <span class="request__wait">
          <span safe>{wait === null ? 'about to start' : waitWords(wait)}</span>
          {request.retryInS === null ? (
            ''
          ) : (
            <>
              {' in '}
              <Ticking direction="down" seconds={request.retryInS} />
            </>
          )}
        </span>
      );
    case 'prefilling':
      return <Prefill request={request} />;
    case 'failed':
    case 'cancelled':
      return request.outputTokens === 0 ? <span>no token came</span> : <Tokens request={request} />;
    default:
      return <Tokens request={request} />;
  }
}

function Tokens({ request }: { request: RequestRowData }): JSX.Element {
  const { outputTokens, tokensPerS, rates, ratesMax } = request;
  return (
    <span class="request__tokens">
      <Odometer value={outputTokens} />
      <span class="request__unit">{outputTokens === 1 ? 'token' : 'tokens'}</span>
      <span class="request__rate" safe>
        {tokensPerS === null ? '' : rateText(tokensPerS)}
      </span>
      <Spark values={rates} count={ratesMax} top={Math.max(1, ...rates)} />
    </span>
  );
}

function Prefill({ request }: { request: RequestRowData }): JSX.Element {
  const { prefillRatio, promptTokens, cachedTokens, prefillLeftS, who } = request;
  if (prefillRatio === null || promptTokens === null) {
    return (
      <div class="request__prefill">
        <Progress label={`Prompt of ${who}`} ratio={null} />
        <span class="request__share">reading its prompt</span>
      </div>
    );
  }
  const cachedRatio = promptTokens > 0 ? (cachedTokens ?? 0) / promptTokens : 0;
  return (
    <div class="request__prefill">
      <Progress label={`Prompt of ${who}`} ratio={prefillRatio} givenRatio={cachedRatio} />
      <span class="request__share">
        <span safe>{`${percentText(prefillRatio)} of ${tokensText(promptTokens)}`}</span>
        {prefillLeftS === null ? (
          ''
        ) : (
          <>
            {' · '}
            <Ticking direction="down" seconds={prefillLeftS} />
            {' left'}
          </>
        )}
      </span>
    </div>
  );
}

function factsText({ stage, promptTokens, cachedTokens, ttftMs, contextRatio, repairs }: RequestRowData): string {
  const cached = cachedTokens ? ` (${countText(cachedTokens)} cached)` : '';
  return [
    promptTokens === null ? null : `${countText(promptTokens)} ${stage === 'prefilling' ? 'to read' : 'read'}${cached}`,
    contextRatio === null ? null : `${percentText(contextRatio)} of the context`,
    ttftMs === null ? null : `first token ${elapsedText(ttftMs)}`,
    repairs.length === 0 ? null : `mended: ${repairs.join(', ')}`,
  ]
    .filter((fact) => fact !== null)
    .join(' · ');
}
