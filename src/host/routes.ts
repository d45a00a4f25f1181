/** Health, hardware and metrics. */
import { Elysia } from 'elysia';
import { access } from '#src/access.ts';
import { armedTimers } from '#src/clock.ts';
import { openFiles } from '#src/descriptors.ts';
import { Fault } from '#src/faults.ts';
import type { Meters } from '#src/requests/meters.ts';
import type { Tracker } from '#src/requests/request.ts';
import type { FleetSnapshot } from '#src/scheduling/lease.ts';
import type { RecordWriter } from '#src/store/writer.ts';
import type { Hardware } from './hardware.ts';
import type { LoopLag } from './loop-lag.ts';
import { metricsText } from './metrics.ts';
import type { Mishaps } from './mishaps.ts';
import type { Notices } from './notices.ts';

export type HostRoutesParts = {
  readonly version: string;
  readonly fleet: () => FleetSnapshot;
  readonly hardware: Pick<Hardware, 'report'>;
  readonly tracker: Pick<Tracker, 'openCount' | 'tokensPerS'>;
  readonly meters: Meters;
  readonly writer: Pick<RecordWriter, 'droppedRows'>;
  readonly loopLag: Pick<LoopLag, 'worstMs'>;
  readonly mishaps: Pick<Mishaps, 'countOf'>;
  readonly notices: Pick<Notices, 'list'>;
  /** False once Flow is stopping: load balancers then send nothing new. */
  readonly isAccepting: () => boolean;
};

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export const hostRoutes = (parts: HostRoutesParts) =>
  new Elysia({ name: 'host-routes' })
    .get('/health', () => ({ status: 'ok', service: 'flow', version: parts.version }), access('public'))
    .get('/ready', () => readiness(parts), access('public'))
    .get('/api/health', () => health(parts), access('read'))
    .get('/api/hardware', () => parts.hardware.report(), access('read'))
    .get('/metrics', () => new Response(metrics(parts), { headers: { 'content-type': METRICS_TYPE } }), access('read'));

function readiness({ isAccepting }: HostRoutesParts) {
  if (!isAccepting()) throw new Fault('shutting-down', 'Flow is stopping and takes no new requests.');
  return { status: 'ready' };
}

function health({ fleet, version, notices }: HostRoutesParts) {
  const models = fleet().models.flatMap(({ modelId, state }) => (state.phase === 'ready' ? [modelId] : []));
  const told = notices.list().map(({ tone, text, atMs }) => ({ tone, text, at: atMs / 1000 }));
  return { status: 'ok', running_models: models.length, models, version, notices: told };
}

function metrics({ version, meters, fleet, tracker, writer, loopLag, mishaps }: HostRoutesParts): string {
  return metricsText({
    version,
    meters,
    fleet: fleet(),
    openRequests: tracker.openCount,
    tokensPerS: tracker.tokensPerS,
    droppedRows: writer.droppedRows,
    loopLagMs: loopLag.worstMs,
    mishaps,
    residentBytes: process.memoryUsage.rss(),
    openFiles: openFiles(),
    armedTimers: armedTimers(),
    uptimeS: process.uptime(),
  });
}
