/** @jsxImportSource @kitajs/html */
/** What is done to several models of the list at once. Each of it can be taken back, or is asked about first. */
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { Registry } from '#src/models/registry.ts';
import { discard } from '#src/models/routes.ts';
import type { ActionProps } from '#views/parts/button.tsx';
import { bytesText, pluralText } from '#views/parts/quantity.tsx';
import type { ModelsPagesParts } from './pages.tsx';
import { answered, NoticePartial, type Told } from './told.tsx';

export type BulkPagesParts = Pick<ModelsPagesParts, 'shell' | 'lender' | 'needModel' | 'removals' | 'statusOf'> & {
  readonly registry: Pick<Registry, 'updateConfig'>;
};

const MODEL_ID = Type.String({ minLength: 1, maxLength: 200 });
const MODELS_MAX = 500;
const ModelIds = Type.Array(MODEL_ID, { maxItems: MODELS_MAX });
const BulkForm = Type.Object({
  act: Type.Union(['load', 'unload', 'pin', 'unpin', 'remove', 'ask', 'delete'].map((act) => Type.Literal(act))),
  model: Type.Optional(Type.Union([MODEL_ID, ModelIds])),
  /** The same as a JSON list, where a button says it. */
  models: Type.Optional(Type.String({ maxLength: 1 << 18 })),
});
const HERE = '/models';
const BULK = '/models/bulk';
const NAMES_SHOWN_MAX = 5;

/** The one route of it. */
export const bulkPages = (parts: BulkPagesParts) =>
  new Elysia({ name: 'models-bulk-pages' }).post(
    BULK,
    ({ request, body }) => {
      const models = chosenIn(body).map((id) => parts.needModel(id));
      const told: Told =
        models.length === 0
          ? { tone: 'warning', message: 'Tick the models that are meant.' }
          : done(parts, String(body.act), models);
      return answered(parts.shell, request, <NoticePartial {...told} />, HERE);
    },
    { ...access('page'), body: BulkForm },
  );

function chosenIn({ model, models }: typeof BulkForm.static): readonly string[] {
  if (models === undefined) return [model ?? []].flat();
  try {
    const list: unknown = JSON.parse(models);
    if (Value.Check(ModelIds, list)) return list;
  } catch {
    // Told below, like every other list that is none.
  }
  throw new Fault('invalid-request', 'The list of models cannot be read.');
}

function done(parts: BulkPagesParts, act: string, models: readonly Model[]): Told {
  switch (act) {
    case 'load':
      return loaded(parts, models);
    case 'unload':
      return unloaded(parts, models);
    case 'pin':
    case 'unpin':
      return pinned(parts, act === 'pin', models);
    case 'ask':
      return asked(models);
    default:
      return removed(parts, act === 'delete' ? 'delete' : 'keep', models);
  }
}

function loaded({ lender }: BulkPagesParts, models: readonly Model[]): Told {
  const { done: up, troubles } = each(models, ({ id }) => lender.load(id, {}));
  return { tone: 'info', message: `${pluralText(up.length, 'model')} being loaded again.`, hint: troubles };
}

/** What answers somebody stays: cutting people off is asked for one by one. */
function unloaded({ lender, statusOf }: BulkPagesParts, models: readonly Model[]): Told {
  const up = models.filter(({ id }) => ['running', 'loading'].includes(statusOf(id).status));
  const { done: gone, troubles } = each(up, ({ id }) => lender.unload(id, { force: false, reason: 'user' }));
  if (gone.length === 0) return { tone: 'warning', message: 'None of them could be unloaded.', hint: troubles };
  const message = `${pluralText(gone.length, 'model is', 'models are')} being unloaded.`;
  return { tone: 'info', message, hint: troubles, action: act('load', gone, 'Undo', 'Load them again') };
}

function pinned({ registry }: BulkPagesParts, isPinned: boolean, models: readonly Model[]): Told {
  const meant = models.filter(({ config }) => config.is_pinned !== isPinned);
  const { done: changed, troubles } = each(meant, ({ id }) => registry.updateConfig(id, { is_pinned: isPinned }));
  const word = isPinned ? 'pinned: never unloaded' : 'no longer pinned';
  const undo = act(isPinned ? 'unpin' : 'pin', changed, 'Undo', 'Take the pinning back');
  const message = `${pluralText(changed.length, 'model is', 'models are')} ${word}.`;
  return { tone: 'info', message, hint: troubles, ...(changed.length === 0 ? {} : { action: undo }) };
}

/** Says what would be deleted, before it is. */
function asked(models: readonly Model[]): Told {
  const own = models.filter(({ isManaged, endpoint }) => isManaged && endpoint === null);
  const others = models.length - own.length;
  const stay = `${pluralText(others, 'model')} that Flow did not download only leave the list; their files stay.`;
  if (own.length === 0) {
    const message = 'Flow downloaded none of them, so their files stay.';
    return { tone: 'warning', message, hint: 'Remove takes them off the list.' };
  }
  const bytes = own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const message = `Delete the files of ${pluralText(own.length, 'model')}, ${bytesText(bytes)}: ${named(own)}?`;
  const hint = `${others === 0 ? '' : `${stay} `}They can be had back for ten minutes.`;
  const label = `Delete ${bytesText(bytes)}`;
  return { tone: 'warning', message, hint, action: { ...act('delete', models, label, label), variant: 'danger' } };
}

function removed(parts: BulkPagesParts, files: 'keep' | 'delete', models: readonly Model[]): Told {
  const tokens: string[] = [];
  const { done: gone, troubles } = each(models, (model) => {
    const { undo } = discard(model, files, parts);
    if (undo) tokens.push(undo.token);
  });
  if (gone.length === 0) return { tone: 'warning', message: 'None of them could be removed.', hint: troubles };
  const word = files === 'delete' ? 'deleted' : 'removed from the list; nothing is deleted';
  const message = `${pluralText(gone.length, 'model was', 'models were')} ${word}.`;
  const action = {
    action: '/models/restoring',
    fields: { token: tokens.join(' ') },
    label: 'Undo',
    description: `Bring back ${named(gone)}`,
  };
  return { tone: 'info', message, hint: troubles, ...(tokens.length === 0 ? {} : { action }) };
}

/** One that refuses does not keep the others from it. */
function each(models: readonly Model[], perform: (model: Model) => unknown) {
  const troubles: string[] = [];
  const done = models.filter((model) => {
    try {
      perform(model);
      return true;
    } catch (cause) {
      troubles.push(asFault(cause).message);
      return false;
    }
  });
  return { done, troubles: troubles.length === 0 ? null : troubles.slice(0, NAMES_SHOWN_MAX).join(' ') };
}

function act(word: string, models: readonly Model[], label: string, description: string): ActionProps {
  const fields = { act: word, models: JSON.stringify(models.map(({ id }) => id)) };
  return { action: BULK, fields, label, description };
}

function named(models: readonly Model[]): string {
  const names = models.slice(0, NAMES_SHOWN_MAX).map(({ name }) => name);
  return models.length > NAMES_SHOWN_MAX ? `${names.join(', ')} and more` : names.join(', ');
}
