/** @jsxImportSource @kitajs/html */
/** Requests that ended lately: how, after how long, and why when it was not as it should be. */
import { Card } from '../parts/card.tsx';
import { elapsedText, pluralText, rateText } from '../parts/quantity.tsx';
import { RequestLink, StageBadge } from './request-row.tsx';

export type RecentData = {
  readonly id: string;
  readonly who: string;
  readonly model: string;
  readonly stage: 'completed' | 'failed' | 'cancelled';
  readonly outputTokens: number;
  readonly tokensPerS: number | null;
  readonly tookMs: number;
  /** Why it failed, or who cancelled it in which phase; null when it completed. */
  readonly why: string | null;
};

export const recentId = 'recent';

/** Entries have no ids of their own: a new one changes what they say instead of pushing them down the page. */
export function Recent({ requests }: { requests: readonly RecentData[] }): JSX.Element {
  return (
    <Card id={recentId} title="Recently">
      {requests.length === 0 ? (
        <p class="recent__none">No request has ended since Flow started.</p>
      ) : (
        <ol class="recent">
          {requests.map((request) => (
            <li class="recent__one" data-stage={request.stage}>
              <StageBadge stage={request.stage} />
              <RequestLink id={request.id} kind="recent" text={`${request.who} → ${request.model}`} />
              <span class="recent__what" safe>
                {whatText(request)}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

function whatText({ outputTokens, tokensPerS, tookMs, why }: RecentData): string {
  return [
    why?.replace(/\.$/, '') ?? null,
    outputTokens > 0 ? pluralText(outputTokens, 'token') : null,
    tokensPerS === null ? null : rateText(tokensPerS),
    elapsedText(tookMs),
  ]
    .filter((part) => part !== null)
    .join(' · ');
}
