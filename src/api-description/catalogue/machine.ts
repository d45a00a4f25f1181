/** How this Flow is set up, the engines it uses, and whether it is well. */
import type { TaggedOperations } from '../operation.ts';

const ENDLESS = { isEndless: true } as const;

/** `/api/engines` and the older names of its updates. */
export const ENGINES: TaggedOperations = {
  tag: 'Engines',
  operations: [
    {
      route: 'GET /api/engines',
      summary: 'Engines that are there, and their updates',
      answers: {
        200: {
          json:
            '{ chosen: string | null, installed: { [name]: unknown }[], broken: { [name]: unknown }[], ' +
            'install: EngineInstall | null, is_installing: boolean, auto_update: string, ' +
            'rollback_to: string | null, kinds: { [name]: unknown } }',
        },
      },
    },
    {
      route: 'POST /api/engines/install',
      summary: 'Fetch an engine',
      answers: { 202: { json: "{ status: 'installing', install: EngineInstall | null }" } },
      faults: ['conflict', 'unprocessable'],
    },
    {
      route: 'DELETE /api/engines/install',
      summary: 'Stop fetching',
      answers: { 202: { json: "{ status: 'cancelling' }" } },
    },
    {
      route: 'POST /api/engines/choose',
      summary: 'Choose the engine to use',
      answers: { 200: { json: "{ status: 'ok', chosen: string, name: string }" } },
      faults: ['not-found', 'conflict', 'unprocessable'],
    },
    {
      route: 'DELETE /api/engines/*',
      path: '/api/engines/{id}',
      summary: 'Remove an engine that Flow fetched',
      parameters: { id: "The engine's id; it may hold slashes." },
      answers: { 200: { json: "{ status: 'removed', id: string }" } },
      faults: ['conflict', 'forbidden', 'unprocessable'],
    },
    {
      route: 'GET /api/engines/update',
      summary: 'How an update goes, and what the last one brought',
      answers: {
        200: {
          json:
            '{ updating: boolean, progress: EngineUpdate | null, auto_update: string, ' +
            'engines: { [name]: { [name]: unknown } } }',
        },
      },
    },
    {
      route: 'POST /api/engines/update',
      summary: 'Fetch a newer engine, try it, and keep it if nothing got worse',
      answers: { 202: { json: "{ status: 'updating', progress: EngineUpdate | null }" } },
      faults: ['conflict', 'model-not-found', 'unprocessable', 'engine-missing'],
    },
    {
      route: 'DELETE /api/engines/update',
      summary: 'Stop an update',
      answers: { 202: { json: "{ status: 'cancelling' }" } },
    },
    {
      route: 'POST /api/engines/rollback',
      summary: 'Go back to the engine before the last update',
      answers: { 200: { json: "{ status: 'ok', name: string, chosen: string, version: string | null }" } },
      faults: ['not-found', 'conflict', 'unprocessable'],
    },
    {
      route: 'GET /api/backend-versions',
      summary: 'Versions of the engines in use',
      answers: { 200: { json: '{ llamacpp: BackendVersion, mlx: BackendVersion }' } },
    },
    {
      route: 'POST /api/check-updates',
      summary: 'Look for newer engines',
      answers: { 200: { json: "{ status: 'checking' }" } },
    },
    {
      route: 'POST /api/update-backend/:backend',
      summary: 'Update one backend',
      parameters: { backend: '`llamacpp`, `mlx`, or the name of an MLX server.' },
      answers: { 202: { json: "{ status: 'updating' }" } },
      faults: ['conflict', 'unprocessable', 'engine-missing'],
    },
  ],
};

/** `/api/presets` and `/api/templates`. */
export const PRESETS: TaggedOperations = {
  tag: 'Presets and templates',
  operations: [
    {
      route: 'GET /api/presets',
      summary: 'Presets; with `model`, which of them suit it',
      answers: { 200: { json: '{ presets: Preset[] }' } },
      faults: ['model-not-found'],
    },
    {
      route: 'POST /api/presets',
      summary: 'Make a preset',
      answers: { 200: { json: 'Preset' } },
      faults: ['conflict'],
    },
    {
      route: 'PUT /api/presets/:id',
      summary: 'Change a preset',
      answers: { 200: { json: 'Preset' } },
      faults: ['conflict', 'forbidden'],
    },
    {
      route: 'DELETE /api/presets/:id',
      summary: 'Delete a preset',
      answers: { 200: { json: "{ status: 'deleted' }" } },
      faults: ['conflict', 'forbidden'],
    },
    {
      route: 'GET /api/templates/check',
      summary: "What is wrong with a model's chat template",
      answers: { 200: { json: '{ model_id: string, others: CheckedTemplate[] }' } },
      faults: ['model-not-found', 'unprocessable'],
    },
    {
      route: 'POST /api/templates/check',
      summary: 'What is wrong with any chat template',
      answers: { 200: { json: '{ model_id: string | null, others: CheckedTemplate[] }' } },
      faults: ['model-not-found', 'unprocessable'],
    },
    {
      route: 'PUT /api/templates/override',
      summary: 'Use another chat template for a model',
      about: '`text` null takes it back to its own.',
      answers: { 200: { json: '{ model_id: string, others: CheckedTemplate[] }' } },
      faults: ['model-not-found', 'unprocessable', 'conflict'],
    },
  ],
};

