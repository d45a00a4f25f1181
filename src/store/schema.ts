/** The tables, as drizzle sees them. `migrations.ts` is what really makes them; a test compares the two. */
import { index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { Behaviour } from '#src/models/behaviour.ts';
import type { Capabilities, Endpoint, LaunchOverrides, ModelConfig } from '#src/models/model.ts';

/** Names are for good: rows keep them. */
const REPAIR_KINDS = [
  'leaked-call',
  'typed-arguments',
  'think-tags',
  // A closing tag came without an opening one: from then on this model's answers begin as thoughts …
  'orphan-thought',
  // … until one of them was no thought.
  'unclosed-thought',
  'duplicate-call',
  'truncated-call',
  'engine-parser',
  'loop',
  'tool-schema',
  'thinking-room',
] as const;

/** Names are for good here too. */
const MARK_KINDS = ['unload', 'crash', 'engine', 'settings', 'model', 'start', 'stop'] as const;

/** Registered models: what they are, never what they are doing. */
export const models = sqliteTable('models', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  format: text('format', { enum: ['gguf', 'mlx'] }).notNull(),
  path: text('path').notNull(),
  hfId: text('hf_id'),
  quantization: text('quantization'),
  sizeBytes: integer('size_bytes').notNull(),
  trainedContextTokens: integer('trained_context_tokens'),
  capabilities: text('capabilities', { mode: 'json' }).$type<Capabilities>().notNull(),
  aliases: text('aliases', { mode: 'json' }).$type<string[]>().notNull(),
  isDemo: integer('is_demo', { mode: 'boolean' }).notNull(),
  isManaged: integer('is_managed', { mode: 'boolean' }).notNull(),
  config: text('config', { mode: 'json' }).$type<ModelConfig>().notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
  updatedAtMs: integer('updated_at_ms').notNull(),
  endpoint: text('endpoint', { mode: 'json' }).$type<Endpoint>(),
});

/**
 * Who chose a parameter: the caller, the model's settings, those of one of its variants, settings that win over the
 * caller, or Flow by itself (room for thoughts beside the answer).
 */
export type ParameterSource = 'caller' | 'model' | 'variant' | 'forced' | 'flow';

/** What was in effect for a request, by name. Numbers, switches and words of closed lists: nothing that was said. */
export type AskedParameters = {
  readonly [name: string]: readonly [value: number | boolean | string, source: ParameterSource];
};

/** One row for each request that ever ended, whatever its end. Times in ms since 1970 UTC; durations in ms. */
export const requests = sqliteTable(
  'requests',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    requestId: text('request_id').notNull(),
    modelId: text('model_id'),
    wantedModel: text('wanted_model'),
    route: text('route').notNull(),
    dialect: text('dialect').notNull(),
    client: text('client'),
    isStream: integer('is_stream', { mode: 'boolean' }).notNull(),
    engine: text('engine'),
    engineVersion: text('engine_version'),
    startedAtMs: integer('started_at_ms').notNull(),
    endedAtMs: integer('ended_at_ms').notNull(),
    outcome: text('outcome', { enum: ['completed', 'failed', 'cancelled'] }).notNull(),
    termination: text('termination').notNull(),
    errorKind: text('error_kind'),
    errorMessage: text('error_message'),
    finishReason: text('finish_reason'),
    queueMs: real('queue_ms'),
    loadMs: real('load_ms'),
    /** From the request's arrival to its first token: what the client felt. */
    ttftMs: real('ttft_ms'),
    /** From asking the engine to the first token: what the engine took. */
    engineTtftMs: real('engine_ttft_ms'),
    durationMs: real('duration_ms').notNull(),
    inputTokens: integer('input_tokens'),
    cachedTokens: integer('cached_tokens'),
    outputTokens: integer('output_tokens'),
    thinkingTokens: integer('thinking_tokens'),
    prefillTokensPerS: real('prefill_tokens_per_s'),
    decodeTokensPerS: real('decode_tokens_per_s'),
    repairs: text('repairs', { mode: 'json' }).$type<string[]>().notNull(),
    parameters: text('parameters', { mode: 'json' }).$type<AskedParameters>(),
  },
  (table) => [
    index('requests_started').on(table.startedAtMs),
    // Pages are read by descending id, so each filter has an index that already is in that order.
    index('requests_model').on(table.modelId, table.id),
    index('requests_outcome').on(table.outcome, table.id),
    index('requests_request').on(table.requestId),
  ],
);

