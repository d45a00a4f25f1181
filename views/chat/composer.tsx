/** @jsxImportSource @kitajs/html */
/** Where questions are written. Enter sends, Shift and Enter begins a line, Escape stops (`public/js/chat.js`). */
import { Progress } from '../parts/gauge.tsx';
import { postsTo } from '../parts/posting.ts';
import { countText } from '../parts/quantity.tsx';
import { chatControlsId, chatPath } from './addresses.ts';

export type ComposerData = {
  readonly conversationId: string | null;
  readonly isAnswering: boolean;
  /** Whether the chosen model sees images. */
  readonly seesImages: boolean;
  readonly context: ContextData | null;
};

/** How full a conversation's context is. */
export type ContextData = {
  /** Prompt and answer of the last turn together. */
  readonly usedTokens: number;
  /** What of the prompt was read from the cache. */
  readonly cachedTokens: number;
  /** Null while the model is not loaded. */
  readonly contextTokens: number | null;
};

/** From here on it is said that the end is near. */
const FULL_RATIO = 0.85;

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
  const { conversationId, isAnswering, context } = composer;
  return (
    <span class="composer__controls" id={chatControlsId}>
      {context === null ? '' : <Context context={context} />}
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

function Context({ context }: { context: ContextData }): JSX.Element {
  const { usedTokens, cachedTokens, contextTokens } = context;
  const cached = cachedTokens > 0 ? `, ${countText(cachedTokens)} of them from the cache` : '';
  if (contextTokens === null) {
    return <span class="composer__context" safe>{`${countText(usedTokens)} tokens so far${cached}`}</span>;
  }
  const ratio = Math.min(1, usedTokens / contextTokens);
  const isFull = ratio >= FULL_RATIO;
  const words = `${countText(usedTokens)} of ${countText(contextTokens)} tokens`;
  const hint = isFull ? ': what was said first will soon not fit' : '';
  return (
    <span class="composer__context" data-full={isFull ? 'true' : 'false'} title={`${words}${cached}`}>
      <Progress label="Context in use" ratio={ratio} givenRatio={Math.min(ratio, cachedTokens / contextTokens)} />
      <span safe>{`${words}${hint}`}</span>
    </span>
  );
}
