/** @jsxImportSource @kitajs/html */
/** One request from its arrival to its end: where its time went, what it was, what was mended, and how to ask again. */
import type { RequestStage } from '#src/requests/request.ts';
import { StageBadge } from '../monitor/request-row.tsx';
import { ActionButton } from '../parts/button.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { drawerId } from '../parts/drawer.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { requestPath, storyId } from './addresses.ts';
import { LogExcerpt, type LogExcerptData } from './log-excerpt.tsx';
import { type ParameterData, ParameterTable } from './parameters.tsx';

export type StoryPart = {
  readonly kind: 'queued' | 'load' | 'prefill' | 'generate';
  readonly label: string;
  /** 0 to 1 of the whole. */
  readonly ratio: number;
  readonly text: string;
};

export type Fact = { readonly name: string; readonly value: string };

/** Something that was mended; its texts are null where they were not kept. */
export type MendedData = { readonly note: string; readonly before: string | null; readonly after: string | null };

export type StoryData = {
  readonly requestId: string;
  readonly title: string;
  readonly stage: RequestStage;
  readonly isRunning: boolean;
  /** What it waits for, how far it is, or who ended it and when; null when there is nothing to add to the stage. */
  readonly now: string | null;
  readonly error: string | null;
  /** What may help; null where nothing useful is known. */
  readonly help: string | null;
  readonly tookText: string;
  readonly parts: readonly StoryPart[];
  readonly facts: readonly Fact[];
  readonly tokens: readonly Fact[];
  /** Null when it was not recorded, or nothing is sampled for such a request. */
  readonly parameters: readonly ParameterData[] | null;
  readonly mended: readonly MendedData[];
  readonly curl: string;
  readonly log: LogExcerptData;
  /** Where it was asked, when that was Flow's own chat and is still kept. */
  readonly chat: { readonly href: string; readonly rawHref: string } | null;
};

const WIDTH = 1000;

/** The whole story; while the request runs it comes anew by itself. */
export function Story({ story }: { story: StoryData }): JSX.Element {
  return (
    <div class="story" id={storyId(story.requestId)} data-stage={story.stage}>
      {story.isRunning ? <Renewal requestId={story.requestId} /> : ''}
      <Head story={story} />
      <Timeline parts={story.parts} tookText={story.tookText} isRunning={story.isRunning} />
      <div class="story__columns">
        <section class="story__column" aria-label="The request">
          <h3 class="story__title">Request</h3>
          <Facts facts={story.facts} />
        </section>
        <section class="story__column" aria-label="Tokens">
          <h3 class="story__title">Tokens</h3>
          {story.tokens.length === 0 ? <p class="story__aside">None were counted.</p> : <Facts facts={story.tokens} />}
        </section>
      </div>
      <h3 class="story__title">Parameters in effect</h3>
      <ParameterTable parameters={story.parameters} />
      <h3 class="story__title">Changed and mended</h3>
      <Mended mended={story.mended} />
      <h3 class="story__title">Logs of that moment</h3>
      <LogExcerpt excerpt={story.log} />
      {story.chat === null ? '' : <FromChat {...story.chat} />}
      <h3 class="story__title">Ask the same way</h3>
      <Copyable text={story.curl} label="the command" />
      <p class="story__aside">What was said is not recorded, so the message stands for yours.</p>
      <h3 class="story__title">Request id</h3>
      <Copyable text={story.requestId} label="the request id" />
    </div>
  );
}

/** What stands where a request was that nobody knows any more: Flow ended before it could be recorded. */
export function LostStory({ requestId }: { requestId: string }): JSX.Element {
  return (
    <div class="story" id={storyId(requestId)}>
      <p class="story__error">Flow was ended while this request ran, so nothing more is known of it.</p>
    </div>
  );
}

const UNMOVED_BY_TROUBLE = { 'hx-status:4xx': 'swap:none', 'hx-status:5xx': 'swap:none' };

