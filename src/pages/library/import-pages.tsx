/** @jsxImportSource @kitajs/html */
/** `/models/import`: what lies, runs or is set up on this machine, taken in where it is. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { byRealPath } from '#src/discovery/register-found.ts';
import { type DiscoveryRoutesParts, looked, registered } from '#src/discovery/routes.ts';
import type { ExternalDesk } from '#src/external/external-desk.ts';
import { Fault } from '#src/faults.ts';
import { foundSources } from '#src/imports/desk.ts';
import { answered, isFragment, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import { HubTrouble } from '#views/library/found.tsx';
import {
  Engines,
  type EnginesData,
  enginesId,
  ImportPage,
  LocalModels,
  localModelsId,
} from '#views/library/import-page.tsx';
import { Partial } from '#views/parts/partial.tsx';
import { pluralText } from '#views/parts/quantity.tsx';
import { type ConfigurationPagesParts, configurationPages } from './configuration-pages.tsx';

export type ImportPagesParts = DiscoveryRoutesParts &
  Omit<ConfigurationPagesParts, 'page'> & {
    readonly shell: Shell;
    readonly desk: Pick<ExternalDesk, 'offers' | 'scan' | 'connect'>;
    /** Downloads under way. */
    readonly underWay: () => number;
  };

const HERE = '/models/import';
const PATH = Type.String({ minLength: 1, maxLength: 4096 });
const PathForm = Type.Object({ path: PATH });
const TakeForm = Type.Object({ path: Type.Optional(Type.Union([PATH, Type.Array(PATH, { maxItems: 1_000 })])) });
const ConnectForm = Type.Object({
  address: Type.String({ minLength: 1, maxLength: 2_000 }),
  model: Type.Optional(Type.String({ maxLength: 500 })),
  key: Type.Optional(Type.String({ maxLength: 2_000 })),
});

/** The page and its actions. */
export const importPages = (parts: ImportPagesParts) => {
  const { shell, desk, registry, placeFor } = parts;
  const page = (request: Request, found?: JSX.Element, configuration?: JSX.Element) =>
    wholePage(parts, request, found, configuration);
  return new Elysia({ name: 'import-pages' })
    .use(configurationPages({ ...parts, page: (request, part) => page(request, undefined, part) }))
    .get(HERE, ({ request }) => page(request), access('page'))
    .get(
      `${HERE}/found`,
      async ({ request }) => {
        const found = await local(parts, request.signal);
        return isFragment(request) ? shell.fragment(found) : page(request, found);
      },
      access('page'),
    )
    .post(`${HERE}/taking`, ({ request, body }) => taken(parts, request, [body.path ?? []].flat()), {
      ...access('page', 1 << 20),
      body: TakeForm,
    })
    .post(
      `${HERE}/registering`,
      ({ request, body }) => {
        const { model, isNew } = registry.registerLocal(placeFor(body.path.trim(), request.headers));
        const message = isNew ? `${model.name} is in your list.` : `${model.name} was in your list already.`;
        return answered(shell, request, <NoticePartial tone="info" message={message} />, '/models');
      },
      { ...access('page'), body: PathForm },
    )
    .post(
      `${HERE}/looking`,
      async ({ request }) => {
        await desk.scan();
        return answered(shell, request, <EnginesPart desk={desk} />, HERE);
      },
      access('page'),
    )
    .post(
      `${HERE}/connecting`,
      async ({ request, body }) => {
        const { address, model, key } = body;
        const wish = { baseUrl: address, modelName: model || null, key: key || null, format: null, name: null };
        const connected = await desk.connect(wish, request.signal);
        const message = `${connected.model.name} is connected.`;
        return answered(
          shell,
          request,
          <>
            <EnginesPart desk={desk} />
            <NoticePartial tone="info" message={message} />
          </>,
          HERE,
        );
      },
      { ...access('page'), body: ConnectForm },
    );
};

/** The page with what is known already of its parts. Views rendered these: the names tell the escape checker so. */
function wholePage(
  { shell, desk, imports, underWay }: ImportPagesParts,
  request: Request,
  safeFound: JSX.Element | undefined,
  safeConfiguration: JSX.Element | undefined,
): Response {
  const body = (
    <ImportPage
      engines={engines(desk)}
      configurations={foundSources(imports)}
      configuration={safeConfiguration}
      downloads={underWay()}
    >
      {safeFound}
    </ImportPage>
  );
  const scripts = ['library', 'paste'];
  return shell.page(request, { title: 'Import models', current: 'models', styles: ['library'], scripts, body });
}

function EnginesPart({ desk }: Pick<ImportPagesParts, 'desk'>): JSX.Element {
  return (
    <Partial target={enginesId} swap="outerMorph">
      <Engines found={engines(desk)} />
    </Partial>
  );
}

function engines({ offers }: Pick<ExternalDesk, 'offers'>): EnginesData {
  return {
    hasLooked: offers.scannedAtMs !== null,
    engines: offers.list.map(({ baseUrl, recognised, wantsKey }) => ({
      ...{ baseUrl, wantsKey },
      product: recognised?.product ?? 'An engine',
      models: (recognised?.models ?? []).map(({ modelName }) => modelName),
    })),
  };
}

async function local(parts: ImportPagesParts, signal: AbortSignal): Promise<JSX.Element> {
  try {
    const { models, passed } = await looked(parts, signal);
    const known = byRealPath(parts.registry.list());
    const rows = models.map(({ path, realPath, name, place, format, quantization, sizeBytes }) => ({
      ...{ path, name, place, format, quantization, sizeBytes },
      modelId: known.get(realPath)?.id ?? null,
    }));
    return <LocalModels models={rows} skipped={passed.length} />;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const trouble = { message: cause.message, hint: cause.hint, again: `${HERE}/found` };
    return <HubTrouble id={localModelsId} trouble={trouble} />;
  }
}

async function taken(parts: ImportPagesParts, request: Request, paths: readonly string[]): Promise<Response> {
  const { results } = await registered(parts, paths, request.signal);
  const refused = results.filter(({ status }) => status === 'refused');
  const count = results.length - refused.length;
  const message = paths.length === 0 ? 'Tick what is to be used.' : `${pluralText(count, 'model')} in your list.`;
  const hint = refused.map(({ path, message: why }) => `${path}: ${why ?? 'refused'}`).join(' ');
  const safeLocal = await local(parts, request.signal);
  return answered(
    parts.shell,
    request,
    <>
      <Partial target={localModelsId} swap="outerMorph">
        {safeLocal}
      </Partial>
      <NoticePartial tone={refused.length > 0 ? 'warning' : 'info'} message={message} hint={hint || null} />
    </>,
    '/models',
  );
}
