/** @jsxImportSource @kitajs/html */
/** Where questions are written. Enter sends, Shift and Enter begins a line, Escape stops (`public/js/chat.js`). */
import { postsTo } from '../parts/posting.ts';
import { chatControlsId, chatPath } from './addresses.ts';

export type ComposerData = {
  readonly conversationId: string | null;
  readonly isAnswering: boolean;
  /** Whether the chosen model sees images. */
  readonly seesImages: boolean;
};

export function Composer({ composer }: { composer: ComposerData }): JSX.Element {
  const { conversationId, seesImages } = composer;
  return (
    <form
      class="composer"
      id="composer"
      data-conversation={conversationId ?? 'new'}
      {...postsTo(conversationId === null ? '/chat/questions' : `${chatPath(conversationId)}/questions`)}
    >
      <ul class="composer__images" id="composer-images" aria-label="Images to send" hx-ignore="" />
      <label class="hidden" for="composer-text">
        Your question
      </label>
      <textarea
        class="input composer__text"
        id="composer-text"
        name="text"
        rows="2"
        placeholder="Ask; Enter sends, Shift+Enter begins a line"
        maxlength="1000000"
      />
      <div class="composer__row">
        <label class="button button--quiet composer__pick" {...(seesImages ? {} : { 'data-blind': 'true' })}>
          Add an image
          <input class="hidden" id="composer-files" type="file" accept="image/*" multiple />
        </label>
        <span class="composer__blind" hidden={seesImages}>
          This model does not see images.
        </span>
        <Controls composer={composer} />
      </div>
    </form>
  );
}

/** Send, or stop what is being written. */
export function Controls({ composer }: { composer: ComposerData }): JSX.Element {
  const { conversationId, isAnswering } = composer;
  return (
    <span class="composer__controls" id={chatControlsId}>
      {isAnswering && conversationId !== null ? (
        <button
          class="button button--danger"
          type="submit"
          form="stopping"
          data-stops="answer"
          aria-keyshortcuts="Escape"
        >
          Stop
        </button>
      ) : (
        <button class="button button--primary" type="submit" data-sends="question">
          Send
        </button>
      )}
    </span>
  );
}
