/** @jsxImportSource @kitajs/html */
/** What can be done on `/settings` beside changing settings: engines, the hub's token, agents, records, the doctor. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { StartedKind } from '#src/engines/engine.ts';
import type { WatchedShelf } from '#src/engines/overview.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { Upgrades } from '#src/upgrades/upgrades.ts';
import { markupOf } from '#src/web/markup.ts';
import type { Shell } from '#src/web/shell.tsx';
import { Notice, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { Doctor } from '#views/settings/about.tsx';
import { AgentPage, AgentSetUp, type AgentSetUpData } from '#views/settings/agents.tsx';
import { Token } from '#views/settings/panels.tsx';
import { EngineUndo } from '#views/settings/undo.tsx';
import { done, isFragment, seeOther } from './answers.ts';
import type { EngineBoard } from './engine-board.ts';
import type { RecordKeeper } from './record-keeper.ts';
import type { SettingsView, Wish } from './settings-view.ts';

export type PanelPagesParts = {
  readonly shell: Shell;
  readonly view: SettingsView;
  readonly board: EngineBoard;
  readonly shelves: () => readonly WatchedShelf[];
  /** Begins to install the usual version of a kind. Throws Fault('conflict') during another. */
  readonly install: (kind: StartedKind) => void;
  readonly upgrades: Pick<Upgrades, 'start' | 'cancel' | 'rollback'>;
  readonly hub: { save(token: string): void; remove(): void };
  /** The hub's token is another now, or gone. */
  readonly onToken: () => void;
  readonly records: Pick<RecordKeeper, 'delete'>;
  readonly examine: () => Promise<NonNullable<Wish['findings']>>;
  /** How an agent is set up for the default model, as seen from this address. Throws a Fault. */
  readonly setUpOf: (agent: string, request: Request) => AgentSetUpData;
};

const Kind = Type.Union([
  Type.Literal('llama.cpp'),
  Type.Literal('mlx-lm'),
  Type.Literal('mlx-vlm'),
  Type.Literal('mlx-openai-server'),
]);
const KindForm = Type.Object({ kind: Kind });
const EngineForm = Type.Object({ kind: Kind, id: Type.String({ maxLength: 4096 }) });
const TokenForm = Type.Object({
  token: Type.Optional(Type.String({ maxLength: 2_000 })),
  // Not `remove`: a field of that name stands before the form's own method, which morphing calls.
  forget: Type.Optional(Type.Literal('yes')),
});
const DeletionForm = Type.Object({ older_than_days: Type.String({ pattern: '^[0-9]{1,4}$' }) });
const TOKEN_BODY_BYTES_MAX = 4_096;

/** The routes. */
export const settingsPanelPages = (parts: PanelPagesParts) =>
  new Elysia({ name: 'settings-panel-pages' }).use(workPages(parts)).use(choicePages(parts)).use(otherPages(parts));

const ROOT = '/settings/engines';

function shelfOf({ shelves }: PanelPagesParts, kind: StartedKind): WatchedShelf {
  const shelf = shelves().find((each) => each.kind === kind);
  if (shelf) return shelf;
  throw new Fault('not-found', `Flow keeps no engines of the kind ${kind}.`);
}

/** What takes a while. `/live` tells how it goes. */
function workPages(parts: PanelPagesParts) {
  const { shell, board, shelves, install, upgrades } = parts;
  const answer = (request: Request): Response => done(shell, request, 'engines');
  return new Elysia({ name: 'settings-engine-work' })
    .post(
      `${ROOT}/check`,
      ({ request }) => {
        for (const shelf of shelves()) shelf.checkUpdates();
        void board.look();
        return answer(request);
      },
      access('page'),
    )
    .post(
      `${ROOT}/install`,
      ({ request, body }) => {
        install(body.kind);
        return answer(request);
      },
      { ...access('page'), body: KindForm },
    )
    .post(
      `${ROOT}/install-cancel`,
      ({ request, body }) => {
        shelfOf(parts, body.kind).installer.cancel();
        return answer(request);
      },
      { ...access('page'), body: KindForm },
    )
    .post(
      `${ROOT}/update`,
      ({ request, body }) => {
        upgrades.start({ kind: body.kind, version: null, model: null });
        return answer(request);
      },
      { ...access('page'), body: KindForm },
    )
    .post(
      `${ROOT}/update-cancel`,
      ({ request }) => {
        void upgrades.cancel();
        return answer(request);
      },
      { ...access('page'), body: KindForm },
    );
}

