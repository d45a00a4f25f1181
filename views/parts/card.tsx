/** @jsxImportSource @kitajs/html */
/** A panel with a heading. */
import type { Children } from '@kitajs/html';

export type CardProps = {
  readonly id: string;
  readonly title: string;
  readonly children: Children;
  /** Beside the heading. */
  readonly aside?: Children;
};

export function Card({ id, title, aside, children }: CardProps): JSX.Element {
  return (
    <section class="card" id={id} aria-labelledby={`${id}-title`}>
      <header class="card__head">
        <h2 class="card__title" id={`${id}-title`} safe>
          {title}
        </h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
