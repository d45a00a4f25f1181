/** @jsxImportSource @kitajs/html */
/** What is done more rarely, behind one button. It closes when something else is clicked (`public/js/dialogs.js`). */
import type { Children } from '@kitajs/html';

export function Menu({ label, children }: { label: string; children: Children }): JSX.Element {
  return (
    <details class="menu">
      <summary class="button button--quiet" aria-label={label}>
        ⋯
      </summary>
      <div class="menu__items">{children}</div>
    </details>
  );
}
