/** Where a conversation's parts are, and the ids of what changes on its page. */

export const chatListId = 'chat-list';
export const chatThreadId = 'chat-thread';
export const chatControlsId = 'chat-controls';
export const chatModelId = 'chat-model-state';
export const chatChoicesId = 'chat-models';
export const chatTitleId = 'chat-title';

/** A conversation's page; without an id the page of a new one. */
export const chatPath = (conversationId: string | null): string =>
  conversationId === null ? '/chat' : `/chat/${conversationId}`;

export const turnElementId = (turnId: string): string => `turn-${turnId}`;
export const turnBlockId = (turnId: string, index: number): string => `turn-${turnId}-block-${index}`;
export const turnStatusId = (turnId: string): string => `turn-${turnId}-status`;
export const turnThoughtsId = (turnId: string): string => `turn-${turnId}-thoughts`;
export const turnCallsId = (turnId: string): string => `turn-${turnId}-calls`;
