/** @jsxImportSource @kitajs/html */
/**
 * Bars that say how much: drawn as SVG, because a width in a style attribute would be refused by our own policy. Kinds
 * differ by pattern as well as by colour: a dashed line over the part, slanted by the style sheet.
 */
import { percentText } from './quantity.tsx';

/** One part of a whole. Parts come in order and sum to at most 1. */
export type GaugePart = {
  readonly kind: string;
  readonly ratio: number;
  /** Shown to who points at it; the same must stand beside the bar. */
  readonly words?: string;
};

/** A bar of labelled parts; the words stand beside it, so it is hidden from screen readers. */
export function StackedGauge({ parts }: { parts: readonly GaugePart[] }): JSX.Element {
  let at = 0;
  return (
    <svg class="gauge" aria-hidden="true" focusable="false">
      {parts.map(({ kind, ratio, words }) => {
        const left = at;
        at += Math.max(0, ratio);
        return (
          <svg
            class="gauge__part"
            data-kind={kind}
            x={share(left)}
            y="0"
            width={share(Math.max(0, at - left))}
            height="100%"
            aria-hidden="true"
          >
            {words === undefined ? '' : <title safe>{words}</title>}
            <rect class="gauge__fill" width="100%" height="100%" />
            <line class="gauge__pattern" x1="-64" x2="4096" y1="50%" y2="50%" />
          </svg>
        );
      })}
    </svg>
  );
}

function share(ratio: number): string {
  return `${(ratio * 100).toFixed(2)}%`;
}

export type ProgressProps = {
  readonly label: string;
  /** 0 to 1; null when nobody knows. */
  readonly ratio: number | null;
  /** 0 to 1 of the same whole that came for free (the cached part of a prompt). */
  readonly givenRatio?: number;
};

/** How far something is. Without a number it only says that it is under way. */
export function Progress({ label, ratio, givenRatio = 0 }: ProgressProps): JSX.Element {
  const done = ratio === null ? 0 : Math.min(1, Math.max(0, ratio));
  const given = Math.min(done, Math.max(0, givenRatio));
  const value =
    ratio === null
      ? {}
      : {
          'aria-valuenow': Math.round(done * 100),
          'aria-valuemin': 0,
          'aria-valuemax': 100,
          'aria-valuetext': percentText(done),
        };
  return (
    <div class="progress" role="progressbar" aria-label={label} data-known={ratio === null ? 'no' : 'yes'} {...value}>
      <StackedGauge
        parts={[
          { kind: 'given', ratio: given },
          { kind: 'done', ratio: done - given },
        ]}
      />
    </div>
  );
}
