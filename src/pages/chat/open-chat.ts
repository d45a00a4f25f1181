/** The chat as one part of the dashboard: conversations, their answers, their pages. */
import { Elysia } from 'elysia';
import { Answers } from '#src/chat/answers.ts';
import { Conversations } from '#src/chat/conversations.ts';
import { conversationRoutes } from '#src/chat/routes.ts';
import type { Clock } from '#src/clock.ts';
import type { Bus } from '#src/events.ts';
import type { Feeds } from '#src/live/feed.ts';
import type { Model } from '#src/models/model.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import type { Store } from '#src/store/open.ts';
import type { Shell } from '#src/web/shell.tsx';
import { chatActions } from './actions.tsx';
import { ChatView } from './chat-view.tsx';
import { Highlighter } from './highlight.ts';
import { keepChatLive } from './keep-chat-live.ts';
import { chatPages } from './pages.tsx';

export type ChatParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly tracker: Pick<Tracker, 'find'>;
  readonly models: () => readonly Model[];
  /** The model that a name means, '' = the default. May throw when it means none. */
  readonly resolve: (name: string) => Model;
  readonly fleetModel: (modelId: string) => FleetModel;
  /** Flow's own front door behind its guard. */
  readonly ask: (request: Request) => Promise<Response>;
};

/** Builds the chat. `view` is the family of topics `chat`; to be closed before the store is. */
export function openChat(parts: ChatParts) {
  const { store, clock, tracker, models, resolve, fleetModel, ask } = parts;
  const conversations = new Conversations({ store, clock });
  conversations.closeUnfinished();
  const answers = new Answers({ conversations, ask, clock, figuresOf: (requestId) => figuresOf(tracker, requestId) });
  const modelOf = (name: string): Model | null => {
    try {
      return resolve(name);
    } catch {
      // A model that was removed, or none at all: the request will say so.
      return null;
    }
  };
  const request = (requestId: string) => tracker.find(requestId);
  const highlighter = new Highlighter();
  const view = new ChatView({ conversations, answers, highlighter, models, modelOf, fleetModel, request, clock });
  return {
    view,
    routes: (shell: Shell) =>
      new Elysia({ name: 'chat' })
        .use(chatPages({ view, shell }))
        .use(chatActions({ view, shell }))
        .use(conversationRoutes({ conversations, answers })),
    keepLive: (feeds: Feeds, bus: Bus) => keepChatLive({ conversations, view, feeds, bus }),
    close: () => answers.close(),
  };
}

/** What a request's record says of its answer. */
function figuresOf(tracker: Pick<Tracker, 'find'>, requestId: string) {
  const view = tracker.find(requestId);
  if (view === null) return null;
  const { promptTokens, cachedTokens, outputTokens, tokensPerS, ttftMs, loadMs, repairs } = view;
  const counts = { inputTokens: promptTokens, cachedTokens, outputTokens };
  return { ...counts, tokensPerS, firstTokenMs: ttftMs, loadMs, repairs: [...repairs] };
}