/** A story that does not come, because Flow is away or the session has ended, leaves the last one where it is. */
function Renewal({ requestId }: { requestId: string }): JSX.Element {
  return (
    <span
      id={`${storyId(requestId)}-renewal`}
      hidden
      hx-get={`${requestPath(requestId)}/story`}
      hx-trigger="every 1s"
      hx-target={`#${storyId(requestId)}`}
      hx-swap="outerMorph"
      {...UNMOVED_BY_TROUBLE}
    />
  );
}

function Head({ story }: { story: StoryData }): JSX.Element {
  const { stage, now, error, help, isRunning, requestId } = story;
  return (
    <>
      <div class="story__end">
        <StageBadge stage={stage} />
        {now === null ? '' : <span safe>{now}</span>}
        {isRunning ? (
          <ActionButton
            action={`${requestPath(requestId)}/cancelling`}
            fields={{}}
            label="Cancel"
            description="Cancel this request"
            variant="danger"
          />
        ) : (
          ''
        )}
      </div>
      {error === null ? (
        ''
      ) : (
        <p class="story__error" safe>
          {error}
        </p>
      )}
      {help === null ? '' : <p safe>{help}</p>}
    </>
  );
}

function Facts({ facts }: { facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="story__facts">
      {facts.map(({ name, value }) => (
        <>
          <dt safe>{name}</dt>
          <dd safe>{value}</dd>
        </>
      ))}
    </dl>
  );
}

function Mended({ mended }: { mended: readonly MendedData[] }): JSX.Element {
  if (mended.length === 0) return <p class="story__aside">Nothing had to be changed or mended.</p>;
  return (
    <ul class="story__repairs">
      {mended.map(({ note, before, after }) => (
        <li>
          <span safe>{note}</span>
          {before === null || after === null ? (
            ''
          ) : (
            <details>
              <summary>Before and after</summary>
              <p class="story__aside">The model wrote</p>
              <pre class="story__text" tabindex="0" safe>
                {before === '' ? ' ' : before}
              </pre>
              <p class="story__aside">The client got</p>
              <pre class="story__text" tabindex="0" safe>
                {after === '' ? ' ' : after}
              </pre>
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}

function FromChat({ href, rawHref }: { href: string; rawHref: string }): JSX.Element {
  return (
    <p>
      {'Asked in Flow’s own chat: '}
      <a href={href}>the conversation</a>
      {', '}
      <a href={href} {...loadsFrom(rawHref, { target: drawerId, swap: 'innerHTML' })}>
        request and response as they were sent
      </a>
    </p>
  );
}

type TimelineProps = {
  readonly parts: readonly StoryPart[];
  readonly tookText: string;
  readonly isRunning: boolean;
};

function Timeline({ parts, tookText, isRunning }: TimelineProps): JSX.Element {
  let at = 0;
  return (
    <section class="story__timeline" aria-label="Where the time went">
      <svg
        class="story__bar"
        viewBox={`0 0 ${WIDTH} 20`}
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        {parts.map(({ kind, ratio }) => {
          const left = at;
          at += ratio * WIDTH;
          return (
            <rect
              class="story__part"
              data-kind={kind}
              x={left.toFixed(1)}
              y="0"
              width={Math.max(0, at - left).toFixed(1)}
              height="20"
            />
          );
        })}
      </svg>
      <dl class="story__times">
        {parts.map(({ kind, label, text }) => (
          <div>
            <dt>
              <svg class="story__sample" viewBox="0 0 10 10" aria-hidden="true" focusable="false">
                <rect class="story__part" data-kind={kind} width="10" height="10" />
              </svg>
              <span safe>{label}</span>
            </dt>
            <dd safe>{text}</dd>
          </div>
        ))}
        <div>
          <dt>{isRunning ? 'So far' : 'In all'}</dt>
          <dd safe>{tookText}</dd>
        </div>
      </dl>
    </section>
  );
}
