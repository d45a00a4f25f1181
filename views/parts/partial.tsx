/** @jsxImportSource @kitajs/html */
/** A fragment that says where it belongs; several may travel in one answer or one live message. */
import type { Children } from '@kitajs/html';

/** How a fragment takes its place. */
export type Swap = 'outerMorph' | 'innerMorph' | 'innerHTML' | 'beforeend' | 'delete';

export type PartialProps = { readonly target: string; readonly swap: Swap; readonly children: Children };

export function Partial({ target, swap, children }: PartialProps): JSX.Element {
  return (
    <tag of="hx-partial" hx-target={`#${target}`} hx-swap={swap}>
      {children}
    </tag>
  );
}
