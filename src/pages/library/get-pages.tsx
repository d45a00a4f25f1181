/** @jsxImportSource @kitajs/html */
/** `/models/get`: the hub searched, its repositories with what fits, and the order of a download. */
import { Type } from '@sinclair/typebox';
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import type { Downloads } from '#src/downloads/downloads.ts';
import { Fault } from '#src/faults.ts';
import { detailOf } from '#src/hub/detail.ts';
import { findModels } from '#src/hub/find-models.ts';
import { ggufGroups } from '#src/hub/gguf-groups.ts';
import type { HubModel } from '#src/hub/hub.ts';
import type { HubLibrary } from '#src/hub/library.ts';
import { mlxGroup } from '#src/hub/mlx-group.ts';
import { checkRepositoryId } from '#src/hub/names.ts';
import { readOverrides } from '#src/models/launch.ts';
import { answered, isFragment, NoticePartial } from '#src/pages/models/told.tsx';
import type { Shell } from '#src/web/shell.tsx';
import { FoundList, FoundRows, foundId, HubTrouble, repositoryAddress } from '#views/library/found.tsx';
import { type GetFilter, GetPage, getAddress, RepositoryPage } from '#views/library/get-page.tsx';
import { Fits, type FitsData, Repository } from '#views/library/repository.tsx';
import { fitsData, foundRow, offersOf, readReference, repositoryData, roughBytes } from './present.ts';

export type GetPagesParts = {
  readonly shell: Shell;
  readonly library: HubLibrary;
  readonly downloads: Pick<Downloads, 'order'>;
  /** The context of a load by the settings; 0 = as trained. */
  readonly contextTokens: () => number;
  /** Memory for models on this machine. */
  readonly budgetBytes: () => number;
  /** Downloads under way. */
  readonly underWay: () => number;
};

const SAID = Type.Optional(Type.String({ maxLength: 200 }));
const GetQuery = Type.Object({
  ...{ q: SAID, tools: SAID, vision: SAID, reasoning: SAID, fits: SAID, repo: SAID, quant: SAID },
  author: Type.Optional(Type.String({ maxLength: 96 })),
  format: Type.Optional(Type.String({ maxLength: 10 })),
  sort: Type.Optional(Type.String({ maxLength: 20 })),
  cursor: Type.Optional(Type.String({ maxLength: 2_000 })),
});
const REPOSITORY = Type.String({ minLength: 1, maxLength: 200 });
const ModelQuery = Type.Object({ repo: REPOSITORY, quant: SAID });
const Optional = Type.Optional(Type.String({ maxLength: 400 }));
const FitsQuery = Type.Object({
  repo: REPOSITORY,
  ctx: Type.Optional(Type.String({ pattern: '^[0-9]{1,9}$' })),
  cache: Type.Optional(Type.String({ maxLength: 20 })),
  ...{ mmproj: Optional, draft: Optional, quant: Optional },
});
const OrderForm = Type.Object({
  repo: REPOSITORY,
  file: Type.Optional(Type.String({ maxLength: 1_000 })),
  ...{ ctx: Optional, cache: Optional, mmproj: Optional, draft: Optional, quant: Optional },
});

const RESULTS = 20;
const CONTEXT_USUAL = 32_768;
/** What a hub takes to list a repository; a caller that waits longer has gone. */
const LISTING_MS = 60_000;

/** The pages, the parts that they load, and the order. */
export const getPages = (parts: GetPagesParts) => {
  const { shell, underWay } = parts;
  const page = (request: Request, title: string, body: JSX.Element) =>
    shell.page(request, { title, current: 'models', styles: ['library'], scripts: ['filters', 'paste'], body });
  return new Elysia({ name: 'get-pages' })
    .get(
      '/models/get',
      ({ request, query }) => {
        if (query.repo) {
          const id = checkRepositoryId(query.repo);
          const opened = <RepositoryPage id={id} quantization={query.quant ?? ''} downloads={underWay()} />;
          return page(request, id, opened);
        }
        return page(request, 'Get models', <GetPage filter={filterOf(query)} downloads={underWay()} />);
      },
      { ...access('page'), query: GetQuery },
    )
    .get(
      '/models/get/results',
      async ({ request, query }) => {
        const filter = filterOf(query);
        const cursor = query.cursor || null;
        const isRest = cursor !== null && isFragment(request);
        // Rendered by a view: the name tells the escape checker so, here and below.
        const safeFound = await foundBy(parts, { filter, cursor, isRest }, request.signal);
        if (isFragment(request)) return shell.fragment(safeFound);
        return page(
          request,
          'Get models',
          <GetPage filter={filter} downloads={underWay()}>
            {safeFound}
          </GetPage>,
        );
      },
      { ...access('page'), query: GetQuery },
    )
    .get(
      '/models/get/model',
      async ({ request, query }) => {
        const id = checkRepositoryId(query.repo);
        const quantization = query.quant ?? '';
        const safeDetail = await detailed(parts, id, quantization, request.signal);
        if (isFragment(request)) return shell.fragment(safeDetail);
        const body = (
          <RepositoryPage id={id} quantization={quantization} downloads={underWay()}>
            {safeDetail}
          </RepositoryPage>
        );
        return page(request, id, body);
      },
      { ...access('page'), query: ModelQuery },
    )
    .get(
      '/models/get/fits',
      async ({ request, query }) => shell.fragment(<Fits fits={await fitsOf(parts.library, query, request.signal)} />),
      { ...access('page'), query: FitsQuery },
    )
    .post('/models/downloads/ordering', ({ request, body }) => ordered(parts, request, body), {
      ...access('page'),
      body: OrderForm,
    });
};

