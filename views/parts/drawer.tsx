/** @jsxImportSource @kitajs/html */
/**
 * A panel at the side for one thing of the page. The layout holds one empty `<dialog>`; whatever is loaded into it
 * opens it (`public/js/dialogs.js`), Escape and the button close it, and focus returns to where it was.
 */
import type { Children } from '@kitajs/html';

export const drawerId = 'drawer';

export function Drawer({ title, children }: { title: string; children: Children }): JSX.Element {
  return (
    <article class="drawer__body" aria-labelledby="drawer-title">
      <header class="drawer__head">
        <h2 class="drawer__title" id="drawer-title" tabindex="-1" safe>
          {title}
        </h2>
        <button class="button button--quiet" type="button" data-closes="drawer">
          Close
        </button>
      </header>
      {children}
    </article>
  );
}
