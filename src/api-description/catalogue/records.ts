/** What is asked and was, and what was said on the chat page. */
import type { TaggedOperations } from '../operation.ts';

/** `/api/requests`, `/api/telemetry` and views of them. */
export const REQUESTS: TaggedOperations = {
  tag: 'Requests',
  operations: [
    {
      route: 'GET /api/requests',
      summary: 'Open requests by model',
      answers: { 200: { json: '{ requests: { [name]: TrackedRequest[] } }' } },
    },
    {
      route: 'GET /api/requests/:id',
      summary: 'One request, open or ended',
      about: 'With `logs=1` also the lines that its engine and Flow wrote meanwhile.',
      answers: {
        200: {
          json:
            '{ request_id: string, model_id: string, route: string, stage: string, started_at: number, ' +
            'completed_at: number | null, timeline: { stage: string, ms: number | null }[], repairs: string[], ' +
            'mended: { kind: string, note: string, at: number }[], ' +
            'logs?: { lines: { source: string, level: string, at: number, text: string }[], left_out: number } }',
        },
      },
    },
    {
      route: 'POST /api/requests/:id/cancel',
      summary: 'End an open request',
      answers: { 202: { json: "{ status: 'cancelling', request_id: string }" } },
    },
    {
      route: 'POST /api/requests/clear-stuck',
      summary: 'End requests that have been silent for long',
      about: '`max_age` is in seconds, 120 unless given.',
      answers: { 200: { json: '{ cleared: number }' } },
    },
    {
      route: 'GET /api/telemetry',
      summary: 'Ended requests, the newest first',
      about: '`before` takes the `next_before` of the last page; `totals=1` adds up all that the filter leaves.',
      answers: {
        200: {
          json:
            '{ records: TelemetryRecord[], next_before: number | null, totals?: { requests: number, ' +
            'completed: number, failed: number, cancelled: number, inputTokens: number, cachedTokens: number, ' +
            'outputTokens: number, meanTtftMs: number | null, meanTokensPerS: number | null } }',
        },
      },
    },
    {
      route: 'GET /api/telemetry/marks',
      summary: 'What happened: starts, unloads, crashes, engines, settings',
      answers: {
        200: {
          json:
            '{ marks: { id: number, at: number, kind: string, subject: string | null, cause: string | null, ' +
            'detail: string | null }[], total: number }',
        },
      },
    },
    {
      route: 'GET /api/telemetry/memory',
      summary: 'What memory was used for',
      answers: {
        200: {
          json:
            '{ points: ({ at: number, total_bytes: number, models_bytes: number, apps_bytes: number, ' +
            'cache_bytes: number } | null)[] }',
        },
      },
    },
    {
      route: 'GET /api/model-activity',
      summary: 'What each loaded model is doing',
      answers: {
        200: {
          json:
            '{ activity: { [name]: { slots: { slot_id: number, state: string, progress: number | null }[], ' +
            'slots_processing: number, slots_deferred: number, tokens_per_sec: number | null, ' +
            'kv_cache_usage: null, requests: TrackedRequest[] } } }',
        },
      },
    },
    {
      route: 'GET /api/processing-progress',
      summary: 'How much of each prompt has been read',
      answers: { 200: { json: '{ progress: { [name]: number } }' } },
    },
    {
      route: 'GET /api/repairs',
      summary: 'What was mended in answers',
      answers: { 200: { json: '{ repairs: Repair[], counts: { [name]: { [name]: number } } }' } },
    },
  ],
};

/** `/api/conversations`. */
export const CONVERSATIONS: TaggedOperations = {
  tag: 'Conversations',
  operations: [
    {
      route: 'GET /api/conversations',
      summary: 'Conversations, or those in which a text was said',
      answers: {
        200: {
          json: '{ conversations: { id: string, title: string, is_pinned: boolean, updated_at: number }[] }',
        },
      },
    },
    {
      route: 'GET /api/conversations/:id',
      summary: 'One conversation with all its turns',
      answers: {
        200: {
          json:
            '{ id: string, title: string, is_pinned: boolean, settings: { [name]: unknown }, ' +
            'leaf_id: string | null, turns: { id: string, parent_id: string | null, role: string, ' +
            'content: string, reasoning: string, tool_calls: unknown[], images: string[], ' +
            'model_id: string | null, state: string, error: unknown, created_at: number }[] }',
        },
      },
    },
    {
      route: 'PATCH /api/conversations/:id',
      summary: 'Rename or pin a conversation',
      answers: { 200: { json: '{ id: string, title: string, is_pinned: boolean }' } },
    },
    {
      route: 'DELETE /api/conversations/:id',
      summary: 'Delete a conversation',
      answers: { 200: { json: '{ id: string, undo: string }' } },
    },
    {
      route: 'POST /api/conversations/:id/restore',
      summary: 'Bring a deleted conversation back',
      answers: { 200: { json: '{ id: string }' } },
    },
  ],
};
