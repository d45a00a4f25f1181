/** @jsxImportSource @kitajs/html */
/** One step of the guide: its number, whether it is done, how long that took, and what to do. */
import type { Children } from '@kitajs/html';
import { Badge, type Tone } from '../parts/badge.tsx';
import type { IconName } from '../parts/icon.tsx';
import { elapsedText } from '../parts/quantity.tsx';

/** `open`: it is the reader's turn. */
export type StepState = 'open' | 'working' | 'done' | 'failed';

export type StepProps = {
  readonly id: string;
  readonly number: number;
  readonly title: string;
  readonly state: StepState;
  /** The state in a word or two. */
  readonly word: string;
  /** How long it took; null when nobody measured it. */
  readonly tookMs: number | null;
  readonly children: Children;
};

export const STEP_LOOKS: Readonly<Record<StepState, { readonly icon: IconName; readonly tone: Tone }>> = {
  open: { icon: 'idle', tone: 'quiet' },
  working: { icon: 'loading', tone: 'waiting' },
  done: { icon: 'done', tone: 'live' },
  failed: { icon: 'failed', tone: 'danger' },
};

export function Step({ id, number, title, state, word, tookMs, children }: StepProps): JSX.Element {
  return (
    <li class="step" id={id} data-state={state}>
      <section class="step__card" aria-labelledby={`${id}-title`}>
        <header class="step__head">
          <span class="step__number" aria-hidden="true" safe>
            {String(number)}
          </span>
          <h2 class="step__title" id={`${id}-title`} safe>
            {title}
          </h2>
          <span class="step__state" role="status">
            <Badge {...STEP_LOOKS[state]} word={word} />
          </span>
          {tookMs === null ? (
            ''
          ) : (
            <span class="step__took" safe>
              {elapsedText(tookMs)}
            </span>
          )}
        </header>
        {children}
      </section>
    </li>
  );
}