/** `/api/settings` and `/api/keys`. */
export const SETTINGS: TaggedOperations = {
  tag: 'Settings and keys',
  operations: [
    {
      route: 'GET /api/settings',
      summary: 'All settings',
      about: 'With `detail=1` each with its default, its origin and its schema.',
      answers: { 200: { json: '{ [name]: unknown }' } },
    },
    {
      route: 'PUT /api/settings',
      summary: 'Change some settings',
      body: 'SettingsPatch',
      answers: { 200: { json: "{ status: 'ok', settings: Settings }" } },
      faults: ['conflict'],
    },
    {
      route: 'PATCH /api/settings',
      summary: 'Change some settings',
      body: 'SettingsPatch',
      answers: { 200: { json: "{ status: 'ok', settings: Settings }" } },
      faults: ['conflict'],
    },
    { route: 'GET /api/keys', summary: 'All keys', answers: { 200: { json: '{ keys: Key[] }' } } },
    {
      route: 'POST /api/keys',
      summary: 'Make a key',
      about: 'Only this answer holds its text, as `secret`.',
      body: 'KeyWish',
      answers: { 201: { json: 'Key' } },
      faults: ['conflict', 'model-not-found'],
    },
    {
      route: 'PATCH /api/keys/:id',
      summary: 'Change what a key may do',
      parameters: { id: "The key's id or name." },
      body: 'KeyWish',
      answers: { 200: { json: 'Key' } },
      faults: ['conflict', 'model-not-found'],
    },
    {
      route: 'DELETE /api/keys/:id',
      summary: 'Revoke a key',
      parameters: { id: "The key's id or name." },
      answers: { 200: { json: "{ status: 'revoked', id: string, name: string }" } },
      faults: ['conflict'],
    },
  ],
};

/** Health, metrics, logs, and what changes as it changes. */
export const HEALTH: TaggedOperations = {
  tag: 'Health',
  operations: [
    {
      route: 'GET /health',
      summary: 'Whether Flow runs',
      answers: { 200: { json: "{ status: 'ok', service: 'flow', version: string }" } },
    },
    {
      route: 'GET /ready',
      summary: 'Whether Flow takes requests',
      answers: { 200: { json: "{ status: 'ready' }" } },
      faults: ['shutting-down'],
    },
    {
      route: 'GET /api/health',
      summary: 'Loaded models, the version, and what is amiss',
      answers: {
        200: {
          json:
            "{ status: 'ok', running_models: number, models: string[], version: string, " +
            'notices: { tone: string, text: string, at: number }[] }',
        },
      },
    },
    { route: 'GET /api/hardware', summary: 'The machine', answers: { 200: { json: 'Hardware' } } },
    {
      route: 'GET /metrics',
      summary: 'Figures for Prometheus',
      answers: { 200: { other: ['text/plain'] } },
    },
    {
      route: 'GET /api/logs',
      summary: 'The last log lines, or with `follow=1` the lines as they come',
      answers: {
        200: {
          json:
            '{ logs: string[], entries: { sequence: number, source: string, atMs: number, level: string, ' +
            'stream: string, text: string }[], dropped: number }',
          other: ['text/event-stream'],
        },
      },
    },
    {
      route: 'GET /api/events',
      summary: 'What changes, as JSON events',
      about: "It begins with a `snapshot` of everything; then each event holds one thing's new state.",
      answers: { 200: { other: ['text/event-stream'] } },
      faults: ['queue-full'],
      ...ENDLESS,
    },
    {
      route: 'WS /ws',
      summary: 'The same as messages of a WebSocket, in the words of older clients',
      answers: { 101: { about: 'The WebSocket is open.' } },
      ...ENDLESS,
    },
    {
      route: 'GET /openapi.json',
      summary: 'This description',
      answers: { 200: { json: '{ openapi: string, paths: { [name]: unknown } }' }, 304: {} },
    },
  ],
};
