/** Where one request is told, and the ids of its parts. */
import { domKey } from '../parts/dom-key.ts';
import { drawerId } from '../parts/drawer.tsx';
import { loadsFrom } from '../parts/posting.ts';

/** The page of one request; asked for by htmx, it is a drawer. */
export const requestPath = (requestId: string): string => `/requests/${encodeURIComponent(requestId)}`;

/** What is shown of it, as one part that is renewed while the request runs. */
export const storyId = (requestId: string): string => `story-${domKey(requestId)}`;

/** The attributes of a link that opens a request in the drawer, and its page without scripts or in another tab. */
export function opensRequest(requestId: string): Readonly<Record<string, string>> {
  const address = requestPath(requestId);
  return { href: address, ...loadsFrom(address, { target: drawerId, swap: 'innerHTML' }) };
}
