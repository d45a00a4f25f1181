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
import { Ticking } from '../parts/ticking.tsx';
import { waitWords } from './wait-words.ts';

export type RequestRowData = {
  readonly id: string;
  /** Who asks: the client's name, else the route. */
  readonly who: string;
  readonly route: string;
  readonly stage: RequestStage;
  /** Since it arrived. */
  readonly elapsedS: number;
  readonly wait: Wait | null;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly prefillRatio: number | null;
  readonly outputTokens: number;
  readonly tokensPerS: number | null;
  readonly ttftMs: number | null;
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

export function RequestRow({ request }: { request: RequestRowData }): JSX.Element {
  const isOver = request.stage === 'completed' || request.stage === 'failed' || request.stage === 'cancelled';
  return (
    <li class="request" id={requestRowId(request.id)} data-stage={request.stage}>
      <span class="request__who" title={request.route} safe>
        {request.who}
      </span>
      <StageBadge stage={request.stage} />
      <div class="request__now">
        <Now request={request} />
      </div>
      <span class="request__facts" safe>
        {factsText(request)}
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
  switch (request.stage) {
    case 'queued':
    case 'loading':
      return <span safe>{request.wait === null ? 'about to start' : waitWords(request.wait)}</span>;
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
  return (
    <span class="request__tokens">
      <Odometer value={request.outputTokens} /> <span>{request.outputTokens === 1 ? 'token' : 'tokens'}</span>
      {request.tokensPerS === null ? (
        ''
      ) : (
        <span class="request__rate" safe>
          {rateText(request.tokensPerS)}
        </span>
      )}
    </span>
  );
}

function Prefill({ request }: { request: RequestRowData }): JSX.Element {
  const { prefillRatio, promptTokens, cachedTokens } = request;
  if (prefillRatio === null || promptTokens === null) {
    return <Progress label={`Prompt of ${request.who}`} ratio={null} />;
  }
  const cachedRatio = promptTokens > 0 ? (cachedTokens ?? 0) / promptTokens : 0;
  return (
    <span class="request__prefill">
      <Progress label={`Prompt of ${request.who}`} ratio={prefillRatio} givenRatio={cachedRatio} />
      <span safe>{`${percentText(prefillRatio)} of ${tokensText(promptTokens)}`}</span>
    </span>
  );
}

function factsText({ stage, promptTokens, cachedTokens, ttftMs, repairs }: RequestRowData): string {
  const cached = cachedTokens ? ` (${countText(cachedTokens)} cached)` : '';
  return [
    promptTokens === null ? null : `${countText(promptTokens)} ${stage === 'prefilling' ? 'to read' : 'read'}${cached}`,
    ttftMs === null ? null : `first token ${elapsedText(ttftMs)}`,
    repairs.length === 0 ? null : `mended: ${repairs.join(', ')}`,
  ]
    .filter((fact) => fact !== null)
    .join(' · ');
}
