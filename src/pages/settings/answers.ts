/** How the forms of the page are answered, with scripts and without. */
import type { Shell } from '#src/web/shell.tsx';

/** Whether htmx asks, and wants a part of the page. */
export function isFragment(request: Request): boolean {
  return request.headers.has('hx-request');
}

/** Without scripts the page is shown again. */
export function seeOther(shell: Shell, location: string): Response {
  return shell.fragment('', { status: 303, headers: { location } });
}

/** With scripts `/live` shows what comes of it. */
export function done(shell: Shell, request: Request, anchor: string): Response {
  return isFragment(request) ? new Response(null, { status: 204 }) : seeOther(shell, `/settings#${anchor}`);
}
