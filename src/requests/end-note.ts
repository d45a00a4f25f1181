/** What Flow's own log says of a request that has ended: enough to find it, nothing of what was said. */
import type { Logs } from '#src/logs/logs.ts';
import type { NewRequestRow } from '#src/store/schema.ts';

/** An engine's failure is a warning, any other a remark; what went well is for those who log everything. */
export function noteEnd(logs: Pick<Logs, 'debug' | 'info' | 'warning'>, row: NewRequestRow): void {
  if (row.outcome !== 'failed') logs.debug(`a request was ${row.outcome}`, factsOf(row));
  else if (row.termination.startsWith('E')) logs.warning('a request failed', factsOf(row));
  else logs.info('a request failed', factsOf(row));
}

function factsOf({ requestId, modelId, client, route, termination, errorKind, durationMs }: NewRequestRow) {
  return {
    request: requestId,
    ...(modelId === null ? {} : { model: modelId }),
    ...(client === null ? {} : { client }),
    route,
    ...(errorKind === null ? {} : { kind: errorKind }),
    termination,
    ms: Math.round(durationMs),
  };
}