/** A request's row before the database has numbered it. */
export type NewRequestRow = Omit<typeof requests.$inferSelect, 'id'>;
export type RequestRow = typeof requests.$inferSelect;

/** What loads really took. `key` names file, flags and engine build (`measurementKey`); one row a key and source. */
export const measurements = sqliteTable('measurements', {
  key: text('key').primaryKey(),
  modelId: text('model_id').notNull(),
  /** `short`: a load that was given less than `totalBytes` ran out of memory. */
  source: text('source', { enum: ['measured', 'engine', 'short'] }).notNull(),
  weightsBytes: integer('weights_bytes').notNull(),
  kvCacheBytes: integer('kv_cache_bytes').notNull(),
  computeBytes: integer('compute_bytes').notNull(),
  engineCacheBytes: integer('engine_cache_bytes').notNull(),
  totalBytes: integer('total_bytes').notNull(),
  measuredAtMs: integer('measured_at_ms').notNull(),
});

/** Each load, for usual load times and for the list of failures. */
export const loads = sqliteTable(
  'loads',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    modelId: text('model_id').notNull(),
    startedAtMs: integer('started_at_ms').notNull(),
    loadMs: real('load_ms').notNull(),
    outcome: text('outcome', { enum: ['ready', 'failed', 'abandoned'] }).notNull(),
    crashKind: text('crash_kind'),
  },
  (table) => [index('loads_model').on(table.modelId, table.startedAtMs)],
);

export type NewLoadRow = Omit<typeof loads.$inferSelect, 'id'>;

/** Moments that explain a chart: what was unloaded and why, what crashed, what was changed. Loads have their table. */
export const marks = sqliteTable(
  'marks',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    kind: text('kind', { enum: MARK_KINDS }).notNull(),
    /** The model or the engine that it is about; null = Flow itself. */
    subject: text('subject'),
    /** Why, in one word: the reason of an unload, the kind of a crash. */
    cause: text('cause'),
    /** What more there is to say: for whom room was made, a version, names of settings. Never their values. */
    detail: text('detail'),
    startedAtMs: integer('started_at_ms').notNull(),
  },
  (table) => [index('marks_started').on(table.startedAtMs)],
);

export type MarkRow = typeof marks.$inferSelect;
export type NewMarkRow = Omit<MarkRow, 'id'>;
export type MarkKind = (typeof MARK_KINDS)[number];

/** The machine's memory at a moment. Each row knows how long it is kept, so that old time has fewer of them. */
export const memorySamples = sqliteTable(
  'memory_samples',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    startedAtMs: integer('started_at_ms').notNull(),
    expiresAtMs: integer('expires_at_ms').notNull(),
    totalBytes: integer('total_bytes').notNull(),
    modelsBytes: integer('models_bytes').notNull(),
    appsBytes: integer('apps_bytes').notNull(),
    cacheBytes: integer('cache_bytes').notNull(),
    /** Bytes of each model that had a process. */
    byModel: text('by_model', { mode: 'json' }).$type<Readonly<Record<string, number>>>().notNull(),
  },
  (table) => [
    index('memory_samples_started').on(table.startedAtMs),
    index('memory_samples_expires').on(table.expiresAtMs),
  ],
);

export type MemorySampleRow = typeof memorySamples.$inferSelect;
export type NewMemorySampleRow = Omit<MemorySampleRow, 'id'>;

/** Single facts, for example that the demo model was deleted for good. */
export const facts = sqliteTable('facts', { key: text('key').primaryKey(), value: text('value').notNull() });

/** Answers of `/v1/responses` that a client asked to store. `body` holds input and answer as JSON. */
export const responses = sqliteTable(
  'responses',
  {
    id: text('id').primaryKey(),
    startedAtMs: integer('started_at_ms').notNull(),
    sizeCharacters: integer('size_characters').notNull(),
    body: text('body').notNull(),
  },
  (table) => [index('responses_started').on(table.startedAtMs, table.sizeCharacters)],
);

