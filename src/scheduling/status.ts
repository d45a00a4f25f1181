/** A model's state in the words of the listing under `/api/models`. */
import { impossible } from '#src/assert.ts';
import type { ModelStatus } from '#src/models/wire.ts';
import type { ModelState } from '#src/supervision/model-state.ts';

const NOTHING: Omit<ModelStatus, 'status'> = { port: null, pid: null, launch: null, error: null };

/** What the listing says of a model in this state. */
export function statusOf(state: ModelState): ModelStatus {
  switch (state.phase) {
    case 'idle':
      return { ...NOTHING, status: 'available' };
    case 'starting':
      return { ...NOTHING, status: 'loading', pid: state.pid };
    case 'ready':
      return { status: 'running', port: state.port, pid: state.pid, launch: state.launch, error: null };
    case 'stopping':
      return { ...NOTHING, status: 'unloading', pid: state.pid };
    case 'failed':
      return { ...NOTHING, status: 'error', error: state.report.message };
    default:
      return impossible(state);
  }
}
