/** Tells open chat pages what changed. */
import type { Conversations } from '#src/chat/conversations.ts';
import type { Bus } from '#src/events.ts';
import type { Feeds } from '#src/live/feed.ts';
import type { ChatView } from './chat-view.tsx';

/** The family of topics: `chat:<conversation>`. */
export const CHAT_FAMILY = 'chat';

export type KeepChatLiveParts = {
  readonly conversations: Conversations;
  readonly view: ChatView;
  readonly feeds: Feeds;
  readonly bus: Bus;
};

/** Keeps chat pages true until disposed. */
export function keepChatLive({ conversations, view, feeds, bus }: KeepChatLiveParts): Disposable {
  const unsubscribe = conversations.subscribe((change) => {
    const keys = view.staleKeys(change);
    if (change.kind === 'list') {
      feeds.touchFamily(CHAT_FAMILY, 'list');
      feeds.touchFamily(CHAT_FAMILY, 'title');
      return;
    }
    for (const key of keys) feeds.touch(`${CHAT_FAMILY}:${change.conversationId}`, key);
  });
  const unsubscribeBus = bus.subscribe((event) => {
    switch (event.type) {
      case 'model-changed':
        feeds.touchFamily(CHAT_FAMILY, 'model');
        break;
      case 'model-added':
      case 'model-removed':
      case 'settings-changed':
        feeds.touchFamily(CHAT_FAMILY, 'choices');
        break;
      case 'request-changed': {
        const turn = view.sources.answers.turnOf(event.requestId);
        if (turn !== null) feeds.touch(`${CHAT_FAMILY}:${turn.conversationId}`, `status:${turn.id}`);
      }
    }
  });
  return {
    [Symbol.dispose]: () => {
      unsubscribe();
      unsubscribeBus();
    },
  };
}