/** Which engine is used, and which goes. */
function choicePages(parts: PanelPagesParts) {
  const { shell, board, upgrades } = parts;
  const answer = (request: Request): Response => done(shell, request, 'engines');
  return new Elysia({ name: 'settings-engine-choice' })
    .post(
      `${ROOT}/rollback`,
      async ({ request, body }) => {
        const { version, id } = await upgrades.rollback(body.kind);
        if (!isFragment(request)) return answer(request);
        return told(shell, `${body.kind} ${version ?? id} is used from the next load on.`, '');
      },
      { ...access('page'), body: KindForm },
    )
    .post(
      `${ROOT}/choose`,
      async ({ request, body: { kind, id } }) => {
        const former = board.chosenOf(kind);
        await shelfOf(parts, kind).choose(id);
        if (!isFragment(request)) return answer(request);
        const undo = former === null || former === id ? '' : <EngineUndo kind={kind} id={former} />;
        return told(shell, `${kind} ${id} is used from the next load on.`, undo);
      },
      { ...access('page'), body: EngineForm },
    )
    .post(
      `${ROOT}/remove`,
      async ({ request, body: { kind, id } }) => {
        await shelfOf(parts, kind).remove(id);
        return isFragment(request) ? told(shell, `${kind} ${id} was removed.`, '') : answer(request);
      },
      { ...access('page'), body: EngineForm },
    );
}

function otherPages({ shell, view, hub, onToken, records, examine, setUpOf }: PanelPagesParts) {
  return new Elysia({ name: 'settings-other-pages' })
    .post(
      '/settings/token',
      ({ request, body }) => {
        try {
          if (body.forget === 'yes') hub.remove();
          else hub.save(body.token ?? '');
        } catch (cause) {
          const { kind, message, status } = asFault(cause);
          if (kind !== 'invalid-request' || !isFragment(request)) throw cause;
          return shell.fragment(<Token token={view.token(message)} />, { status });
        }
        onToken();
        return isFragment(request) ? shell.fragment(<Token token={view.token()} />) : seeOther(shell, '/settings#hub');
      },
      { ...access('page', TOKEN_BODY_BYTES_MAX), body: TokenForm },
    )
    .post(
      '/settings/records/deletion',
      ({ request, body }) => {
        // Told by `/live` when it is over: a database that was kept for years takes a while.
        void records.delete(Number(body.older_than_days));
        return done(shell, request, 'privacy');
      },
      { ...access('page'), body: DeletionForm },
    )
    .get('/settings/doctor', async () => shell.fragment(<Doctor findings={await examine()} />), access('page'))
    .get(
      '/settings/agents/:name',
      ({ request, params }) => {
        const setUp = setUpOf(params.name, request);
        if (isFragment(request)) return shell.fragment(<AgentSetUp setUp={setUp} />);
        const body = <AgentPage setUp={setUp} />;
        return shell.page(request, {
          title: `Set-up of ${setUp.title}`,
          current: 'settings',
          styles: ['settings', 'settings-panels'],
          body,
        });
      },
      access('page'),
    );
}

/** A notice, with a way back where there is one. */
function told(shell: Shell, message: string, undo: JSX.Element): Response {
  const safeUndo = undo;
  return shell.fragment(
    markupOf(
      <Partial target={noticeId} swap="beforeend">
        <Notice tone="info" message={message} hint={null}>
          {safeUndo}
        </Notice>
      </Partial>,
    ),
  );
}
