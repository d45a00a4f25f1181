/** @jsxImportSource @kitajs/html */
/** A sentence to a person: what happened and what may help. */
import type { Children } from '@kitajs/html';

export const noticeId = 'notice';

export type NoticeTone = 'info' | 'warning' | 'error';

export type NoticeProps = {
  readonly tone: NoticeTone;
  readonly message: string;
  readonly hint: string | null;
  /** One more thing to do, such as taking an action back. */
  readonly children?: Children;
};

export function Notice({ tone, message, hint, children }: NoticeProps): JSX.Element {
  return (
    <div class="notice" data-tone={tone} role={tone === 'error' ? 'alert' : 'status'} x-data="notice">
      <p class="notice__message" safe>
        {message}
      </p>
      {hint === null ? (
        ''
      ) : (
        <p class="notice__hint" safe>
          {hint}
        </p>
      )}
      <div class="notice__actions">
        {children}
        <button class="button button--quiet" type="button" x-on:click="close">
          Dismiss
        </button>
      </div>
    </div>
  );
}