/** What cannot be asked for counts as not said. */
function filterOf(said: typeof GetQuery.static): GetFilter {
  const flag = (value: string | undefined): string => (value === '1' ? '1' : '');
  return {
    q: said.q ?? '',
    author: /^[A-Za-z0-9_.-]*$/.test(said.author ?? '') ? (said.author ?? '') : '',
    format: formatOf(said.format) ?? '',
    tools: flag(said.tools),
    vision: flag(said.vision),
    reasoning: flag(said.reasoning),
    fits: flag(said.fits),
    sort: said.sort === undefined ? '' : sortOf(said.sort),
  };
}

function formatOf(word: string | undefined): 'gguf' | 'mlx' | null {
  return word === 'gguf' || word === 'mlx' ? word : null;
}

function sortOf(word: string) {
  const sorts = ['downloads', 'likes', 'trending', 'updated', 'created'] as const;
  return sorts.find((sort) => sort === word) ?? 'downloads';
}

type Asked = {
  readonly filter: GetFilter;
  readonly cursor: string | null;
  /** Only what comes after the rows that are shown. */
  readonly isRest: boolean;
};

async function foundBy(
  { library: { hub }, budgetBytes }: GetPagesParts,
  { filter, cursor, isRest }: Asked,
  signal: AbortSignal,
) {
  const again = getAddress('/models/get/results', { ...filter, cursor: cursor ?? '' });
  try {
    const named = readReference(filter.q);
    const asked = {
      ...{ text: named?.repository ?? filter.q.trim(), tags: [], task: null, limit: RESULTS, cursor },
      author: filter.author || null,
      format: formatOf(filter.format),
      sort: sortOf(filter.sort),
    };
    const budget = budgetBytes();
    const wants = {
      ...{ tools: filter.tools === '1', vision: filter.vision === '1', reasoning: filter.reasoning === '1' },
      // What does not say its size may fit as well.
      admits: ({ id }: HubModel) => filter.fits !== '1' || (roughBytes(id) ?? 0) <= budget,
    };
    const { models, nextCursor } = await findModels(hub, asked, wants, signal);
    const found = {
      rows: models.map((model) => foundRow(model, budget)),
      named: named && { ...named, address: repositoryAddress(named.repository, named.quantization) },
      moreAddress: nextCursor && getAddress('/models/get/results', { ...filter, cursor: nextCursor }),
    };
    return isRest ? <FoundRows found={found} /> : <FoundList found={found} />;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return <HubTrouble id={foundId} trouble={{ message: cause.message, hint: cause.hint, again }} />;
  }
}

/** Refusals are what somebody came to see here, so they stand in the place of the answer. */
async function detailed(
  { library, contextTokens }: GetPagesParts,
  id: string,
  quantization: string,
  signal: AbortSignal,
) {
  try {
    const detail = await detailOf(library, id, signal);
    const repository = repositoryData(detail, library.hubUrl(), contextTokens() || CONTEXT_USUAL, quantization);
    return <Repository repository={repository} />;
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const again = getAddress('/models/get/model', { repo: id, quant: quantization });
    return <HubTrouble id="get-detail" trouble={{ message: cause.message, hint: cause.hint, again }} />;
  }
}

async function fitsOf(
  { hub, fits }: HubLibrary,
  { repo, ctx, cache, mmproj, quant }: typeof FitsQuery.static,
  signal: AbortSignal,
): Promise<FitsData> {
  const id = checkRepositoryId(repo);
  const named = quant ?? '';
  let offers: FitsData['offers'] = [];
  try {
    const files = await hub.files(id, 'main', signal);
    offers = offersOf(ggufGroups(files), mlxGroup(id, files));
    const launch = readOverrides({
      ...(ctx ? { ctx_size: Number(ctx) } : {}),
      ...(cache ? { cache_type_k: cache, cache_type_v: cache } : {}),
    });
    return fitsData(
      offers,
      await fits.report(id, { file: null, projector: mmproj ? null : '', launch }, signal),
      named,
    );
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    return { offers, recommended: null, named, basis: null, trouble: { message: cause.message, hint: cause.hint } };
  }
}

async function ordered(parts: GetPagesParts, request: Request, form: typeof OrderForm.static): Promise<Response> {
  const draft = form.draft?.trim() ?? '';
  const named = draft === '' ? null : readReference(draft);
  if (draft !== '' && named === null) {
    throw new Fault('invalid-request', 'The draft model is named as organisation/repository:quantisation.');
  }
  const order = {
    repository: checkRepositoryId(form.repo),
    filename: form.file || null,
    ...{ quantization: null, revision: null, draft: named },
    withProjector: form.mmproj === 'yes',
  };
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(LISTING_MS)]);
  const { view, isNew } = await parts.downloads.order(order, signal);
  const message = `${view.record.key} ${isNew ? 'is being downloaded' : 'is on its way already'}.`;
  const hint = 'Downloads shows how far it is.';
  const notice = <NoticePartial tone="info" message={message} hint={hint} />;
  return answered(parts.shell, request, notice, '/models/downloads');
}
