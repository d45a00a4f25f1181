/** @jsxImportSource @kitajs/html */
/** What the models' pages answer to an action: with scripts a notice and parts, without them the page again. */
import type { Shell } from '#src/web/shell.tsx';
import { ActionButton, type ActionProps } from '#views/parts/button.tsx';
import { drawerId } from '#views/parts/drawer.tsx';
import { Notice, type NoticeTone, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';

/** A notice, with one more thing to do or none. */
export type Told = {
  readonly tone: NoticeTone;
  readonly message: string;
  readonly hint?: string | null;
  readonly action?: ActionProps;
};

/** Whether htmx asks, which puts parts in their places. */
export function isFragment(request: Request): boolean {
  return request.headers.has('hx-request');
}

/** A notice as part of an answer. */
export function NoticePartial({ tone, message, hint, action }: Told): JSX.Element {
  return (
    <Partial target={noticeId} swap="beforeend">
      <Notice tone={tone} message={message} hint={hint ?? null}>
        {action ? <ActionButton {...action} /> : ''}
      </Notice>
    </Partial>
  );
}

/** Closes the drawer as part of an answer. */
export function DrawerClosed(): JSX.Element {
  return (
    <Partial target={drawerId} swap="innerHTML">
      {''}
    </Partial>
  );
}

/** The parts for htmx; for a browser without scripts the way back to where it can see what came of it. */
export function answered(shell: Shell, request: Request, parts: JSX.Element, back: string, status = 200): Response {
  if (isFragment(request)) return shell.fragment(parts, { status });
  return shell.fragment('', { status: 303, headers: { location: back } });
}
