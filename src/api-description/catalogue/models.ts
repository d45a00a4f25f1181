/** What is registered, and starting and stopping it. */
import type { TaggedOperations } from '../operation.ts';

const ID = { id: "The model's id; it may hold slashes." } as const;
/** `conflict`: it is loaded, loading or busy. */
const STARTING = [
  'model-not-found',
  'conflict',
  'no-memory',
  'load-failed',
  'engine-missing',
  'shutting-down',
] as const;

/** `/api/models`, `/api/register-local`, `/api/trash`. */
export const MODELS: TaggedOperations = {
  tag: 'Models',
  operations: [
    { route: 'GET /api/models', summary: 'All models', answers: { 200: { json: 'Model[]' } } },
    {
      route: 'GET /api/models/*',
      path: '/api/models/{id}',
      summary: 'One model with its configuration',
      parameters: ID,
      answers: { 200: { json: 'Model' } },
    },
    {
      route: 'DELETE /api/models/*',
      path: '/api/models/{id}',
      summary: 'Remove a model',
      about: 'Files that Flow fetched go to the trash and can be had back for ten minutes; other files stay.',
      parameters: ID,
      answers: {
        200: {
          json:
            "{ status: 'deleted', model_id: string, files: 'deleted' | 'kept', " +
            'kept_files: { path: string, used_by: string[] }[], undo: { token: string, expires_at: string } | null }',
        },
      },
      faults: ['conflict'],
    },
    {
      route: 'GET /api/models/*',
      path: '/api/models/{id}/config',
      summary: "A model's configuration",
      parameters: ID,
      answers: { 200: { json: '{ config: WireConfig, load_params: { [name]: unknown } }' } },
    },
    {
      route: 'PUT /api/models/*',
      path: '/api/models/{id}/config',
      summary: "Change some fields of a model's configuration",
      about: 'Fields of the behaviour may stand beside the others; null takes one away.',
      parameters: ID,
      body:
        '{ launch?: LaunchSettings, behaviour?: Behaviour | null, cooldown_s?: integer | null, is_pinned?: boolean, ' +
        'preset?: string | null, variants?: { name: string, behaviour: Behaviour }[], aliases?: string[] }',
      answers: { 200: { json: '{ model_id: string, config: WireConfig }' } },
      faults: ['conflict'],
    },
    {
      route: 'DELETE /api/models/*',
      path: '/api/models/{id}/config',
      summary: 'Take a configuration back to nothing chosen',
      parameters: ID,
      answers: { 200: { json: '{ model_id: string, config: {} }' } },
    },
    {
      route: 'POST /api/models/scan',
      summary: 'Register what lies in the models folder',
      answers: {
        200: {
          json:
            '{ found: { id: string, name: string, backend: string, size_gb: number, path: string }[], ' +
            'total: number, skipped: { file: string, path: string, reason: string }[] }',
        },
      },
    },
    {
      route: 'POST /api/register-local',
      summary: 'Register a file or folder where it lies',
      answers: { 200: { json: '{ model_id: string, status?: string, name?: string, size_gb?: number }' } },
      faults: ['forbidden', 'not-found', 'unprocessable'],
    },
    {
      route: 'POST /api/models/undo',
      summary: 'Bring a removed model back',
      answers: { 200: { json: "{ status: 'restored', model_id: string }" } },
      faults: ['not-found', 'conflict'],
    },
    {
      route: 'GET /api/trash',
      summary: 'What was removed and can be had back',
      answers: {
        200: {
          json:
            '{ entries: { token: string, model_id: string, name: string, files: string, size_bytes: number, ' +
            'removed_at: string, expires_at: string }[], total: number, size_bytes: number }',
        },
      },
    },
    {
      route: 'DELETE /api/trash',
      summary: 'Empty the trash for good',
      answers: { 200: { json: "{ status: 'emptied', models: number }" } },
    },
  ],
};

/** Loading, unloading, and what a load would take. */
export const LOADING: TaggedOperations = {
  tag: 'Loading',
  operations: [
    {
      route: 'POST /api/models/*',
      path: '/api/models/{id}/load',
      summary: 'Load a model',
      about: 'Answers at once; with `wait=1` when it is ready or has failed.',
      parameters: ID,
      body: 'LaunchSettings',
      isBodyOptional: true,
      answers: {
        200: {
          about: 'It is loaded.',
          json: "{ model_id: string, status: 'running', port: number, base_url: string, notes?: string[] }",
        },
        202: { about: 'It is being loaded.', json: "{ model_id: string, status: 'loading', notes?: string[] }" },
      },
      faults: [...STARTING, 'engine-died', 'engine-silent', 'engine-unreachable', 'queue-timeout', 'model-unloaded'],
    },
    {
      route: 'POST /api/models/*',
      path: '/api/models/{id}/unload',
      summary: 'Unload a model',
      parameters: ID,
      body: '{ force?: boolean }',
      isBodyOptional: true,
      answers: {
        200: { json: "{ model_id: string, status: 'available', killed: boolean }" },
        202: { json: "{ model_id: string, status: 'unloading', killed: boolean }" },
      },
      faults: ['conflict', 'model-not-found'],
    },
    {
      route: 'POST /api/models/:id/fit',
      summary: 'What a load with these settings would take and do',
      about: 'It changes nothing.',
      body: 'LaunchSettings',
      isBodyOptional: true,
      answers: { 200: { json: 'Outlook' } },
      faults: ['model-not-found', 'conflict', 'unprocessable', 'load-failed', 'engine-missing'],
    },
    {
      route: 'POST /api/models/:id/:name/fit',
      summary: 'The same for an id with a slash',
      parameters: { id: 'What comes before the slash.', name: 'What comes after it.' },
      body: 'LaunchSettings',
      isBodyOptional: true,
      answers: { 200: { json: 'Outlook' } },
      faults: ['model-not-found', 'conflict', 'unprocessable', 'load-failed', 'engine-missing'],
    },
    {
      route: 'GET /api/models/running',
      summary: 'Models that are loaded or loading, and the machine',
      answers: {
        200: {
          json:
            '{ models: { model_id: string, name: string, backend: string, port: number | null, ' +
            'base_url: string | null, pid: number | null, is_running: boolean, backend_ready: boolean, ' +
            "load_progress: number | null, phase: 'starting' | 'ready' | 'stopping' }[], hardware: Hardware }",
        },
      },
    },
    {
      route: 'GET /api/fleet',
      summary: 'All that the scheduler knows: states, memory, the queue',
      answers: {
        200: {
          json:
            '{ models: { modelId: string, state: { phase: string }, inFlight: number, waiting: number, ' +
            'isPinned: boolean }[], nowMs: number, next: string[], memory: { budgetBytes: number, ' +
            'reservedBytes: number, byModel: { modelId: string, bytes: number, source: string }[] }, ' +
            'queue: { requestId: string, modelId: string, sinceMs: number, wait: { reason: string } }[], ' +
            'swaps: number }',
        },
      },
    },
  ],
};
