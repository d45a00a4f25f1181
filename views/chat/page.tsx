/** @jsxImportSource @kitajs/html */
/** The chat: conversations at the side, one of them in the middle, its question at the end. */
import { ActionButton } from '../parts/button.tsx';
import { drawerId } from '../parts/drawer.tsx';
import { Menu } from '../parts/menu.tsx';
import { loadsFrom, postsTo } from '../parts/posting.ts';
import { chatPath, chatThreadId, chatTitleId } from './addresses.ts';
import { Composer, type ComposerData } from './composer.tsx';
import { Conversations, type ListData, OpenConversations } from './conversation-list.tsx';
import { Settings, type SettingsData } from './settings.tsx';
import { type Place, Starters, Thread } from './thread.tsx';

export type ChatPageProps = {
  readonly list: ListData;
  readonly query: string;
  readonly title: string;
  readonly isPinned: boolean;
  readonly settings: SettingsData;
  readonly places: readonly Place[];
  readonly composer: ComposerData;
  readonly hasModels: boolean;
  /** A conversation that was deleted just now. */
  readonly deletedId: string | null;
};

export function ChatPage(props: ChatPageProps): JSX.Element {
  const { list, query, title, isPinned, settings, places, composer, hasModels, deletedId } = props;
  const { conversationId } = composer;
  return (
    <div class="chat">
      <Conversations list={list} query={query} />
      <div class="chat__middle">
        <header class="chat__head">
          <Title text={title} />
          <OpenConversations />
          {conversationId === null ? '' : <Actions id={conversationId} isPinned={isPinned} />}
        </header>
        {deletedId === null ? '' : <Deleted id={deletedId} />}
        <Settings settings={settings} />
        {places.length === 0 ? (
          <div class="chat__empty" id={chatThreadId}>
            <Starters hasModels={hasModels} />
          </div>
        ) : (
          <Thread places={places} />
        )}
        <Composer composer={composer} />
        {conversationId === null ? (
          ''
        ) : (
          <form id="stopping" class="hidden" {...postsTo(`${chatPath(conversationId)}/stops`)}>
            <input type="hidden" name="what" value="answer" />
          </form>
        )}
      </div>
    </div>
  );
}

export function Title({ text }: { text: string }): JSX.Element {
  return (
    <h1 class="chat__title" id={chatTitleId} safe>
      {text}
    </h1>
  );
}

function Actions({ id, isPinned }: { id: string; isPinned: boolean }): JSX.Element {
  const path = chatPath(id);
  const naming = `${path}/name`;
  return (
    <Menu label="What can be done with this conversation">
      <a class="button button--quiet" href={naming} {...loadsFrom(naming, { target: drawerId, swap: 'innerHTML' })}>
        Rename
      </a>
      <ActionButton
        action={`${path}/pin`}
        fields={{ pinned: isPinned ? 'false' : 'true' }}
        label={isPinned ? 'Unpin' : 'Pin'}
        description={isPinned ? 'Unpin this conversation' : 'Pin this conversation above the others'}
      />
      <a class="button button--quiet" href={`${path}/export/md`} download="">
        Export as Markdown
      </a>
      <a class="button button--quiet" href={`${path}/export/json`} download="">
        Export as JSON
      </a>
      <ActionButton
        action={`${path}/removal`}
        fields={{}}
        label="Delete"
        description="Delete this conversation"
        variant="danger"
      />
    </Menu>
  );
}

function Deleted({ id }: { id: string }): JSX.Element {
  return (
    <div class="chat__deleted" role="status">
      <p>The conversation was deleted.</p>
      <ActionButton
        action={`${chatPath(id)}/restoration`}
        fields={{}}
        label="Undo"
        description="Undo: bring the conversation back"
      />
    </div>
  );
}
