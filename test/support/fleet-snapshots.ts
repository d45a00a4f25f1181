/** Fleets for tests of whatever shows one: a loaded model, an idle one. */
import type { FleetModel, FleetSnapshot } from '#src/scheduling/lease.ts';
import { llamaSpeech } from './speech.ts';

const LAUNCH = {
  ctx_size: 4096,
  n_parallel: 2,
  flash_attn: 'auto',
  cache_type_k: 'f16',
  cache_type_v: 'f16',
  gpu_layers: -1,
  threads: -1,
  batch_size: 512,
  ubatch_size: 512,
  rope_scaling: '',
  rope_scale: 0,
  mlock: false,
  mmap: true,
  cache_ram_mib: 0,
  mmproj_path: '',
  chat_template_file: '',
  draft_model_path: '',
  num_draft_tokens: 2,
  draft_mtp: false,
  mlx_engine: '',
  mlx_prompt_cache_size: 10,
  mlx_kv_bits: 0,
  mlx_reasoning_parser: '',
  mlx_tool_call_parser: '',
  mlx_trust_remote_code: false,
  extra_args: [],
} as const;

export const ENGINE_SECRET = 'secret-engine-key';

export function idleModel(modelId: string, changes: Partial<FleetModel> = {}): FleetModel {
  return {
    modelId,
    state: { phase: 'idle' },
    inFlight: 0,
    waiting: 0,
    unloadAtMs: null,
    staysMs: null,
    isPinned: false,
    reserved: null,
    measuredBytes: null,
    usualLoadMs: null,
    isMisbehaving: false,
    lastUsedAtMs: null,
    ...changes,
  };
}

export function readyModel(modelId: string, changes: Partial<FleetModel> = {}): FleetModel {
  return idleModel(modelId, {
    state: {
      phase: 'ready',
      generation: 1,
      sinceMs: 0,
      engine: 'llama.cpp',
      speech: llamaSpeech,
      engineVersion: 'b1',
      baseUrl: 'http://127.0.0.1:8081',
      apiKey: ENGINE_SECRET,
      port: 8081,
      pid: 4242,
      contextTokens: 4096,
      slots: 2,
      launch: { ...LAUNCH, extra_args: [] },
      loadMs: 900,
    },
    measuredBytes: 5_000,
    ...changes,
  });
}

export function fleetOf(models: readonly FleetModel[], changes: Partial<FleetSnapshot> = {}): FleetSnapshot {
  return {
    models,
    memory: { budgetBytes: 100_000, reservedBytes: 7_000, byModel: [] },
    queue: [],
    swaps: 3,
    contention: null,
    ...changes,
  };
}
