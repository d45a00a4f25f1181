/** `/api/keys`: who else may use this Flow, and for what. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { KeyBook } from './key-book.ts';
import { keyWire } from './wire.ts';

const Wish = t.Record(t.String(), t.Unknown());
const Named = t.Object({ id: t.String({ maxLength: 200 }) });

/** Keys are named by id, or by name. Only the answer to POST holds a key's text. */
export const keyRoutes = ({ keys }: { keys: KeyBook }) =>
  new Elysia({ name: 'key-routes' })
    .get('/api/keys', () => ({ keys: keys.list().map(keyWire) }), access('read'))
    .post(
      '/api/keys',
      ({ body, set }) => {
        const { key, text } = keys.create(body);
        set.status = 201;
        set.headers['cache-control'] = 'no-store';
        return { ...keyWire(key), secret: text };
      },
      { ...access('manage'), body: Wish },
    )
    .patch('/api/keys/:id', ({ params, body }) => keyWire(keys.change(params.id, body)), {
      ...access('manage'),
      body: Wish,
      params: Named,
    })
    .delete(
      '/api/keys/:id',
      ({ params }) => {
        const { id, rules } = keys.revoke(params.id);
        return { status: 'revoked', id, name: rules.name };
      },
      { ...access('manage'), params: Named },
    );
