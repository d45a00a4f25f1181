/** @jsxImportSource @kitajs/html */
/** One request from its arrival to its end: where its time went, what it was, what was mended, and how to ask again. */
import { Copyable } from '../parts/copyable.tsx';
import { OutcomeBadge, type OutcomeName } from './records.tsx';

export type StoryPart = {
  readonly kind: 'queue' | 'load' | 'prompt' | 'answer';
  readonly label: string;
  /** 0 to 1 of the whole. */
  readonly ratio: number;
  readonly text: string;
};

export type StoryData = {
  readonly title: string;
  readonly outcome: OutcomeName;
  /** Who ended it and when; null when it completed. */
  readonly endText: string | null;
  readonly error: string | null;
  readonly advice: string | null;
  readonly parts: readonly StoryPart[];
  readonly facts: readonly { readonly name: string; readonly value: string }[];
  readonly repairs: readonly string[];
  readonly curl: string;
  readonly logsHref: string;
};

const WIDTH = 1000;

export function Story({ story }: { story: StoryData }): JSX.Element {
  return (
    <div class="story">
      <p class="story__end">
        <OutcomeBadge outcome={story.outcome} />
        {story.endText === null ? '' : <span safe>{`by ${story.endText}`}</span>}
      </p>
      {story.error === null ? (
        ''
      ) : (
        <p class="story__error" safe>
          {story.error}
        </p>
      )}
      {story.advice === null ? '' : <p safe>{story.advice}</p>}
      <Timeline parts={story.parts} />
      <dl class="story__facts">
        {story.facts.map(({ name, value }) => (
          <>
            <dt safe>{name}</dt>
            <dd safe>{value}</dd>
          </>
        ))}
      </dl>
      <h3 class="story__title">Mended</h3>
      {story.repairs.length === 0 ? (
        <p class="telemetry__aside">Nothing had to be mended.</p>
      ) : (
        <ul class="story__repairs">
          {story.repairs.map((repair) => (
            <li safe>{repair}</li>
          ))}
        </ul>
      )}
      <h3 class="story__title">Ask the same way</h3>
      <Copyable text={story.curl} label="the command" />
      <p class="telemetry__aside">What was said is not recorded, so the message stands for yours.</p>
      <p>
        <a href={story.logsHref}>The logs of that moment</a>
      </p>
    </div>
  );
}

function Timeline({ parts }: { parts: readonly StoryPart[] }): JSX.Element {
  let at = 0;
  return (
    <>
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
      </dl>
    </>
  );
}
