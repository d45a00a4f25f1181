/** The shapes that several operations share, by the name under which the document lists them. */
import { Type } from '@sinclair/typebox';
import { Behaviour } from '#src/models/behaviour.ts';
import { LaunchOverrides } from '#src/models/model.ts';
import { Settings } from '#src/settings/settings.ts';
import type { Shape } from './operation.ts';

/** Named shapes. Times are ISO 8601 as text and seconds since 1970 as numbers, unless a name says `ms`. */
export const COMPONENT_SHAPES: Readonly<Record<string, Shape>> = {
  Behaviour,
  LaunchSettings: LaunchOverrides,
  // A run may have been told to take whichever port is free.
  Settings: Type.Object({ ...Settings.properties, port: Type.Integer({ minimum: 0, maximum: 65_535 }) }),
  SettingsPatch: Type.Partial(Settings),
  Error: '{ error: { kind: string, message: string, hint?: string, request_id?: string } }',
  OpenAIError: '{ error: { message: string, type: string, code: string | number | null, param?: string | null } }',
  AnthropicError: "{ type: 'error', error: { type: string, message: string }, request_id?: string | null }",
  OllamaError: '{ error: string }',
  Capabilities: '{ tools: boolean, thinking: boolean, vision: boolean, embedding: boolean }',
  WireConfig:
    '{ aliases: string[], behaviour: Behaviour, launch: LaunchSettings, cooldown_s: number | null, ' +
    'is_pinned: boolean, preset: string | null, variants: { name: string, behaviour: Behaviour }[] }',
  Model:
    "{ id: string, name: string, hf_id: string | null, backend: 'gguf' | 'mlx', gguf_file: string | null, " +
    'mlx_path: string | null, quantization: string | null, size_gb: number, size_bytes: number, ' +
    "memory_gb: number | null, memory_source: 'engine' | 'measured' | 'formula' | null, status: string, " +
    'port: number | null, pid: number | null, error: string | null, needs_restart: boolean, ' +
    'missing: { reason: string, message: string, hint: string } | null, context_length: number | null, ' +
    'capabilities: Capabilities, aliases: string[], is_demo: boolean, is_managed: boolean, is_pinned: boolean, ' +
    'cooldown_s: number | null, external: boolean, base_url: string | null, created_at: string, ' +
    'template_valid: boolean | null, template_errors: string[], template_warnings: string[], ' +
    'supports_tools: boolean, config?: WireConfig }',
  ListedModel:
    "{ id: string, object: 'model', created: integer, owned_by: string, type: 'model', display_name: string, " +
    'created_at: string, max_input_tokens: number | null, max_tokens: number, context_length: number | null, ' +
    'trained_context_length: number | null, capabilities: { [name]: unknown }, state: string, ' +
    'status: { value: string }, aliases: string[], variant_of?: string, quantization: string | null, ' +
    'size_bytes: number, meta?: { [name]: unknown } }',
  Preset:
    '{ id: string, name: string, builtin: boolean, description: string, config: Behaviour, ' +
    'load_params?: LaunchSettings, families: string[], suits?: boolean }',
  Key:
    "{ id: string, name: string, key: string, scopes: ('infer' | 'read' | 'manage')[], models: string[] | null, " +
    'requests_per_minute: number | null, tokens_per_day: number | null, tokens_today: number, ' +
    'expires_at: string | null, is_expired: boolean, created_at: string | null, last_used_at: string | null, ' +
    'last_used_from: string | null, last_client: string | null }',
  KeyWish:
    "{ name?: string, scopes?: ('infer' | 'read' | 'manage')[], models?: string[] | null, " +
    'requests_per_minute?: integer | null, tokens_per_day?: integer | null, expires_at?: string | null }',
  Download:
    '{ id: string, download_key: string, hf_id: string, status: string, model_id: string | null, ' +
    'filename: string | null, progress: number, error: string | null, revision: string | null, ' +
    "format: 'gguf' | 'mlx', quantization: string | null, " +
    "state: 'queued' | 'running' | 'paused' | 'verifying' | 'registering' | 'complete' | 'failed' | 'cancelled', " +
    'reason: { kind: string, message: string, hint: string | null } | null, note: string | null, bytes: number, ' +
    'total_bytes: number, checked_bytes: number | null, bytes_per_second: number | null, ' +
    'eta_seconds: number | null, waiting: { kind: string, message: string, retry_at: number } | null, ' +
    'files: { path: string, role: string, size_bytes: number, bytes: number, sha256: string | null }[], ' +
    'created_at: number, ended_at: number | null }',
  TrackedRequest:
    '{ request_id: string, model_id: string, route: string, stage: string, started_at: number, ' +
    'output_tokens: number, input_tokens: number | null, tokens_per_sec: number | null, ttft_ms: number | null, ' +
    'first_token_time: number | null, error_message: string | null, completed_at: number | null, ' +
    'error_kind: string | null, wanted_model: string | null, dialect: string, client: string | null, ' +
    'stream: boolean, stage_since: number, waiting_for: string | null, place_in_queue: number | null, ' +
    'load_stage: string | null, load_progress: number | null, prefill_progress: number | null, ' +
    'cached_tokens: number | null, queue_ms: number | null, load_ms: number | null, repairs: string[], ' +
    'termination: string | null }',
  TelemetryRecord:
    '{ id: number, request_id: string, model_id: string, timestamp: string, ended_at: string, outcome: string, ' +
    'termination: string, ttft_ms: number | null, tokens_per_sec: number | null, input_tokens: number | null, ' +
    'output_tokens: number | null, total_tokens: number | null, backend: string | null, error: string | null, ' +
    'wanted_model: string | null, route: string, dialect: string, client: string | null, stream: boolean, ' +
    'engine_version: string | null, error_kind: string | null, finish_reason: string | null, ' +
    'queue_ms: number | null, load_ms: number | null, engine_ttft_ms: number | null, duration_ms: number | null, ' +
    'cached_tokens: number | null, thinking_tokens: number | null, prefill_tokens_per_sec: number | null, ' +
    'repairs: string[], parameters: { [name]: { value: unknown, source: string } } | null }',
  Repair:
    '{ request_id: string, model_id: string | null, kind: string, note: string, at: number, ' +
    'before: string | null, after: string | null }',
  Outlook:
    "{ model_id: string, backend: 'gguf' | 'mlx', verdict: 'fits' | 'tight' | 'too-big', source: string, " +
    'total_bytes: number, weights_bytes: number, kv_cache_bytes: number, compute_bytes: number, ' +
    'engine_cache_bytes: number, budget_bytes: number, free_bytes: number, available_bytes: number, ' +
    "is_running: boolean, decision: 'start' | 'wait' | 'refuse', unloads: string[], pinned: string[], " +
    'outlook: string, slots: number, context_tokens: number, trained_context_tokens: number | null, ' +
    'largest_context_tokens: number, largest_slots: number, expected_tokens_per_s: number | null, ' +
    'expected_from: string[], launch: LaunchSettings, command: string[] | null, warnings: string[] }',
  Hardware:
    '{ chip: string, memory_total_gb: number, memory_available_gb: number, memory_used_gb: number, ' +
    'cpu_count: number, is_apple_silicon: boolean, metal_supported: boolean, recommended_max_model_gb: number, ' +
    'memory_budget_bytes: number, platform: string, architecture: string }',
  EngineUpdate:
    '{ name: string, version: string | null, phase: string, ratio: number | null, message: string, ' +
    'step: string | null, steps: { name: string, outcome: string, duration_ms: number, message: string }[], ' +
    'started_at: number }',
  EngineInstall: '{ phase: string, source: string | null, bytes: number, total_bytes: number | null, message: string }',
  BackendVersion:
    '{ name: string, current: string | null, latest: string | null, update_available: boolean, ' +
    'install_method: string, updating: boolean, update_log: string[], error: string | null }',
  CheckedTemplate:
    '{ source: string, file: string | null, name?: string | null, text: string, template_valid: boolean, ' +
    "findings: { kind: string, severity: 'error' | 'warning' | 'note', message: string, detail: string | null }[], " +
    'facts: { [name]: unknown } | null }',
  ExternalEngines:
    '{ connected: { model_id: string, base_url: string, engine: string, served_as: string, is_reachable: boolean, ' +
    'phase: string, since: string | null, error: string | null, version: string | null, ' +
    'context_length: number | null, slots: number | null, in_flight: number, pid: number | null, ' +
    'can_stop: boolean, resident_bytes: number | null }[], ' +
    'offers: { base_url: string, wants_key: boolean, engine: string | null, product: string | null, ' +
    'version: string | null, models: { name: string, title: string, backend: string, ' +
    'context_length: number | null }[] }[], scanned_at: string | null, is_scanning: boolean }',
  HubModel:
    '{ id: string, author: string, downloads: number, likes: number, tags: string[], ' +
    'pipeline_tag: string | null, library_name: string | null, private: boolean, created_at: string | null, ' +
    'last_modified: string | null, has_gguf: boolean, has_mlx: boolean, ' +
    'capabilities: { tools: boolean, vision: boolean, reasoning: boolean } }',
  Message: '{ role: string, content?: unknown, name?: string, tool_calls?: unknown[], tool_call_id?: string }',
  ChatQuestion:
    '{ model?: string, messages: Message[], stream?: boolean, max_tokens?: integer | null, ' +
    'max_completion_tokens?: integer | null, temperature?: number | null, top_p?: number | null, ' +
    'stop?: string | string[] | null, seed?: integer | null, tools?: unknown[] | null, tool_choice?: unknown, ' +
    'response_format?: unknown, reasoning_effort?: string | null, stream_options?: unknown }',
  ChatAnswer:
    "{ id: string, object: 'chat.completion', created: integer, model: string, choices: { index: integer, " +
    'message: Message, finish_reason: string | null }[], usage?: { [name]: unknown } }',
  TextQuestion:
    '{ model?: string, prompt: unknown, stream?: boolean, max_tokens?: integer | null, ' +
    'temperature?: number | null, stop?: string | string[] | null, seed?: integer | null }',
  TextAnswer:
    '{ id: string, object: string, created: integer, model: string, choices: { index: integer, text: string, ' +
    'finish_reason: string | null }[], usage?: { [name]: unknown } }',
  NativeQuestion: '{ model?: string, prompt: unknown, stream?: boolean, n_predict?: integer, stop?: string[] }',
  NativeAnswer: '{ content: string, stop?: boolean }',
  InfillQuestion:
    '{ model?: string, input_prefix: string, input_suffix: string, stream?: boolean, n_predict?: integer }',
  EmbeddingsQuestion: '{ model?: string, input: unknown, encoding_format?: string, dimensions?: integer }',
  EmbeddingsAnswer: "{ object: 'list', model: string, data: { embedding: unknown, index: integer }[] }",
  RerankQuestion:
    '{ model?: string, query: string, documents?: unknown[], texts?: unknown[], top_n?: integer, ' +
    'return_documents?: boolean }',
  RerankAnswer: '{ results: { index: integer, relevance_score: number }[] }',
  AnthropicQuestion:
    '{ model?: string, messages: Message[], max_tokens: integer, system?: unknown, stream?: boolean, ' +
    'temperature?: number, top_p?: number, top_k?: integer, stop_sequences?: string[], tools?: unknown[], ' +
    'tool_choice?: unknown, thinking?: unknown }',
  AnthropicAnswer:
    "{ id: string, type: 'message', role: 'assistant', model: string, content: { type: string }[], " +
    'stop_reason: string | null, stop_sequence: string | null, usage: { input_tokens: integer, output_tokens: integer } }',
  ResponsesQuestion:
    '{ model?: string, input: unknown, instructions?: string | null, stream?: boolean | null, ' +
    'store?: boolean | null, previous_response_id?: string | null, max_output_tokens?: integer | null, ' +
    'temperature?: number | null, top_p?: number | null, tools?: unknown[], tool_choice?: unknown, ' +
    'reasoning?: unknown, text?: unknown }',
  ResponsesAnswer:
    "{ id: string, object: 'response', created_at: number, status: string, model: string, " +
    'output: { type: string }[] }',
  OllamaChatQuestion:
    '{ model: string, messages?: Message[], stream?: boolean, tools?: unknown[], format?: unknown, ' +
    'options?: { [name]: unknown }, keep_alive?: string | number, think?: boolean | string }',
  OllamaGenerateQuestion:
    '{ model: string, prompt?: string, suffix?: string, images?: string[], system?: string, stream?: boolean, ' +
    'format?: unknown, options?: { [name]: unknown }, keep_alive?: string | number, think?: boolean | string }',
  OllamaModelName: '{ model?: string, name?: string }',
};
