/** @jsxImportSource @kitajs/html */
/** `/models`: the list, and what takes a model off it and back. Loading and settings have files of their own. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asFault } from '#src/faults.ts';
import type { JsonObject } from '#src/json.ts';
import type { Model } from '#src/models/model.ts';
import type { Presence } from '#src/models/presence.ts';
import type { Registry } from '#src/models/registry.ts';
import type { Removals } from '#src/models/removals.ts';
import { discard, type ModelRoutesParts } from '#src/models/routes.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import type { Shell } from '#src/web/shell.tsx';
import { MineRows } from '#views/models/list.tsx';
import { MinePage } from '#views/models/page.tsx';
import { bulkPages } from './bulk-pages.tsx';
import { readFilter } from './filter.ts';
import type { Mine } from './mine.tsx';
import { answered, NoticePartial } from './told.tsx';

export type ModelsPagesParts = {
  readonly shell: Shell;
  readonly mine: Mine;
  readonly presence: Pick<Presence, 'fresh'>;
  readonly removals: Pick<Removals, 'remove' | 'undo'>;
  readonly statusOf: ModelRoutesParts['statusOf'];
  readonly lender: Pick<Lender, 'load' | 'unload'>;
  readonly registry: Pick<Registry, 'updateConfig'>;
  /** Makes the demo again. */
  readonly bringDemoBack: () => Promise<void>;
  /** Throws Fault('model-not-found'). */
  readonly needModel: (modelId: string) => Model;
  /** What `GET /models` answers to programs: the listing of llama.cpp's router. */
  readonly listing: () => JsonObject;
};

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const SAID = Type.Optional(Type.String({ maxLength: 200 }));
const MineQuery = Type.Object({ q: SAID, state: SAID, format: SAID, can: SAID, sort: SAID, view: SAID, group: SAID });
const RemoveForm = Type.Object({
  model: MODEL_ID,
  files: Type.Union([Type.Literal('keep'), Type.Literal('delete')]),
});
/** Several are taken back together, with a blank between two. */
const RestoreForm = Type.Object({ token: Type.String({ minLength: 1, maxLength: 40_000 }) });
const RestartForm = Type.Object({ model: MODEL_ID, force: Type.Optional(Type.Literal('yes')) });

/** The list and its actions. */
export const modelsPages = (parts: ModelsPagesParts) => {
  const { shell, mine, presence, needModel } = parts;
  return new Elysia({ name: 'models-pages' })
    .get(
      '/models',
      async ({ request, query }) => {
        // llama.cpp's clients know this address too, and do not ask for a page.
        if (!request.headers.get('accept')?.includes('text/html')) return parts.listing();
        await presence.fresh();
        const body = <MinePage mine={mine.data(readFilter(query))} />;
        return shell.page(request, {
          title: 'Models',
          current: 'models',
          styles: ['models', 'model-cards', 'model-drawers'],
          scripts: ['filters', 'models', 'paste'],
          body,
        });
      },
      { ...access('page'), query: MineQuery },
    )
    .get('/models/rows', ({ query }) => shell.fragment(<MineRows mine={mine.data(readFilter(query))} />), {
      ...access('page'),
      query: MineQuery,
    })
    .post('/models/removing', ({ request, body }) => removed(parts, request, needModel(body.model), body.files), {
      ...access('page'),
      body: RemoveForm,
    })
    .post(
      '/models/restoring',
      ({ request, body }) => {
        const names = body.token.split(' ').map((token) => parts.removals.undo(token).name);
        const message = names.length === 1 ? `${names[0] ?? ''} is back.` : `${names.length} models are back.`;
        return answered(shell, request, <NoticePartial tone="info" message={message} />, '/models');
      },
      { ...access('page'), body: RestoreForm },
    )
    .post(
      '/models/demo',
      async ({ request }) => {
        await parts.bringDemoBack();
        const notice = <NoticePartial tone="info" message="The demo is back: a tiny model that shows how all works." />;
        return answered(shell, request, notice, '/models');
      },
      access('page'),
    )
    .use(bulkPages(parts))
    .post(
      '/models/restarting',
      ({ request, body }) => restarted(parts, request, needModel(body.model), body.force === 'yes'),
      { ...access('page'), body: RestartForm },
    );
};

function removed(parts: ModelsPagesParts, request: Request, model: Model, files: 'keep' | 'delete'): Response {
  const { undo, kept_files, files: became } = discard(model, files, parts);
  const message = became === 'deleted' ? `${model.name} was deleted.` : `${model.name} was removed from the list.`;
  const kept = kept_files.length === 0 ? null : `Kept, since other models need it: ${keptNames(kept_files)}.`;
  const action = undo
    ? {
        action: '/models/restoring',
        fields: { token: undo.token },
        label: 'Undo',
        description: `Bring ${model.name} back`,
      }
    : undefined;
  const notice = <NoticePartial tone="info" message={message} hint={kept} {...(action ? { action } : {})} />;
  return answered(parts.shell, request, notice, '/models');
}

function keptNames(files: readonly { readonly path: string }[]): string {
  return files.map(({ path }) => path).join(', ');
}

/** Stops a model and starts it with what was chosen. A busy one is stopped only by somebody who was told so. */
function restarted({ shell, lender }: ModelsPagesParts, request: Request, model: Model, isForced: boolean): Response {
  try {
    lender.unload(model.id, { force: isForced, reason: 'user' });
  } catch (cause) {
    const fault = asFault(cause);
    if (fault.kind !== 'conflict') throw fault;
    const action = {
      action: '/models/restarting',
      fields: { model: model.id, force: 'yes' },
      label: 'Restart all the same',
      description: `Restart ${model.name} and end its requests`,
      variant: 'danger',
    } as const;
    const notice = <NoticePartial tone="warning" message={fault.message} action={action} />;
    return answered(shell, request, notice, '/models', fault.status);
  }
  lender.load(model.id, {});
  const notice = <NoticePartial tone="info" message={`${model.name} is being loaded again.`} />;
  return answered(shell, request, notice, '/models');
}
