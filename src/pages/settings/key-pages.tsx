/** @jsxImportSource @kitajs/html */
/** Keys on `/settings`: made, changed and revoked, with scripts and without. The book of keys judges every wish. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asFault } from '#src/faults.ts';
import type { KeyBook } from '#src/keys/key-book.ts';
import { markupOf } from '#src/web/markup.ts';
import type { Shell } from '#src/web/shell.tsx';
import { Notice, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { KeyForm, KeyList, KeyMade, keyMadeId, keysId } from '#views/settings/keys.tsx';
import { isFragment, seeOther } from './answers.ts';
import { draftFrom, draftOf, errorsOf, type KeyFields, NEW_KEY, wishFrom } from './key-view.ts';
import { PLAIN_WISH, type SettingsView, type Wish } from './settings-view.ts';

export type KeyPagesParts = {
  readonly shell: Shell;
  readonly view: SettingsView;
  readonly keys: KeyBook;
  /** The whole page, for who has no scripts. */
  readonly page: (request: Request, wish: Wish, status?: number) => Response;
};

const Boxes = Type.Optional(
  Type.Union([Type.String({ maxLength: 300 }), Type.Array(Type.String({ maxLength: 300 }), { maxItems: 1_000 })]),
);
const KeyFormBody = Type.Object({
  name: Type.String({ maxLength: 200 }),
  scopes: Boxes,
  models: Boxes,
  requests_per_minute: Type.String({ maxLength: 40 }),
  tokens_per_day: Type.String({ maxLength: 40 }),
  expires_on: Type.String({ maxLength: 40 }),
});
const Named = Type.Object({ id: Type.String({ maxLength: 200 }) });

/** The routes. */
export const keyPages = (parts: KeyPagesParts) => {
  const { shell, view, keys, page } = parts;
  return new Elysia({ name: 'settings-key-pages' })
    .get('/settings/keys/new', ({ request }) => shown(parts, request, NEW_KEY), access('page'))
    .get('/settings/keys/:id', ({ request, params }) => shown(parts, request, draftOf(keys.need(params.id))), {
      ...access('page'),
      params: Named,
    })
    .post(
      '/settings/keys',
      ({ request, body }) =>
        judged(parts, request, { id: null, fields: body }, () => {
          const { key, text } = keys.create(wishFrom(body, null));
          const made = { name: key.rules.name, text };
          if (!isFragment(request)) return page(request, { ...PLAIN_WISH, keyMade: made });
          return shell.fragment(afterwards(view, <KeyMade made={made} />));
        }),
      { ...access('page'), body: KeyFormBody },
    )
    .post(
      '/settings/keys/:id',
      ({ request, params, body }) =>
        judged(parts, request, { id: params.id, fields: body }, () => {
          keys.change(params.id, wishFrom(body, keys.need(params.id)));
          if (!isFragment(request)) return seeOther(shell, '/settings#keys');
          return shell.fragment(afterwards(view, <KeyMade made={null} />));
        }),
      { ...access('page'), body: KeyFormBody, params: Named },
    )
    .post(
      '/settings/keys/:id/revoke',
      ({ request, params }) => {
        const { rules } = keys.revoke(params.id);
        if (!isFragment(request)) return seeOther(shell, '/settings#keys');
        return shell.fragment(revoked(view, rules.name));
      },
      { ...access('page'), params: Named },
    );
};

/** The form alone, or on its page. */
function shown({ shell, view, page }: KeyPagesParts, request: Request, draft: Wish['keyDraft']): Response {
  if (isFragment(request)) return shell.fragment(<KeyForm draft={view.keyDraft(draft)} />);
  return page(request, { ...PLAIN_WISH, keyDraft: draft });
}

type Sent = { readonly id: string | null; readonly fields: KeyFields };

/** Acts, or shows the form again with what is wrong beside each field. */
function judged(
  { shell, view, page }: KeyPagesParts,
  request: Request,
  { id, fields }: Sent,
  act: () => Response,
): Response {
  try {
    return act();
  } catch (cause) {
    const errors = errorsOf(cause);
    if (errors === null) throw cause;
    const status = asFault(cause).kind === 'conflict' ? 409 : 422;
    const draft = draftFrom(id, fields, errors);
    if (!isFragment(request)) return page(request, { ...PLAIN_WISH, keyDraft: draft }, status);
    return shell.fragment(<KeyForm draft={view.keyDraft(draft)} />, { status });
  }
}

/** An empty form; and the list as it is now, for who waits for no event. */
function afterwards(view: SettingsView, made: JSX.Element): string {
  const safeMade = made;
  return markupOf(
    <>
      <KeyForm draft={view.keyDraft(NEW_KEY)} />
      <Partial target={keyMadeId} swap="outerMorph">
        {safeMade}
      </Partial>
      <Partial target={keysId} swap="outerMorph">
        <KeyList keys={view.keys()} />
      </Partial>
    </>,
  );
}

function revoked(view: SettingsView, name: string): string {
  return markupOf(
    <>
      <Partial target={keysId} swap="outerMorph">
        <KeyList keys={view.keys()} />
      </Partial>
      <Partial target={noticeId} swap="beforeend">
        <Notice tone="info" message={`The key “${name}” is revoked; what it opened has ended.`} hint={null} />
      </Partial>
    </>,
  );
}
