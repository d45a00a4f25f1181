/** @jsxImportSource @kitajs/html */
/** One turn: who speaks, thoughts, words, calls, trouble, what it cost, and what can be done with it. */
import type { Children } from '@kitajs/html';
import { ActionButton } from '../parts/button.tsx';
import { drawerId } from '../parts/drawer.tsx';
import { loadsFrom, postsTo } from '../parts/posting.ts';
import { elapsedText } from '../parts/quantity.tsx';
import { requestPath } from '../requests/addresses.ts';
import { chatPath, turnBlockId, turnCallsId, turnElementId, turnStatusId, turnThoughtsId } from './addresses.ts';

export type CallData = { readonly name: string; readonly text: string };

export type TurnData = {
  readonly id: string;
  readonly conversationId: string;
  readonly role: 'user' | 'assistant' | 'tool';
  readonly speaker: string;
  readonly state: 'answering' | 'done' | 'stopped' | 'failed';
  /** Ready markup, block by block; made by the Markdown renderer, which escapes all text. */
  readonly safeBlocks: readonly string[];
  /** Places for blocks, those to come among them. */
  readonly slots: number;
  readonly thoughts: ThoughtsData | null;
  readonly images: number;
  readonly calls: readonly CallData[];
  readonly trouble: { readonly message: string; readonly hint: string | null } | null;
  /** What goes on, or what it cost. */
  readonly status: string;
  readonly versions: { readonly ids: readonly string[]; readonly index: number };
  /** One of two answers to the same question; `isChosen` when the next question follows it. */
  readonly pair: { readonly isChosen: boolean } | null;
  readonly isLast: boolean;
  /** The request that made the answer; null for questions, and before it was sent. */
  readonly requestId: string | null;
};

export type ThoughtsData = {
  readonly text: string;
  readonly isCut: boolean;
  readonly ms: number | null;
  readonly isLive: boolean;
};

export function Turn({ turn }: { turn: TurnData }): JSX.Element {
  return (
    <article
      class="turn"
      id={turnElementId(turn.id)}
      data-role={turn.role}
      data-state={turn.state}
      aria-label={`${turn.speaker} ${turn.role === 'user' ? 'asked' : 'answered'}`}
      aria-busy={turn.state === 'answering' ? 'true' : 'false'}
    >
      <header class="turn__head">
        <h2 class="turn__speaker" safe>
          {turn.speaker}
        </h2>
        <Status turn={turn} />
      </header>
      <Thoughts id={turn.id} thoughts={turn.thoughts} />
      <Images turn={turn} />
      <div class="prose">
        {Array.from({ length: turn.slots }, (_, index) => (
          <Block turnId={turn.id} index={index} safeMarkup={turn.safeBlocks[index] ?? ''} />
        ))}
      </div>
      <Calls turn={turn} />
      <Trouble turn={turn} />
      {turn.state === 'answering' ? '' : <Foot turn={turn} />}
    </article>
  );
}

/** One block; an empty one is a place for what is still to come. */
export function Block({
  turnId,
  index,
  safeMarkup,
}: {
  turnId: string;
  index: number;
  safeMarkup: string;
}): JSX.Element {
  return (
    <div class="prose__block" id={turnBlockId(turnId, index)}>
      {safeMarkup}
    </div>
  );
}

export function Status({ turn }: { turn: Pick<TurnData, 'id' | 'status'> }): JSX.Element {
  return (
    <span class="turn__status" id={turnStatusId(turn.id)} safe>
      {turn.status}
    </span>
  );
}

export function Thoughts({ id, thoughts }: { id: string; thoughts: ThoughtsData | null }): JSX.Element {
  if (thoughts === null) return <div class="thoughts" id={turnThoughtsId(id)} />;
  const word = thoughts.isLive ? 'Thinking' : 'Thought';
  const time = thoughts.ms === null ? '' : ` for ${elapsedText(thoughts.ms)}`;
  return (
    <div class="thoughts" id={turnThoughtsId(id)}>
      <details>
        <summary class="thoughts__summary" safe>{`${word}${time}`}</summary>
        <p class="thoughts__text" safe>
          {`${thoughts.isCut ? '… ' : ''}${thoughts.text}`}
        </p>
      </details>
    </div>
  );
}

export function Calls({
  turn,
}: {
  turn: Pick<TurnData, 'id' | 'conversationId' | 'calls' | 'state' | 'isLast'>;
}): JSX.Element {
  const canTell = turn.calls.length > 0 && turn.state !== 'answering' && turn.isLast;
  return (
    <div class="calls" id={turnCallsId(turn.id)}>
      {turn.calls.map((call) => (
        <div class="call">
          <p class="call__head">
            Called <strong safe>{call.name}</strong>
          </p>
          <pre class="call__text">
            <code safe>{call.text}</code>
          </pre>
        </div>
      ))}
      {canTell ? <ResultForm turn={turn} /> : ''}
    </div>
  );
}

