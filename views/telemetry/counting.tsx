/** @jsxImportSource @kitajs/html */
/** Stands for what is still being counted: how much it is, how far it is. Asks again each second, until it is there. */
import { Progress } from '../parts/gauge.tsx';
import { loadsFrom } from '../parts/posting.ts';

export type CountingData = {
  /** `Counting about 612,000 requests`. */
  readonly title: string;
  /** What they are of. */
  readonly words: string;
  /** 0 to 1; null when nobody knows. */
  readonly ratio: number | null;
  /** The same page as a fragment. */
  readonly address: string;
  /** The whole page once all is counted, for those without scripts. */
  readonly wholeHref: string;
};

export const countingId = 'telemetry-counting';

/** Takes the place of `target`, the page, as soon as there is more to say. What goes wrong is told here. */
export function Counting({ counting, target }: { counting: CountingData; target: string }): JSX.Element {
  const inPlace = `target:#${countingId} swap:innerHTML`;
  return (
    <section class="empty telemetry-counting" aria-label="Counting">
      <div class="telemetry-counting__state" id={countingId}>
        <div
          class="telemetry-counting__state"
          id={`${countingId}-state`}
          aria-busy="true"
          {...loadsFrom(counting.address, { target, swap: 'outerMorph' })}
          {...{ 'hx-status:4xx': inPlace, 'hx-status:5xx': inPlace }}
          hx-trigger="load, every 1s"
          hx-sync="this:drop"
        >
          <p class="empty__title" role="status" safe>
            {counting.title}
          </p>
          <Progress label="Counted" ratio={counting.ratio} />
          <p safe>{counting.words}</p>
          <noscript>
            <a href={counting.wholeHref}>Show the page when they are counted</a>
          </noscript>
        </div>
      </div>
      <a class="button telemetry-counting__again" href={counting.wholeHref}>
        Try again
      </a>
    </section>
  );
}