/** Presets that users made; those that come with Flow are in the code. */
export const presets = sqliteTable('presets', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  behaviour: text('behaviour', { mode: 'json' }).$type<Behaviour>().notNull(),
  launch: text('launch', { mode: 'json' }).$type<LaunchOverrides>().notNull(),
  createdAtMs: integer('created_at_ms').notNull(),
});

/** One row for each use of a repair. `key` is unique in a run; the texts are null unless the user wants them kept. */
export const repairs = sqliteTable(
  'repairs',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    key: text('key').notNull(),
    requestId: text('request_id').notNull(),
    modelId: text('model_id'),
    kind: text('kind', { enum: REPAIR_KINDS }).notNull(),
    note: text('note').notNull(),
    before: text('before'),
    after: text('after'),
    startedAtMs: integer('started_at_ms').notNull(),
  },
  (table) => [
    index('repairs_started').on(table.startedAtMs),
    index('repairs_model').on(table.modelId, table.kind, table.id),
    index('repairs_request').on(table.requestId),
  ],
);

export type RepairRow = typeof repairs.$inferSelect;
export type NewRepairRow = Omit<RepairRow, 'id'>;

/** What kinds of mending there are; each can be switched off for a model. */
export type RepairKind = (typeof REPAIR_KINDS)[number];

/** What a person and models said to each other on the chat page. `settings` is JSON of the chat area. */
export const conversations = sqliteTable(
  'conversations',
  {
    id: text('id').primaryKey(),
    title: text('title').notNull(),
    settings: text('settings', { mode: 'json' }).$type<unknown>().notNull(),
    /** The last turn of the branch that is shown. */
    leafId: text('leaf_id'),
    createdAtMs: integer('created_at_ms').notNull(),
    updatedAtMs: integer('updated_at_ms').notNull(),
    deletedAtMs: integer('deleted_at_ms'),
    /** It stands above the others, however old it is. */
    isPinned: integer('is_pinned', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [index('conversations_updated').on(table.updatedAtMs)],
);

/** One turn of a conversation. Turns form a tree: those with the same parent are versions of each other. */
export const turns = sqliteTable(
  'turns',
  {
    id: text('id').primaryKey(),
    conversationId: text('conversation_id').notNull(),
    parentId: text('parent_id'),
    role: text('role', { enum: ['user', 'assistant', 'tool'] }).notNull(),
    content: text('content').notNull(),
    reasoning: text('reasoning').notNull(),
    images: text('images', { mode: 'json' }).$type<readonly string[]>().notNull(),
    calls: text('calls', { mode: 'json' }).$type<unknown>().notNull(),
    modelId: text('model_id'),
    pairId: text('pair_id'),
    state: text('state', { enum: ['answering', 'done', 'stopped', 'failed'] }).notNull(),
    trouble: text('trouble', { mode: 'json' }).$type<unknown>(),
    figures: text('figures', { mode: 'json' }).$type<unknown>(),
    createdAtMs: integer('created_at_ms').notNull(),
    deletedAtMs: integer('deleted_at_ms'),
  },
  (table) => [index('turns_conversation').on(table.conversationId, table.createdAtMs)],
);

/** Keys that people were given. The key itself is nowhere: `digest` is its SHA-256. */
export const apiKeys = sqliteTable('api_keys', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  digest: text('digest').notNull().unique(),
  sessionDigest: text('session_digest').notNull().unique(),
  tail: text('tail').notNull(),
  scopes: text('scopes', { mode: 'json' }).$type<readonly string[]>().notNull(),
  models: text('models', { mode: 'json' }).$type<readonly string[]>(),
  requestsPerMinute: integer('requests_per_minute'),
  tokensPerDay: integer('tokens_per_day'),
  expiresAtMs: integer('expires_at_ms'),
  createdAtMs: integer('created_at_ms').notNull(),
  lastUsedAtMs: integer('last_used_at_ms'),
  lastPlace: text('last_place'),
  lastClient: text('last_client'),
  usedDay: text('used_day').notNull(),
  usedTokens: integer('used_tokens').notNull(),
});

export type ApiKeyRow = typeof apiKeys.$inferSelect;
