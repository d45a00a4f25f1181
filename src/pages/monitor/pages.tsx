/** @jsxImportSource @kitajs/html */
/** The Monitor's page and what can be done on it. Each action answers at once; `/live` shows what comes of it. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { asFault, Fault } from '#src/faults.ts';
import type { Model } from '#src/models/model.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { Lender } from '#src/scheduling/lease.ts';
import type { Shell } from '#src/web/shell.tsx';
import { MonitorPage } from '#views/monitor/page.tsx';
import { ActionButton } from '#views/parts/button.tsx';
import { Notice, noticeId } from '#views/parts/notice.tsx';
import { Partial } from '#views/parts/partial.tsx';
import type { Monitor } from './monitor.tsx';
import { spanNamed } from './pace.ts';

export type MonitorPagesParts = {
  readonly monitor: Monitor;
  readonly shell: Shell;
  readonly lender: Pick<Lender, 'load' | 'unload'>;
  readonly tracker: Pick<Tracker, 'cancel'>;
  readonly findModel: (modelId: string) => Model | null;
  /** Whether nothing was ever answered here, so that a newcomer is to be led. */
  readonly isFresh: () => boolean;
  /** Persists the wish and publishes `model-changed`. */
  readonly pin: (modelId: string, isPinned: boolean) => void | Promise<void>;
};

/** What Ollama's clients look for at the root before they ask anything else; some compare every letter. */
const OLLAMA_GREETING = 'Ollama is running';

/** What nobody knows is looked at as if it had not been asked for. */
const MonitorQuery = Type.Object({ span: Type.Optional(Type.String()) });
const ModelForm = Type.Object({ model: Type.String({ minLength: 1, maxLength: 200 }) });
const UnloadForm = Type.Object({ ...ModelForm.properties, force: Type.Optional(Type.Literal('yes')) });
const PinForm = Type.Object({ ...ModelForm.properties, pinned: Type.Union([Type.Literal('yes'), Type.Literal('no')]) });
const CancelForm = Type.Object({ request: Type.String({ pattern: '^[0-9a-f]{1,32}$' }) });

/** `/` and its actions. */
export const monitorPages = ({ monitor, shell, lender, tracker, findModel, isFresh, pin }: MonitorPagesParts) => {
  const known = (modelId: string): Model => {
    const model = findModel(modelId);
    if (!model) throw new Fault('model-not-found', `There is no model ${modelId}.`);
    return model;
  };
  return new Elysia({ name: 'monitor-pages' })
    .get(
      '/',
      ({ request, query }) => {
        const isBrowser = request.headers.get('accept')?.includes('text/html') ?? false;
        if (!isBrowser) return new Response(OLLAMA_GREETING);
        const { origin } = new URL(request.url);
        const body = <MonitorPage monitor={monitor.data(spanNamed(query.span))} origin={origin} isFresh={isFresh()} />;
        return shell.page(request, {
          ...{ title: 'Monitor', current: 'monitor', body },
          styles: ['monitor', 'story'],
          scripts: ['monitor'],
        });
      },
      { ...access('page'), query: MonitorQuery },
    )
    .post(
      '/monitor/loading',
      ({ request, body }) => {
        lender.load(known(body.model).id, {});
        return done(shell, request);
      },
      { ...access('page'), body: ModelForm },
    )
    .post(
      '/monitor/unloading',
      ({ request, body }) => {
        const model = known(body.model);
        try {
          lender.unload(model.id, { force: body.force === 'yes', reason: 'user' });
        } catch (cause) {
          const fault = asFault(cause);
          if (fault.kind !== 'conflict' || !isFragment(request)) throw fault;
          return told(shell, <Busy model={model} message={fault.message} />, fault.status);
        }
        return isFragment(request) ? told(shell, <Unloaded model={model} />, 200) : done(shell, request);
      },
      { ...access('page'), body: UnloadForm },
    )
    .post(
      '/monitor/pinning',
      async ({ request, body }) => {
        await pin(known(body.model).id, body.pinned === 'yes');
        return done(shell, request);
      },
      { ...access('page'), body: PinForm },
    )
    .post(
      '/monitor/cancelling',
      ({ request, body }) => {
        if (!tracker.cancel(body.request)) throw new Fault('not-found', 'That request has already ended.');
        return done(shell, request);
      },
      { ...access('page'), body: CancelForm },
    );
};

/** Unloading is taken back rather than confirmed. */
function Unloaded({ model }: { model: Model }): JSX.Element {
  return (
    <Notice tone="info" message={`${model.name} is being unloaded.`} hint={null}>
      <ActionButton
        action="/monitor/loading"
        fields={{ model: model.id }}
        label="Undo"
        description={`Load ${model.name} again`}
      />
    </Notice>
  );
}

/** Cutting somebody off is never one click away. */
function Busy({ model, message }: { model: Model; message: string }): JSX.Element {
  return (
    <Notice tone="warning" message={message} hint={null}>
      <ActionButton
        action="/monitor/unloading"
        fields={{ model: model.id, force: 'yes' }}
        label="Unload all the same"
        description={`Unload ${model.name} and end its requests`}
        variant="danger"
      />
    </Notice>
  );
}

function told(shell: Shell, notice: JSX.Element, status: number): Response {
  const safeNotice = notice;
  return shell.fragment(
    <Partial target={noticeId} swap="beforeend">
      {safeNotice}
    </Partial>,
    { status },
  );
}

/** With scripts, `/live` shows the rest; without, the page is shown again. */
function done(shell: Shell, request: Request): Response {
  if (isFragment(request)) return new Response(null, { status: 204 });
  return shell.fragment('', { status: 303, headers: { location: '/' } });
}

function isFragment(request: Request): boolean {
  return request.headers.has('hx-request');
}
