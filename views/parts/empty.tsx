/** @jsxImportSource @kitajs/html */
/** Nothing here yet: why, and what to do about it. */
import type { Children } from '@kitajs/html';

export function Empty({ title, children }: { title: string; children: Children }): JSX.Element {
  return (
    <div class="empty">
      <svg class="empty__wave" viewBox="0 0 240 32" aria-hidden="true" focusable="false">
        <path d="M0 16h60q7 0 10-9t7 9 6 9 7-9h24q7 0 10-5t7 5 6 5 7-5h96" />
      </svg>
      <p class="empty__title" safe>
        {title}
      </p>
      {children}
    </div>
  );
}
