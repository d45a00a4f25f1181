/** @jsxImportSource @kitajs/html */
/** What happened beside the requests: the upright lines of the charts, and the same as a list. */
import { countText } from '../parts/quantity.tsx';

export type MarkLook = 'load' | 'unload' | 'crash' | 'change' | 'start';

export type MarksData = {
  /** Kinds that occur, with their places: 0 to 1 of the period. */
  readonly legend: readonly {
    readonly look: MarkLook;
    /** `3 loads`. */
    readonly text: string;
    readonly ratios: readonly number[];
  }[];
  /** Newest first; `part` is the part of the charts that it lies in. */
  readonly list: readonly { readonly look: MarkLook; readonly text: string; readonly part: number }[];
  /** How many older ones there are. */
  readonly hidden: number;
};

/** Under the charts: which line is what, and all of them in words. */
export function Marks({ marks }: { marks: MarksData }): JSX.Element {
  if (marks.list.length === 0) return '';
  return (
    <details class="marks" id="telemetry-marks">
      <summary class="marks__legend">
        <span>Marked in the charts</span>
        {marks.legend.map(({ look, text }) => (
          <span class="marks__look">
            <svg class="chart__sample" viewBox="0 0 24 8" aria-hidden="true" focusable="false">
              <path class="chart__mark" data-kind={look} d="M12 0V8" />
            </svg>
            <span safe>{text}</span>
          </span>
        ))}
      </summary>
      <ol class="marks__list">
        {marks.list.map(({ look, text, part }) => (
          <li data-kind={look} data-part={String(part)} safe>
            {text}
          </li>
        ))}
      </ol>
      {marks.hidden === 0 ? (
        ''
      ) : (
        <p class="telemetry__aside" safe>
          {`${countText(marks.hidden)} older ones are not shown; a shorter period shows its own.`}
        </p>
      )}
    </details>
  );
}
