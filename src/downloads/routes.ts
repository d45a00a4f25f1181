/** `/api/models/download` and `/api/downloads`: the seed's paths, and what can be done with a download. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Clock } from '#src/clock.ts';
import { Fault } from '#src/faults.ts';
import type { Downloads } from './downloads.ts';
import type { DownloadView } from './held.ts';
import type { Order } from './order.ts';
import { downloadWire } from './wire.ts';

export type DownloadRoutesParts = {
  readonly downloads: Pick<Downloads, 'list' | 'need' | 'order' | 'pause' | 'resume' | 'cancel' | 'remove' | 'move'>;
  readonly clock: Clock;
};

const Text = t.String({ minLength: 1, maxLength: 400 });
const Optional = t.Optional(t.Union([t.Null(), Text]));
const OrderBody = t.Object({
  hf_id: Text,
  filename: Optional,
  quantization: Optional,
  revision: Optional,
  /** A vision projector, when the repository has one; true unless said otherwise. */
  with_mmproj: t.Optional(t.Boolean()),
  /** A draft model for speculative decoding: `REPO` or `REPO:QUANT`. */
  draft: Optional,
  // The seed's: where it goes is settled by Flow, and how large it is by the hub.
  local_dir: t.Optional(t.Union([t.Null(), t.String({ maxLength: 4096 })])),
  expected_size_bytes: t.Optional(t.Union([t.Null(), t.Number()])),
});
/** What a hub takes to list a repository; a caller that waits longer has gone. */
const LISTING_MS = 60_000;

export const downloadRoutes = ({ downloads, clock }: DownloadRoutesParts) => {
  const shown = (view: DownloadView) => downloadWire(view, clock);
  return new Elysia({ name: 'download-routes' })
    .post(
      '/api/models/download',
      async ({ body, set, request }) => {
        if (body.local_dir) {
          throw new Fault('invalid-request', 'Downloads go to the models folder; `local_dir` cannot be chosen.', {
            hint: 'Set models_dir in the settings.',
            details: { field: 'local_dir' },
          });
        }
        const signal = AbortSignal.any([request.signal, AbortSignal.timeout(LISTING_MS)]);
        const { view, isNew } = await downloads.order(orderOf(body), signal);
        set.status = 202;
        const { download_key, id, status, state } = shown(view);
        return { download_key, id, status, state, is_new: isNew };
      },
      { ...access('manage'), body: OrderBody },
    )
    .get(
      '/api/downloads',
      () => Object.fromEntries(downloads.list().map((view) => [view.record.key, shown(view)])),
      access('read'),
    )
    .get('/api/downloads/:id', ({ params }) => shown(downloads.need(params.id)), access('read'))
    .post('/api/downloads/:id/pause', ({ params }) => shown(downloads.pause(params.id)), access('manage'))
    .post('/api/downloads/:id/resume', ({ params }) => shown(downloads.resume(params.id)), access('manage'))
    .post('/api/downloads/:id/retry', ({ params }) => shown(downloads.resume(params.id)), access('manage'))
    .post('/api/downloads/:id/cancel', ({ params }) => shown(downloads.cancel(params.id)), access('manage'))
    .post('/api/downloads/:id/move', ({ params, body }) => shown(downloads.move(params.id, body.direction)), {
      ...access('manage'),
      body: t.Object({ direction: t.Union([t.Literal('sooner'), t.Literal('later')]) }),
    })
    .delete(
      '/api/downloads/:id',
      ({ params }) => {
        downloads.remove(params.id);
        return { status: 'removed', id: params.id };
      },
      access('manage'),
    );
};

type Body = {
  readonly hf_id: string;
  readonly filename?: string | null;
  readonly quantization?: string | null;
  readonly revision?: string | null;
  readonly with_mmproj?: boolean;
  readonly draft?: string | null;
};

function orderOf({ hf_id, filename, quantization, revision, with_mmproj, draft }: Body): Order {
  const main = parted(hf_id);
  return {
    repository: main.repository,
    filename: filename ?? null,
    quantization: quantization ?? main.quantization,
    revision: revision ?? null,
    withProjector: with_mmproj ?? true,
    draft: draft ? parted(draft) : null,
  };
}

/** `OWNER/NAME` or `OWNER/NAME:QUANT`, as Ollama's and llama.cpp's users write it. */
function parted(text: string): { repository: string; quantization: string | null } {
  const [repository = '', quantization] = text.split(':', 2);
  return { repository, quantization: quantization || null };
}
