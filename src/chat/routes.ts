/** /api/conversations: what was said on the chat page, for scripts. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Answers } from './answers.ts';
import type { Conversations } from './conversations.ts';

export type ConversationRoutesParts = { readonly conversations: Conversations; readonly answers: Answers };

const LIMIT_MAX = 500;
const ListQuery = Type.Object({
  q: Type.Optional(Type.String({ maxLength: 200 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMIT_MAX })),
});
const ChangeBody = Type.Object({
  title: Type.Optional(Type.String({ minLength: 1, maxLength: 1_000 })),
  is_pinned: Type.Optional(Type.Boolean()),
});

/** List and search, read, rename, pin, delete and bring back. */
export const conversationRoutes = ({ conversations, answers }: ConversationRoutesParts) =>
  new Elysia({ name: 'conversation-routes' })
    .get(
      '/api/conversations',
      ({ query }) => ({
        conversations: conversations
          .search(query.q ?? '', query.limit ?? 100)
          .map(({ id, title, isPinned, updatedAtMs }) => ({
            id,
            title,
            is_pinned: isPinned,
            updated_at: updatedAtMs / 1000,
          })),
      }),
      { ...access('read'), query: ListQuery },
    )
    .get(
      '/api/conversations/:id',
      ({ params }) => {
        const { id, title, isPinned, settings, leafId } = conversations.need(params.id);
        const turns = answers.turns(id).map((turn) => ({
          id: turn.id,
          parent_id: turn.parentId,
          role: turn.role,
          content: turn.content,
          reasoning: turn.reasoning,
          tool_calls: turn.calls,
          images: turn.images,
          model_id: turn.modelId,
          state: turn.state,
          error: turn.trouble,
          created_at: turn.createdAtMs / 1000,
        }));
        return { id, title, is_pinned: isPinned, settings, leaf_id: leafId, turns };
      },
      access('read'),
    )
    .patch(
      '/api/conversations/:id',
      ({ params, body }) => {
        conversations.need(params.id);
        if (body.title !== undefined) conversations.rename(params.id, body.title);
        if (body.is_pinned !== undefined) conversations.pin(params.id, body.is_pinned);
        const { title, isPinned } = conversations.need(params.id);
        return { id: params.id, title, is_pinned: isPinned };
      },
      { ...access('manage'), body: ChangeBody },
    )
    .delete(
      '/api/conversations/:id',
      async ({ params }) => {
        await answers.stop(params.id);
        conversations.remove(params.id);
        return { id: params.id, undo: `/api/conversations/${params.id}/restore` };
      },
      access('manage'),
    )
    .post(
      '/api/conversations/:id/restore',
      ({ params }) => {
        conversations.restore(params.id);
        return { id: params.id };
      },
      access('manage'),
    );
