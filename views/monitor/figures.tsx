/** @jsxImportSource @kitajs/html */
/** How busy Flow is, in a few numbers. */
import { countText, durationText, rateText } from '../parts/quantity.tsx';

export type FiguresData = {
  readonly tokensPerS: number;
  readonly active: number;
  readonly waiting: number;
  /** How long the first in the queue has waited; null when nobody waits. */
  readonly longestWaitS: number | null;
  readonly swaps: number;
  readonly loaded: number;
  readonly heldBytes: number;
};

export const figuresId = 'figures';

/** Below it nothing is generated: the mean over the last seconds only fades. */
export const RATE_MIN = 0.1;

export function Figures({ figures }: { figures: FiguresData }): JSX.Element {
  const { longestWaitS } = figures;
  return (
    <dl class="figures" id={figuresId}>
      <Figure label="Speed" value={speedText(figures.tokensPerS)} />
      <Figure label="Active" value={countText(figures.active)} />
      <Figure
        label="Queue"
        value={
          longestWaitS === null
            ? countText(figures.waiting)
            : `${countText(figures.waiting)} · ${durationText(longestWaitS)}`
        }
      />
      <Figure label="Swaps" value={countText(figures.swaps)} />
    </dl>
  );
}

/** A machine at rest has no speed. */
function speedText(tokensPerS: number): string {
  return tokensPerS < RATE_MIN ? '–' : rateText(tokensPerS);
}

function Figure({ label, value }: { label: string; value: string }): JSX.Element {
  return (
    <div class="figures__one">
      <dt safe>{label}</dt>
      <dd safe>{value}</dd>
    </div>
  );
}
