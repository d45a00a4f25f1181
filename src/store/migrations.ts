/**
 * Numbered migrations, applied once each, in order, in one transaction. A migration that was released is never edited.
 */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE models (
     id TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL, format TEXT NOT NULL, path TEXT NOT NULL, hf_id TEXT,
     quantization TEXT, size_bytes INTEGER NOT NULL, trained_context_tokens INTEGER, capabilities TEXT NOT NULL,
     aliases TEXT NOT NULL, is_demo INTEGER NOT NULL, is_managed INTEGER NOT NULL, config TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL);
   CREATE TABLE requests (
     id INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL, model_id TEXT, wanted_model TEXT,
     route TEXT NOT NULL, dialect TEXT NOT NULL, client TEXT, is_stream INTEGER NOT NULL, engine TEXT,
     engine_version TEXT, started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER NOT NULL, outcome TEXT NOT NULL,
     termination TEXT NOT NULL, error_kind TEXT, error_message TEXT, finish_reason TEXT, queue_ms REAL, load_ms REAL,
     ttft_ms REAL, engine_ttft_ms REAL, duration_ms REAL NOT NULL, input_tokens INTEGER, cached_tokens INTEGER,
     output_tokens INTEGER, thinking_tokens INTEGER, prefill_tokens_per_s REAL,
     decode_tokens_per_s REAL, repairs TEXT NOT NULL);
   CREATE INDEX requests_started ON requests (started_at_ms);
   CREATE INDEX requests_model ON requests (model_id, id);
   CREATE INDEX requests_outcome ON requests (outcome, id);
   CREATE TABLE measurements (
     key TEXT PRIMARY KEY, model_id TEXT NOT NULL, source TEXT NOT NULL, weights_bytes INTEGER NOT NULL,
     kv_cache_bytes INTEGER NOT NULL, compute_bytes INTEGER NOT NULL, engine_cache_bytes INTEGER NOT NULL,
     total_bytes INTEGER NOT NULL, measured_at_ms INTEGER NOT NULL);
   CREATE TABLE loads (
     id INTEGER PRIMARY KEY AUTOINCREMENT, model_id TEXT NOT NULL, started_at_ms INTEGER NOT NULL,
     load_ms REAL NOT NULL, outcome TEXT NOT NULL, crash_kind TEXT);
   CREATE INDEX loads_model ON loads (model_id, started_at_ms);
   CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL);`,
  `CREATE TABLE responses (
     id TEXT PRIMARY KEY, started_at_ms INTEGER NOT NULL, size_characters INTEGER NOT NULL, body TEXT NOT NULL);
   CREATE INDEX responses_started ON responses (started_at_ms, size_characters);`,
  `CREATE TABLE presets (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, behaviour TEXT NOT NULL, launch TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL);`,
  `CREATE TABLE repairs (
     id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, request_id TEXT NOT NULL, model_id TEXT,
     kind TEXT NOT NULL, note TEXT NOT NULL, before TEXT, after TEXT, started_at_ms INTEGER NOT NULL);
   CREATE INDEX repairs_started ON repairs (started_at_ms);
   CREATE INDEX repairs_model ON repairs (model_id, kind, id);
   CREATE INDEX repairs_request ON repairs (request_id);`,
  'ALTER TABLE models ADD COLUMN endpoint TEXT;',
  `CREATE TABLE conversations (
     id TEXT PRIMARY KEY, title TEXT NOT NULL, settings TEXT NOT NULL, leaf_id TEXT,
     created_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL, deleted_at_ms INTEGER);
   CREATE INDEX conversations_updated ON conversations (updated_at_ms);
   CREATE TABLE turns (
     id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, parent_id TEXT, role TEXT NOT NULL, content TEXT NOT NULL,
     reasoning TEXT NOT NULL, images TEXT NOT NULL, calls TEXT NOT NULL, model_id TEXT, pair_id TEXT,
     state TEXT NOT NULL, trouble TEXT, figures TEXT, created_at_ms INTEGER NOT NULL, deleted_at_ms INTEGER);
   CREATE INDEX turns_conversation ON turns (conversation_id, created_at_ms);`,
  `CREATE TABLE marks (
     id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, subject TEXT, cause TEXT, detail TEXT,
     started_at_ms INTEGER NOT NULL);
   CREATE INDEX marks_started ON marks (started_at_ms);
   CREATE TABLE memory_samples (
     id INTEGER PRIMARY KEY AUTOINCREMENT, started_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
     total_bytes INTEGER NOT NULL, models_bytes INTEGER NOT NULL, apps_bytes INTEGER NOT NULL,
     cache_bytes INTEGER NOT NULL, by_model TEXT NOT NULL);
   CREATE INDEX memory_samples_started ON memory_samples (started_at_ms);
   CREATE INDEX memory_samples_expires ON memory_samples (expires_at_ms);`,
  `ALTER TABLE requests ADD COLUMN parameters TEXT;
   CREATE INDEX requests_request ON requests (request_id);`,
  `CREATE TABLE api_keys (
     id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, digest TEXT NOT NULL UNIQUE,
     session_digest TEXT NOT NULL UNIQUE, tail TEXT NOT NULL, scopes TEXT NOT NULL, models TEXT,
     requests_per_minute INTEGER, tokens_per_day INTEGER, expires_at_ms INTEGER, created_at_ms INTEGER NOT NULL,
     last_used_at_ms INTEGER, last_place TEXT, last_client TEXT, used_day TEXT NOT NULL,
     used_tokens INTEGER NOT NULL);`,
  'ALTER TABLE conversations ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;',
];
