/** @jsxImportSource @kitajs/html */
/** What the engine and Flow wrote while a request ran: a few lines, and the way to all of them. */
import { countText } from '../parts/quantity.tsx';

export type ExcerptLine = {
  readonly timeText: string;
  readonly source: string;
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly text: string;
};

export type LogExcerptData = {
  readonly first: readonly ExcerptLine[];
  /** Lines between the two that are not shown. */
  readonly left: number;
  readonly last: readonly ExcerptLine[];
  readonly href: string;
};

export function LogExcerpt({ excerpt }: { excerpt: LogExcerptData }): JSX.Element {
  const { first, left, last, href } = excerpt;
  return (
    <>
      {first.length === 0 ? (
        <p class="story__aside">Neither the engine nor Flow wrote a line then, or they are no longer kept.</p>
      ) : (
        <ol class="excerpt" tabindex="0" aria-label="Lines of the logs">
          {first.map((line) => (
            <Line line={line} />
          ))}
          {left === 0 ? '' : <li class="excerpt__gap" safe>{`… ${countText(left)} more`}</li>}
          {last.map((line) => (
            <Line line={line} />
          ))}
        </ol>
      )}
      <p>
        <a href={href}>The logs of that moment</a>
      </p>
    </>
  );
}

function Line({ line: { timeText, source, level, text } }: { line: ExcerptLine }): JSX.Element {
  return (
    <li class="excerpt__line" data-level={level}>
      <span class="excerpt__time" safe>
        {timeText}
      </span>
      <span class="excerpt__source" safe>
        {source}
      </span>
      {level === 'error' || level === 'warning' ? <span class="excerpt__level">{level}</span> : ''}
      <span class="excerpt__text" safe>
        {text}
      </span>
    </li>
  );
}
