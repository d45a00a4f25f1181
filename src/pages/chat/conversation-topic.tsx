/** @jsxImportSource @kitajs/html */
/** One conversation's page as fragments. */
import type { FragmentKey, Fragments } from '#src/live/feed.ts';
import { markupOf } from '#src/web/markup.ts';
import {
  chatChoicesId,
  chatControlsId,
  chatListId,
  chatModelId,
  chatThreadId,
  chatTitleId,
  turnBlockId,
  turnCallsId,
  turnElementId,
  turnStatusId,
  turnThoughtsId,
} from '#views/chat/addresses.ts';
import { Controls } from '#views/chat/composer.tsx';
import { List } from '#views/chat/conversation-list.tsx';
import { Title } from '#views/chat/page.tsx';
import { ModelChoices, ModelState } from '#views/chat/settings.tsx';
import { Thread } from '#views/chat/thread.tsx';
import { Block, Calls, Status, Thoughts, Turn } from '#views/chat/turn.tsx';
import { Partial } from '#views/parts/partial.tsx';
import type { ChatView } from './chat-view.tsx';
import { liveWords, thoughtsOf } from './present.ts';

/** A page of one conversation, or of none yet. */
export class ConversationTopic implements Fragments {
  readonly #view: ChatView;
  readonly #id: string | null;

  constructor(view: ChatView, conversationId: string | null) {
    this.#view = view;
    this.#id = conversationId;
  }

  all(): readonly FragmentKey[] {
    return this.#id === null ? ['list', 'choices'] : ['list', 'choices', 'title', 'thread', 'controls'];
  }

  isAlone(key: FragmentKey): boolean {
    // The choices hold the chosen model's state.
    return key === 'list' || key === 'title';
  }

  render(key: FragmentKey): string {
    const safeFragment = this.#fragment(key);
    return markupOf(safeFragment);
  }

  #fragment(key: FragmentKey): JSX.Element {
    const id = this.#id;
    if (key === 'list') return morph(chatListId, <List list={this.#view.list(id)} />);
    if (id !== null && this.#view.sources.conversations.find(id) === null) return '';
    if (key === 'choices') return morph(chatChoicesId, <ModelChoices settings={this.#view.settings(id)} />);
    if (key === 'model') {
      return morph(chatModelId, <ModelState text={this.#view.modelState(this.#view.settingsOf(id))} />);
    }
    if (id === null) return '';
    switch (key) {
      case 'title':
        return morph(chatTitleId, <Title text={this.#view.sources.conversations.need(id).title} />);
      case 'thread':
        return morph(chatThreadId, <Thread places={this.#view.places(id)} />);
      case 'controls':
        return morph(chatControlsId, <Controls composer={this.#composer(id)} />);
      default:
        return this.#turnFragment(id, key);
    }
  }

  #composer(conversationId: string) {
    const { answers } = this.#view.sources;
    const context = this.#view.context(conversationId);
    return { conversationId, isAnswering: answers.isAnswering(conversationId), seesImages: true, context };
  }

  #turnFragment(conversationId: string, key: FragmentKey): JSX.Element {
    const [kind, turnId = '', index = ''] = key.split(':');
    if (kind === 'turn') {
      const shown = this.#view.turn(conversationId, turnId);
      return shown === null ? '' : morph(turnElementId(turnId), <Turn turn={shown} />);
    }
    // The rest changes only while it is written; what comes after that is the whole turn.
    const turn = this.#view.sources.answers.live(turnId);
    if (turn === null) return '';
    switch (kind) {
      case 'block': {
        const safeMarkup = this.#view.blocksOf(turn)[Number(index)] ?? '';
        const block = <Block turnId={turnId} index={Number(index)} safeMarkup={safeMarkup} />;
        return morph(turnBlockId(turnId, Number(index)), block);
      }
      case 'status': {
        const status = liveWords(this.#view.requestOf(turn));
        return morph(turnStatusId(turnId), <Status turn={{ id: turnId, status }} />);
      }
      case 'thoughts':
        return turn.reasoning === ''
          ? ''
          : morph(turnThoughtsId(turnId), <Thoughts id={turnId} thoughts={thoughtsOf(turn)} />);
      case 'calls': {
        if (turn.calls.length === 0) return '';
        const calls = turn.calls.map(({ name, arguments: text }) => ({ name, text }));
        return morph(turnCallsId(turnId), <Calls turn={{ ...turn, calls, isLast: true }} />);
      }
      default:
        return '';
    }
  }
}

function morph(target: string, fragment: JSX.Element): JSX.Element {
  const safeFragment = fragment;
  return (
    <Partial target={target} swap="outerMorph">
      {safeFragment}
    </Partial>
  );
}
