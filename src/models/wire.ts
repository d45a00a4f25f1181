/** A model as the management API shows it: the seed's names, and what is new. */
import type { Footprint, LaunchSettings, Model } from './model.ts';
import type { Missing } from './presence.ts';

/** What a model is doing, for a listing. */
export type ModelStatus = {
  readonly status: 'available' | 'loading' | 'running' | 'unloading' | 'error';
  readonly port: number | null;
  readonly pid: number | null;
  /** The settings it runs with; null when it does not run. */
  readonly launch: LaunchSettings | null;
  /** Why it failed, in a sentence; null when it did not. */
  readonly error: string | null;
};

const GB = 1e9;

/** One entry of `/api/models`. GB are 10⁹ bytes. */
export function modelInfo(model: Model, status: ModelStatus, need: Footprint | null, missing: Missing | null) {
  // What runs may go on without its files for a while: the engine has them open.
  const isMissing = missing !== null && (status.status === 'available' || status.status === 'error');
  return {
    id: model.id,
    name: model.name,
    hf_id: model.hfId,
    backend: model.format,
    gguf_file: model.format === 'gguf' && model.path !== '' ? model.path : null,
    mlx_path: model.format === 'mlx' && model.path !== '' ? model.path : null,
    quantization: model.quantization,
    size_gb: gigabytes(model.sizeBytes),
    memory_gb: need ? gigabytes(need.totalBytes) : null,
    memory_source: need?.source ?? null,
    status: isMissing ? 'missing' : status.status,
    port: status.port,
    pid: status.pid,
    error: isMissing ? missing.message : status.error,
    missing,
    size_bytes: model.sizeBytes,
    context_length: model.trainedContextTokens,
    capabilities: model.capabilities,
    aliases: model.aliases,
    is_demo: model.isDemo,
    is_managed: model.isManaged,
    is_pinned: model.config.is_pinned,
    cooldown_s: model.config.cooldown_s,
    /** Its engine was started by somebody else, and is asked there. */
    external: model.endpoint !== null,
    base_url: model.endpoint === null ? null : `${model.endpoint.baseUrl}/v1`,
    created_at: new Date(model.createdAtMs).toISOString(),
  };
}

/** The `load_params` beside a configuration: empty when it does not run. `ctx_size` is that of all slots together. */
export function loadParams(model: Model, { launch }: ModelStatus): Readonly<Record<string, unknown>> {
  if (!launch) return {};
  return { backend: model.format, ...launch, ctx_size: launch.ctx_size * launch.n_parallel };
}

function gigabytes(bytes: number): number {
  return Math.round((bytes / GB) * 1_000) / 1_000;
}
