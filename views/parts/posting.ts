/** What a form needs so that it works with htmx, and without any script as well. */
import { noticeId } from './notice.tsx';

export type Posting = {
  /** Id of what the answer replaces; none = `/live` or the partials of the answer show the result. */
  readonly target?: string;
  readonly swap?: 'outerMorph' | 'innerMorph' | 'innerHTML' | 'outerHTML' | 'beforeend';
};

const TO_NOTICE = `target:#${noticeId} swap:beforeend`;

/** The attributes of a form that posts to an address: refusals are told in the notices. */
export function postsTo(address: string, { target, swap }: Posting = {}): Readonly<Record<string, string>> {
  return {
    method: 'post',
    action: address,
    'hx-post': address,
    // Never the form itself: when `/live` has taken it away before the answer is here, htmx would drop the answer, and
    // with it the way to undo, or the reason of a refusal.
    'hx-target': `#${target ?? noticeId}`,
    'hx-swap': target === undefined ? 'none' : (swap ?? 'outerMorph'),
    'hx-status:4xx': TO_NOTICE,
    'hx-status:5xx': TO_NOTICE,
  };
}

/** The attributes of what loads a part of a page when it is activated. */
export function loadsFrom(address: string, { target, swap }: Required<Posting>): Readonly<Record<string, string>> {
  return {
    'hx-get': address,
    'hx-target': `#${target}`,
    'hx-swap': swap,
    'hx-status:4xx': TO_NOTICE,
    'hx-status:5xx': TO_NOTICE,
  };
}
