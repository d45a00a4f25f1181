/** `/api/hf`: search, what a repository holds, whether it fits, and the token. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { readOverrides } from '#src/models/launch.ts';
import { percentDecoded } from '#src/percent.ts';
import { detailOf } from './detail.ts';
import { findModels } from './find-models.ts';
import type { FitWish } from './fit-desk.ts';
import type { HubLibrary } from './library.ts';
import { checkRepositoryId } from './names.ts';
import { detailedModel, foundModel, shownFit } from './wire.ts';

export type HubRoutesParts = { readonly library: HubLibrary; readonly modelsDir: () => string };

const Flag = t.Optional(t.Union(['', '0', '1', 'true', 'false'].map((word) => t.Literal(word))));
const SearchQuery = t.Object({
  q: t.Optional(t.String({ maxLength: 200 })),
  limit: t.Optional(t.Numeric({ minimum: 1, maximum: 100, multipleOf: 1 })),
  cursor: t.Optional(t.String({ maxLength: 2_000 })),
  author: t.Optional(t.String({ pattern: '^[A-Za-z0-9_.-]{0,96}$' })),
  format: t.Optional(t.Union([t.Literal('gguf'), t.Literal('mlx'), t.Literal('')])),
  tools: Flag,
  vision: Flag,
  reasoning: Flag,
  sort: t.Optional(t.Union(['downloads', 'likes', 'trending', 'updated', 'created'].map((name) => t.Literal(name)))),
});
const Short = t.Optional(t.String({ maxLength: 20 }));
const FitQuery = t.Object({
  file: t.Optional(t.String({ maxLength: 1_000 })),
  mmproj: t.Optional(t.String({ maxLength: 1_000 })),
  ctx: Short,
  slots: Short,
  cache_type_k: Short,
  cache_type_v: Short,
  flash_attn: Short,
  kv_bits: Short,
});
const ROOT = '/api/hf/model/';
const FIT = '/fit';
const TOKEN_BODY_BYTES_MAX = 4_096;
const RESULTS_USUAL = 20;

/** The seed's paths and field names, and beside them whether a model fits, and the token of gated ones. */
export const hubRoutes = ({ library, modelsDir }: HubRoutesParts) =>
  new Elysia({ name: 'hub-routes' })
    .get(
      '/api/hf/search',
      async ({ query, request }) => {
        const wants = { tools: isOn(query.tools), vision: isOn(query.vision), reasoning: isOn(query.reasoning) };
        const asked = {
          text: searchText(query.q ?? ''),
          author: query.author || null,
          format: query.format || null,
          tags: [],
          task: null,
          sort: query.sort ?? 'downloads',
          limit: query.limit ?? RESULTS_USUAL,
          cursor: query.cursor || null,
        } as const;
        const { models, nextCursor } = await findModels(library.hub, asked, wants, request.signal);
        return { results: models.map(foundModel), next_cursor: nextCursor };
      },
      { ...access('read'), query: SearchQuery },
    )
    .get(
      '/api/hf/model/*',
      async ({ request, query }) => {
        const { id, isFit } = target(request);
        const { signal } = request;
        if (isFit) return shownFit(id, await library.fits.report(id, wishOf(query), signal));
        return detailedModel(await detailOf(library, id, signal), library.hubUrl(), modelsDir());
      },
      { ...access('read'), query: FitQuery },
    )
    .get('/api/hf/token', () => shownToken(library), access('read'))
    .put(
      '/api/hf/token',
      ({ body }) => {
        // Checked by hand: what a schema finds wrong is repeated in its message.
        library.token.save(isObject(body) ? body.token : null, library.hubUrl());
        return { status: 'ok', ...shownToken(library) };
      },
      access('manage', TOKEN_BODY_BYTES_MAX),
    )
    .delete(
      '/api/hf/token',
      () => {
        library.token.remove();
        return { status: 'ok', ...shownToken(library) };
      },
      access('manage', TOKEN_BODY_BYTES_MAX),
    );

/** People paste addresses of pages, too. */
function searchText(text: string): string {
  return text.trim().replace(/^https?:\/\/[^/]*\/([^/?#]+\/[^/?#]+).*$/, '$1');
}

/** Whether there is one for the present hub: no more is ever told of it. */
function shownToken({ token, hubUrl }: HubLibrary) {
  const url = hubUrl();
  return { is_set: token.tokenFor(new URL(url).origin) !== null, hub_url: url };
}

/** `/api/hf/model/{owner}/{name}`, and the same with `/fit`; slashes encoded or not. */
function target(request: Request): { id: string; isFit: boolean } {
  const rest = percentDecoded(new URL(request.url).pathname.slice(ROOT.length));
  if (rest === null) throw new Fault('invalid-request', 'The address holds a percent sign that encodes nothing.');
  const isFit = rest.endsWith(FIT) && rest.split('/').length === 3;
  return { id: checkRepositoryId(isFit ? rest.slice(0, -FIT.length) : rest), isFit };
}

function wishOf(query: typeof FitQuery.static): FitWish {
  const launch = {
    ctx_size: numberIn(query.ctx),
    n_parallel: numberIn(query.slots),
    cache_type_k: query.cache_type_k || undefined,
    cache_type_v: query.cache_type_v || undefined,
    flash_attn: query.flash_attn || undefined,
    mlx_kv_bits: numberIn(query.kv_bits),
  };
  return {
    file: query.file || null,
    projector: query.mmproj === 'none' ? '' : query.mmproj || null,
    launch: readOverrides(Object.fromEntries(Object.entries(launch).filter(([, value]) => value !== undefined))),
  };
}

/** What is no number goes on as it is, and is refused with the name of its field. */
function numberIn(text: string | undefined): number | string | undefined {
  if (text === undefined || text === '') return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function isOn(flag: string | undefined): boolean {
  return flag === '1' || flag === 'true';
}