/** Nothing is carried out, so a person says what the tool would have said. */
function ResultForm({ turn }: { turn: Pick<TurnData, 'id' | 'conversationId'> }): JSX.Element {
  const id = `result-${turn.id}`;
  return (
    <form class="call__result" {...postsTo(`${chatPath(turn.conversationId)}/results`)}>
      <input type="hidden" name="turn" value={turn.id} />
      <label for={id}>Nothing was carried out. What does the tool answer?</label>
      <textarea class="input" id={id} name="text" rows="2" />
      <button class="button" type="submit">
        Answer the call
      </button>
    </form>
  );
}

function Images({ turn }: { turn: TurnData }): JSX.Element {
  if (turn.images === 0) return '';
  return (
    <div class="turn__images">
      {Array.from({ length: turn.images }, (_, index) => (
        <img
          class="turn__image"
          src={`${chatPath(turn.conversationId)}/turns/${turn.id}/images/${index}`}
          alt={`Attached ${index + 1}`}
          loading="lazy"
        />
      ))}
    </div>
  );
}

function Trouble({ turn }: { turn: TurnData }): JSX.Element {
  if (turn.trouble === null && turn.state !== 'stopped') return '';
  const path = chatPath(turn.conversationId);
  const hasWords = turn.safeBlocks.length > 0;
  return (
    <div class="turn__trouble" data-tone={turn.state === 'stopped' ? 'quiet' : 'danger'}>
      <p safe>{turn.trouble?.message ?? 'You stopped this answer.'}</p>
      {turn.trouble?.hint ? (
        <p class="turn__hint" safe>
          {turn.trouble.hint}
        </p>
      ) : (
        ''
      )}
      <div class="turn__actions">
        {hasWords ? (
          <ActionButton
            action={`${path}/continuing`}
            fields={{ turn: turn.id }}
            label="Continue"
            description="Continue this answer"
          />
        ) : (
          ''
        )}
        <ActionButton
          action={`${path}/answers`}
          fields={{ turn: turn.id }}
          label="Retry"
          description="Retry this answer"
        />
      </div>
    </div>
  );
}

function Foot({ turn }: { turn: TurnData }): JSX.Element {
  const path = chatPath(turn.conversationId);
  const fields = { turn: turn.id };
  const address = `${path}/turns/${turn.id}`;
  return (
    <footer class="turn__foot">
      <Versions turn={turn} />
      {turn.pair === null || turn.pair.isChosen ? (
        ''
      ) : (
        <ActionButton
          action={`${path}/versions`}
          fields={fields}
          label="Go on with this one"
          description={`Go on with this one, the answer of ${turn.speaker}`}
        />
      )}
      <button class="button button--quiet" type="button" data-copies="turn" data-from={`${address}/text`}>
        Copy
      </button>
      {turn.role === 'user' ? (
        <Loader address={`${address}/wording`} label="Edit" />
      ) : (
        <ActionButton
          action={`${path}/answers`}
          fields={fields}
          label="Regenerate"
          description="Regenerate this answer"
          variant="quiet"
        />
      )}
      {turn.role === 'assistant' ? <Loader address={`${address}/raw`} label="Raw" /> : ''}
      {turn.requestId === null ? '' : <Loader address={requestPath(turn.requestId)} label="Request" />}
      <ActionButton
        action={`${path}/removals`}
        fields={fields}
        label="Delete"
        description="Delete this and what follows"
        variant="quiet"
      />
    </footer>
  );
}

function Loader({ address, label }: { address: string; label: string }): JSX.Element {
  return (
    <a
      class="button button--quiet"
      href={address}
      {...loadsFrom(address, { target: drawerId, swap: 'innerHTML' })}
      safe
    >
      {label}
    </a>
  );
}

/** ‹ 2/3 › */
function Versions({ turn }: { turn: TurnData }): JSX.Element {
  const { ids, index } = turn.versions;
  if (ids.length < 2) return '';
  return (
    <span class="versions">
      <Version turn={turn} id={ids[index - 1] ?? null} label="‹" description="The version before" />
      <span class="versions__place" safe>{`${index + 1}/${ids.length}`}</span>
      <Version turn={turn} id={ids[index + 1] ?? null} label="›" description="The next version" />
    </span>
  );
}

type VersionProps = { turn: TurnData; id: string | null; label: string; description: string };

function Version({ turn, id, label, description }: VersionProps): JSX.Element {
  return (
    <form class="action" {...postsTo(`${chatPath(turn.conversationId)}/versions`)}>
      <input type="hidden" name="turn" value={id ?? ''} />
      <button
        class="button button--quiet"
        type="submit"
        aria-label={description}
        {...(id === null ? { disabled: true } : {})}
        safe
      >
        {label}
      </button>
    </form>
  );
}

/** What stands beside each other: two answers to one question. */
export function Side({ children }: { children: Children }): JSX.Element {
  return <div class="thread__pair">{children}</div>;
}
