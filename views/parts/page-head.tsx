/** @jsxImportSource @kitajs/html */
/** The top of a page: its one heading, a sentence about its state, and what can be done with all of it. */
import type { Children } from '@kitajs/html';

export type PageHeadProps = {
  readonly title: string;
  /** Beside the heading: buttons, filters. */
  readonly children?: Children;
};

export function PageHead({ title, children }: PageHeadProps): JSX.Element {
  return (
    <header class="page-head">
      <h1 class="page-head__title" safe>
        {title}
      </h1>
      <div class="page-head__aside">{children}</div>
    </header>
  );
}
