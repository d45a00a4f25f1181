/** Where in Flow's own chat a request was asked. */
import { CHAT_CLIENT, turnOfRequest } from '#src/chat/turn-of-request.ts';
import type { RequestAccount } from '#src/requests/account.ts';
import type { Store } from '#src/store/open.ts';
import { chatPath, turnElementId } from '#views/chat/addresses.ts';
import type { StoryData } from '#views/requests/story.tsx';

/** Null for requests of others, and of conversations that are not kept. A database in trouble costs a link. */
export function chatPlaceOf(store: Store, account: RequestAccount): StoryData['chat'] {
  // Behind a key its name stands in front.
  if (!account.client?.endsWith(CHAT_CLIENT)) return null;
  try {
    const turn = turnOfRequest(store, account.requestId, account.startedAtMs);
    if (turn === null) return null;
    const conversation = chatPath(turn.conversationId);
    return {
      href: `${conversation}#${turnElementId(turn.turnId)}`,
      rawHref: `${conversation}/turns/${turn.turnId}/raw`,
    };
  } catch {
    return null;
  }
}
