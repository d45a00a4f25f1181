/** Where models come from: the hub, and other programs. */
import type { FaultKind } from '#src/faults.ts';
import type { Operation, TaggedOperations } from '../operation.ts';

/** What a hub that is away, busy, closed or broken leads to. */
const HUB_FAULTS: readonly FaultKind[] = [
  'offline',
  'hub-gated',
  'hub-busy',
  'hub-broken',
  'not-found',
  'unprocessable',
];
const TOKEN = "{ status: 'ok', is_set: boolean, hub_url: string }";

function onDownload(verb: string, summary: string): Operation {
  const answers = { 200: { json: 'Download' } };
  return { route: `POST /api/downloads/:id/${verb}`, summary, answers, faults: ['conflict'] };
}

/** `/api/hf`, `/api/models/download`, `/api/downloads`. */
export const DOWNLOADS: TaggedOperations = {
  tag: 'Downloads',
  operations: [
    {
      route: 'GET /api/hf/search',
      summary: 'Search the hub',
      answers: { 200: { json: '{ results: HubModel[], next_cursor: string | null }' } },
      faults: HUB_FAULTS,
    },
    {
      route: 'GET /api/hf/model/*',
      path: '/api/hf/model/{owner}/{name}',
      summary: 'What a repository of the hub holds',
      answers: {
        200: {
          json:
            '{ url: string, revision: string, description: string, total_size_bytes: number, file_count: number, ' +
            'has_gguf: boolean, has_mlx: boolean, gguf_groups: { [name]: unknown }[], ' +
            'mlx_groups: { [name]: unknown }[] }',
        },
      },
      faults: HUB_FAULTS,
    },
    {
      route: 'GET /api/hf/model/*',
      path: '/api/hf/model/{owner}/{name}/fit',
      summary: 'Whether its files would fit this machine',
      answers: {
        200: {
          json:
            '{ repository: string, revision: string, source: string, budget_bytes: number, slots: number, ' +
            'fits: { [name]: unknown }[], left_out: { [name]: unknown }[] }',
        },
      },
      faults: HUB_FAULTS,
    },
    {
      route: 'GET /api/hf/token',
      summary: 'Whether there is a token for the hub',
      answers: { 200: { json: '{ is_set: boolean, hub_url: string }' } },
    },
    {
      route: 'PUT /api/hf/token',
      summary: 'Keep a token for the hub',
      body: '{ token: string }',
      answers: { 200: { json: TOKEN } },
      faults: ['conflict'],
    },
    { route: 'DELETE /api/hf/token', summary: 'Forget the token', answers: { 200: { json: TOKEN } } },
    {
      route: 'POST /api/models/download',
      summary: 'Download a model',
      about: '`hf_id` is OWNER/NAME or OWNER/NAME:QUANT.',
      answers: {
        202: { json: '{ download_key: string, id: string, status: string, state: string, is_new: boolean }' },
      },
      faults: [...HUB_FAULTS, 'conflict', 'disk-full'],
    },
    {
      route: 'GET /api/downloads',
      summary: 'All downloads, by the key that clients know them by',
      answers: { 200: { json: '{ [name]: Download }' } },
    },
    { route: 'GET /api/downloads/:id', summary: 'One download', answers: { 200: { json: 'Download' } } },
    onDownload('pause', 'Pause a download'),
    onDownload('resume', 'Go on with a download'),
    onDownload('retry', 'Try a failed download again'),
    onDownload('cancel', 'Cancel a download'),
    onDownload('move', 'Move a download in the queue'),
    {
      route: 'DELETE /api/downloads/:id',
      summary: 'Take a download off the list',
      answers: { 200: { json: "{ status: 'removed', id: string }" } },
      faults: ['conflict'],
    },
  ],
};

/** `/api/discovery`, `/api/external`, `/api/imports`, `/api/agents`. */
export const FINDING: TaggedOperations = {
  tag: 'Finding',
  operations: [
    {
      route: 'GET /api/discovery',
      summary: 'Models that other programs put on this machine',
      answers: {
        200: {
          json:
            '{ models: { model_id: string | null, path: string, place: string, format: string, name: string, ' +
            'repository: string | null, quantization: string | null, size_bytes: number, parts: number, ' +
            'has_projector: boolean }[], total: number, skipped: { path: string, reason: string }[] }',
        },
      },
      faults: ['unprocessable'],
    },
    {
      route: 'POST /api/discovery',
      summary: 'Register some of them where they lie',
      answers: {
        200: {
          json:
            "{ results: { path: string, status: 'registered' | 'already_registered' | 'refused', " +
            'model_id: string | null, message: string | null }[] }',
        },
      },
      faults: ['unprocessable'],
    },
    {
      route: 'GET /api/external',
      summary: 'Engines that somebody else started: connected ones, and those that could be',
      answers: { 200: { json: 'ExternalEngines' } },
    },
    {
      route: 'POST /api/external/scan',
      summary: 'Look for running engines on this machine',
      answers: { 200: { json: 'ExternalEngines' } },
    },
    {
      route: 'POST /api/connect-external',
      summary: 'Use an engine that somebody else started',
      answers: {
        200: {
          json:
            '{ model_id: string, status: string, port: number, base_url: string, external: boolean, ' +
            'is_new: boolean, engine: string, product: string, version: string | null, backend: string, ' +
            'served_as: string, context_length: number | null, slots: number | null, ' +
            'capabilities: Capabilities, has_template: boolean, pid: number | null, can_stop: boolean }',
        },
      },
      faults: [
        'forbidden',
        'not-found',
        'conflict',
        'unprocessable',
        'engine-unreachable',
        'engine-refused',
        'offline',
      ],
    },
    {
      route: 'GET /api/imports',
      summary: "Other programs' configurations on this machine",
      answers: { 200: { json: '{ found: { source: string, path: string }[], sources: string[] }' } },
    },
    {
      route: 'POST /api/imports',
      summary: 'Take models, names and settings over',
      about: 'With `dry_run` it only says what it would do. A path needs the local key of `flow import`.',
      answers: {
        200: {
          json:
            '{ source: string, path: string, dry_run: boolean, models: { id: string, outcome: string }[], ' +
            'presets: { name: string, outcome: string }[], settings: { [name]: unknown }, ' +
            'not_taken: { what: string, why: string }[] }',
        },
      },
      faults: ['not-found', 'forbidden', 'unprocessable', 'conflict'],
    },
    {
      route: 'GET /api/agents',
      summary: 'Agents that can be set up',
      answers: {
        200: {
          json:
            '{ model: { id: string, name: string, context_tokens: number, capabilities: Capabilities, ' +
            'base_url: string } | null, agents: { name: string, title: string, prompt_tokens: number }[] }',
        },
      },
      faults: ['model-not-found'],
    },
    {
      route: 'GET /api/agents/:name',
      summary: "One agent's configuration for a model, to copy",
      answers: {
        200: {
          json:
            '{ agent: string, title: string, files: { path: string, format: string, text: string }[], ' +
            'command: string, warnings: string[], notes: string[], connect: string, model: { id: string, ' +
            'name: string, context_tokens: number, capabilities: Capabilities, base_url: string } }',
        },
      },
    },
  ],
};
