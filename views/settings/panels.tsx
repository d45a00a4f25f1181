/** @jsxImportSource @kitajs/html */
/** What a section holds beside its settings: who can reach Flow, the hub's token, the records, the looks. */
import { postsTo } from '#views/parts/posting.ts';
import { pluralText } from '#views/parts/quantity.tsx';

export type NetworkData = {
  readonly tone: 'good' | 'warning';
  readonly sentence: string;
  readonly hint: string;
  /** What the next start changes; null = nothing. */
  readonly next: string | null;
};

export const networkId = 'settings-network';

/** Who can reach Flow, as a sentence. */
export function Network({ network }: { network: NetworkData }): JSX.Element {
  const { tone, sentence, hint, next } = network;
  return (
    <div class="settings-panel exposure" id={networkId} data-tone={tone}>
      <p class="exposure__sentence" safe>
        {sentence}
      </p>
      <p class="exposure__hint" safe>
        {hint}
      </p>
      {next === null ? (
        ''
      ) : (
        <p class="exposure__next" safe>
          {next}
        </p>
      )}
    </div>
  );
}

export type TokenData = {
  readonly hubUrl: string;
  readonly isSet: boolean;
  /** What was wrong with the one that was given last. */
  readonly error: string | null;
};

export const tokenId = 'settings-token';

/** The token is taken and never shown. */
export function Token({ token }: { token: TokenData }): JSX.Element {
  const { hubUrl, isSet, error } = token;
  const own = `target:#${tokenId} swap:outerMorph`;
  // A morph would leave what was typed in the input; a kept token is nowhere on the page.
  const posting = { ...postsTo('/settings/token', { target: tokenId, swap: 'outerHTML' }), 'hx-status:400': own };
  return (
    <div class="settings-panel token" id={tokenId}>
      <p class="token__state" safe>
        {isSet ? `A token is kept for ${hubUrl}.` : `No token is kept for ${hubUrl}.`}
      </p>
      <form class="token__form" {...posting}>
        <label class="field__label" for="token-input">
          {isSet ? 'Another token' : 'Access token'}
        </label>
        <span class="token__row">
          <input
            class="input"
            id="token-input"
            type="password"
            name="token"
            autocomplete="off"
            spellcheck="false"
            aria-describedby={error === null ? 'token-effect' : 'token-effect token-error'}
            {...(error === null ? {} : { 'aria-invalid': 'true' })}
          />
          <button class="button" type="submit">
            Keep
          </button>
        </span>
        <p class="field__effect" id="token-effect">
          For gated models. It lies in a file that only you can read, goes to this hub alone, and is never shown again.
        </p>
        {error === null ? (
          ''
        ) : (
          <p class="field__error" id="token-error" role="alert" safe>
            {error}
          </p>
        )}
      </form>
      {isSet ? (
        <form class="action" {...postsTo('/settings/token', { target: tokenId })}>
          <input type="hidden" name="forget" value="yes" />
          <button class="button button--danger" type="submit">
            Forget the token
          </button>
        </form>
      ) : (
        ''
      )}
    </div>
  );
}

export type RecordsData = {
  /** Null when the database does not answer. */
  readonly count: number | null;
  /** Day of the oldest, for example `3 October 2026`; null when there is none. */
  readonly since: string | null;
  readonly isDeleting: boolean;
};

export const recordsId = 'settings-records';

/** What is kept of requests, and its end. */
export function Records({ records }: { records: RecordsData }): JSX.Element {
  const { count, since, isDeleting } = records;
  const sinceWords = since === null ? '' : `, the oldest of ${since}`;
  const words =
    count === null ? 'The records cannot be read now.' : `${pluralText(count, 'request')} on record${sinceWords}.`;
  return (
    <div class="settings-panel records" id={recordsId}>
      <p class="records__count" safe>
        {isDeleting ? `${words} Being deleted…` : words}
      </p>
      <p class="field__effect">
        A record holds times, counts and names, no prompts and no answers. With the records go those of loads and of
        repairs, and answers that clients asked to have stored. Chats are kept apart.
      </p>
      {count === 0 ? (
        ''
      ) : (
        <details class="records__deletion">
          <summary class="button button--quiet">Delete records…</summary>
          <form class="records__form" {...postsTo('/settings/records/deletion')}>
            <label class="field__label" for="records-age">
              Which
            </label>
            <select class="input" id="records-age" name="older_than_days">
              <option value="30">older than 30 days</option>
              <option value="7">older than 7 days</option>
              <option value="1">older than a day</option>
              <option value="0">all of them</option>
            </select>
            <button class="button button--danger" type="submit">
              Delete for good
            </button>
          </form>
        </details>
      )}
    </div>
  );
}

/** What this browser alone remembers. */
export function Appearance(): JSX.Element {
  return (
    <div class="settings-panel appearance" x-data="appearance">
      <fieldset class="appearance__themes">
        <legend class="setting__label">Theme</legend>
        {(['system', 'light', 'dark'] as const).map((theme) => (
          <label class="appearance__theme">
            <input type="radio" name="theme" value={theme} x-on:change="choose" />
            <span>{theme}</span>
          </label>
        ))}
      </fieldset>
      <p class="field__effect">Kept in this browser. “system” follows light and dark of the computer.</p>
      <div x-data="singleKeys">
        <button class="button" type="button" x-on:click="toggle" x-text="label">
          Single keys
        </button>
      </div>
      <p class="field__effect">
        Whether single keys, such as / and ?, do something on pages. Off is better with speech.
      </p>
    </div>
  );
}
