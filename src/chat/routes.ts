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
const RenameBody = Type.Object({ title: Type.String({ minLength: 1, maxLength: 1_000 }) });

/** List and search, read, rename, delete and bring back. */
export const conversationRoutes = ({ conversations, answers }: ConversationRoutesParts) =>
  new Elysia({ name: 'conversation-routes' })
    .get(
      '/api/conversations',
      ({ query }) => ({
        conversations: conversations.search(query.q ?? '', query.limit ?? 100).map(({ id, title, updatedAtMs }) => ({
          id,
          title,
          updated_at: updatedAtMs / 1000,
        })),
      }),
      { ...access('read'), query: ListQuery },
    )
    .get(
      '/api/conversations/:id',
      ({ params }) => {
        const { id, title, settings, leafId } = conversations.need(params.id);
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
        return { id, title, settings, leaf_id: leafId, turns };
      },
      access('read'),
    )
    .patch(
      '/api/conversations/:id',
      ({ params, body }) => {
        conversations.rename(params.id, body.title);
        return { id: params.id, title: conversations.need(params.id).title };
      },
      { ...access('manage'), body: RenameBody },
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
