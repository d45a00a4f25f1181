/** `/api/connect-external` and `/api/external`: engines that somebody else started. */
import { Elysia, t } from 'elysia';
import { access } from '#src/access.ts';
import type { Model } from '#src/models/model.ts';
import type { FleetModel } from '#src/scheduling/lease.ts';
import { portOf } from './addresses.ts';
import type { Connected, ExternalDesk } from './external-desk.ts';
import type { Offer } from './scan.ts';

export type ExternalRoutesParts = {
  readonly desk: ExternalDesk;
  readonly models: () => readonly Model[];
  readonly fleetModel: (modelId: string) => FleetModel;
  readonly clock: { wallMs(): number; monotonicMs(): number };
};

const optionalText = (maxLength: number) => t.Optional(t.Union([t.Null(), t.String({ maxLength })]));
const ConnectBody = t.Object({
  base_url: t.String({ minLength: 1, maxLength: 2_000 }),
  model_id: optionalText(500),
  api_key: optionalText(2_000),
  backend: t.Optional(t.Union([t.Null(), t.Literal('gguf'), t.Literal('mlx')])),
  name: optionalText(200),
});

/** The first has the seed's path and field names. */
export const externalRoutes = (parts: ExternalRoutesParts) =>
  new Elysia({ name: 'external-routes' })
    .post(
      '/api/connect-external',
      async ({ body, request }) => {
        const wish = {
          baseUrl: body.base_url,
          modelName: body.model_id || null,
          key: body.api_key || null,
          format: body.backend ?? null,
          name: body.name || null,
        };
        return connectedWire(await parts.desk.connect(wish, request.signal), parts);
      },
      { ...access('manage'), body: ConnectBody },
    )
    .get('/api/external', () => listing(parts), access('read'))
    .post(
      '/api/external/scan',
      async () => {
        await parts.desk.scan();
        return listing(parts);
      },
      access('manage'),
    );

function connectedWire({ model, isNew, recognised, served }: Connected, { fleetModel }: ExternalRoutesParts) {
  const { state } = fleetModel(model.id);
  const ready = state.phase === 'ready' ? state : null;
  const { baseUrl, engine, modelName } = model.endpoint;
  return {
    model_id: model.id,
    status: ready ? 'running' : 'loading',
    port: portOf(baseUrl),
    base_url: `${baseUrl}/v1`,
    external: true,
    is_new: isNew,
    engine,
    product: recognised.product,
    version: recognised.version,
    backend: model.format,
    served_as: modelName,
    context_length: ready?.contextTokens ?? served.contextTokens,
    slots: ready?.slots ?? served.slots,
    capabilities: model.capabilities,
    has_template: served.chatTemplate !== null,
    pid: ready?.pid ?? null,
    can_stop: (ready?.pid ?? null) !== null,
  };
}

function listing(parts: ExternalRoutesParts) {
  const { list, scannedAtMs, isScanning } = parts.desk.offers;
  // Nobody has looked yet: whoever asks sets it going, and sees the offers at the next look.
  if (scannedAtMs === null && !isScanning) void parts.desk.scan();
  return {
    connected: parts
      .models()
      .flatMap((model) => (model.endpoint ? [connectionWire(model, model.endpoint, parts)] : [])),
    offers: list.map(offerWire),
    scanned_at: scannedAtMs === null ? null : new Date(scannedAtMs).toISOString(),
    is_scanning: parts.desk.offers.isScanning,
  };
}

function connectionWire(model: Model, endpoint: NonNullable<Model['endpoint']>, parts: ExternalRoutesParts) {
  const { state, inFlight, measuredBytes } = parts.fleetModel(model.id);
  const since = 'sinceMs' in state ? parts.clock.wallMs() - (parts.clock.monotonicMs() - state.sinceMs) : null;
  const ready = state.phase === 'ready' ? state : null;
  return {
    model_id: model.id,
    base_url: `${endpoint.baseUrl}/v1`,
    engine: endpoint.engine,
    served_as: endpoint.modelName,
    is_reachable: ready !== null,
    phase: state.phase,
    since: since === null ? null : new Date(since).toISOString(),
    error: state.phase === 'failed' ? state.report.message : null,
    version: ready?.engineVersion ?? null,
    context_length: ready?.contextTokens ?? null,
    slots: ready?.slots ?? null,
    in_flight: inFlight,
    pid: ready?.pid ?? null,
    can_stop: (ready?.pid ?? null) !== null,
    resident_bytes: measuredBytes,
  };
}

function offerWire({ baseUrl, recognised, wantsKey }: Offer) {
  return {
    base_url: baseUrl,
    wants_key: wantsKey,
    engine: recognised?.engine ?? null,
    product: recognised?.product ?? null,
    version: recognised?.version ?? null,
    models: (recognised?.models ?? []).map((model) => ({
      name: model.modelName,
      title: model.title,
      backend: model.format,
      context_length: model.contextTokens,
    })),
  };
}
