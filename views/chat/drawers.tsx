/** @jsxImportSource @kitajs/html */
/** What opens at the side: another wording, another name, what was really sent and received. */
import { Copyable } from '../parts/copyable.tsx';
import { Drawer } from '../parts/drawer.tsx';
import { TextField } from '../parts/field.tsx';
import { postsTo } from '../parts/posting.ts';
import { chatPath } from './addresses.ts';

export function WordingDrawer({
  conversationId,
  turnId,
  text,
}: {
  conversationId: string;
  turnId: string;
  text: string;
}): JSX.Element {
  return (
    <Drawer title="Edit the question">
      <form class="wording" {...postsTo(`${chatPath(conversationId)}/wordings`)}>
        <input type="hidden" name="turn" value={turnId} />
        <label for="wording-text">It is asked anew; the first wording stays as another version.</label>
        <textarea class="input wording__text" id="wording-text" name="text" rows="8" data-submits="enter" safe>
          {text}
        </textarea>
        <button class="button button--primary" type="submit">
          Ask
        </button>
      </form>
    </Drawer>
  );
}

export function NameDrawer({ conversationId, title }: { conversationId: string; title: string }): JSX.Element {
  return (
    <Drawer title="Rename the conversation">
      <form class="wording" {...postsTo(`${chatPath(conversationId)}/name`)}>
        <TextField id="conversation-name" name="title" label="Name" value={title} />
        <button class="button button--primary" type="submit">
          Rename
        </button>
      </form>
    </Drawer>
  );
}

export type RawData = {
  readonly request: string;
  readonly response: string | null;
  readonly curl: string;
  readonly isCut: boolean;
};

export function RawDrawer({ raw }: { raw: RawData }): JSX.Element {
  return (
    <Drawer title="Request and answer as they were sent">
      <h3>Request</h3>
      <Copyable text={raw.request} label="the request" />
      <h3>The same with curl</h3>
      <Copyable text={raw.curl} label="the request as curl" />
      <h3>Answer</h3>
      {raw.response === null ? (
        <p>Answers are kept as they came for the last forty only, and until Flow stops.</p>
      ) : (
        <Copyable text={raw.response} label="the answer" />
      )}
      {raw.isCut ? <p>The rest was too long to keep.</p> : ''}
    </Drawer>
  );
}
