/** @jsxImportSource @kitajs/html */
/** All conversations, the last ones first, with a search through what was said. */
import { Icon } from '../parts/icon.tsx';
import { loadsFrom } from '../parts/posting.ts';
import { chatListId, chatPath } from './addresses.ts';

export type LineData = {
  readonly id: string;
  readonly title: string;
  readonly isPinned: boolean;
  readonly when: string;
};

export type ListData = {
  readonly lines: readonly LineData[];
  readonly currentId: string | null;
  readonly isMore: boolean;
};

const foundId = 'chat-found';
const conversationsId = 'conversations';

/** Opens the list where there is no room for it beside the conversation. */
export function OpenConversations(): JSX.Element {
  return (
    <button class="button chat__conversations" type="button" popovertarget={conversationsId}>
      Conversations
    </button>
  );
}

export function Conversations({ list, query }: { list: ListData; query: string }): JSX.Element {
  return (
    <aside class="conversations" id={conversationsId} aria-label="Conversations" popover="auto">
      <a class="button conversations__new" href="/chat">
        New conversation
      </a>
      <search>
        <form class="conversations__search" method="get" action="/chat">
          <input
            class="input"
            type="search"
            name="q"
            value={query}
            placeholder="Search"
            aria-label="Search conversations"
            autocomplete="off"
            data-filter="conversations"
            {...loadsFrom('/chat/search', { target: foundId, swap: 'innerMorph' })}
            hx-trigger="input changed delay:150ms"
            hx-sync="this:replace"
            hx-include="this"
          />
        </form>
      </search>
      <div class="conversations__found" id={foundId} />
      <List list={list} />
    </aside>
  );
}

export function List({ list }: { list: ListData }): JSX.Element {
  return (
    <nav class="conversations__list" id={chatListId} aria-label="Past conversations">
      <Lines list={list} />
    </nav>
  );
}

export function Lines({ list }: { list: ListData }): JSX.Element {
  if (list.lines.length === 0) return <p class="conversations__none">None yet.</p>;
  return (
    <>
      <ul>
        {list.lines.map(({ id, title, isPinned, when }) => (
          <li>
            <a
              class="conversations__one"
              href={chatPath(id)}
              {...(id === list.currentId ? { 'aria-current': 'page' } : {})}
            >
              <span class="conversations__title" safe>
                {title}
              </span>
              <span class="conversations__when">
                {isPinned ? <Pinned /> : ''}
                <span safe>{when}</span>
              </span>
            </a>
          </li>
        ))}
      </ul>
      {list.isMore ? <p class="conversations__none">Older ones are found by searching.</p> : ''}
    </>
  );
}

function Pinned(): JSX.Element {
  return (
    <>
      <Icon name="pin" />
      <span class="hidden">pinned, </span>
    </>
  );
}
