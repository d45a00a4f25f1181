/** `/api/trash` and the way back: what was removed from the list, and can be had again for some minutes. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Removal } from './removal-records.ts';
import type { Removals } from './removals.ts';
import { TRASH_KEPT_MS } from './trash.ts';

const UndoBody = t.Object({ token: t.String({ maxLength: 100 }) });

export const removalRoutes = ({ removals }: { readonly removals: Removals }) =>
  new Elysia({ name: 'removal-routes' })
    .post(
      '/api/models/undo',
      ({ body }) => {
        const model = removals.undo(body.token);
        return { status: 'restored', model_id: model.id };
      },
      { ...access('manage'), body: UndoBody },
    )
    .get(
      '/api/trash',
      () => {
        const entries = removals.list().map(shown);
        return { entries, total: entries.length, size_bytes: entries.reduce((sum, one) => sum + one.size_bytes, 0) };
      },
      access('read'),
    )
    .delete('/api/trash', async () => ({ status: 'emptied', models: await removals.empty() }), access('manage'));

function shown({ token, model, trashed, removedAtMs }: Removal) {
  return {
    token,
    model_id: model.id,
    name: model.name,
    files: trashed === null ? 'kept' : 'deleted',
    /** What the disk gains when it is gone for good. */
    size_bytes: trashed === null ? 0 : model.sizeBytes,
    removed_at: new Date(removedAtMs).toISOString(),
    expires_at: new Date(removedAtMs + TRASH_KEPT_MS).toISOString(),
  };
}
