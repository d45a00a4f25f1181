/** Plans for tests: a small model with Flow's defaults, and a llama-server really run by them. */
import type { InstalledEngine, LaunchPlan } from '#src/engines/engine.ts';
import { EMPTY_CONFIG, type LaunchSettings, type Model } from '#src/models/model.ts';
import { realEngine } from '#test/support/real-engine.ts';

/** Launch settings as small as a test wants them. */
export function someLaunch(differences: Partial<LaunchSettings> = {}): LaunchSettings {
  return {
    ctx_size: 1024,
    n_parallel: 2,
    flash_attn: 'on',
    cache_type_k: 'q4_0',
    cache_type_v: 'q4_0',
    gpu_layers: -1,
    threads: -1,
    batch_size: 2048,
    ubatch_size: 512,
    rope_scaling: '',
    rope_scale: 0,
    mlock: false,
    mmap: true,
    cache_ram_mib: 64,
    mmproj_path: '',
    chat_template_file: '',
    draft_model_path: '',
    num_draft_tokens: 4,
    draft_mtp: false,
    mlx_engine: '',
    mlx_prompt_cache_size: 10,
    mlx_kv_bits: 0,
    mlx_reasoning_parser: '',
    mlx_tool_call_parser: '',
    mlx_trust_remote_code: false,
    extra_args: [],
    ...differences,
  };
}

/** A registered model at a path. */
export function someModel(path: string, differences: Partial<Model> = {}): Model {
  return {
    id: 'tiny',
    name: 'tiny',
    format: 'gguf',
    path,
    hfId: null,
    endpoint: null,
    quantization: 'F32',
    sizeBytes: 1_903_008,
    trainedContextTokens: 4096,
    capabilities: { tools: false, thinking: false, vision: false, embedding: false },
    aliases: [],
    isDemo: false,
    isManaged: false,
    config: EMPTY_CONFIG,
    createdAtMs: 0,
    updatedAtMs: 0,
    ...differences,
  };
}

/** The engine of the tests, as the finder would describe it. */
export function someEngine(differences: Partial<InstalledEngine> = {}): InstalledEngine {
  return { kind: 'llama.cpp', id: 'test', version: 'b10434', origin: 'path', ...realEngine(), ...differences };
}

/** A plan from its parts. */
export function somePlan(parts: Partial<LaunchPlan> & { readonly model: Model }): LaunchPlan {
  return { launch: someLaunch(), engine: someEngine(), port: 8081, apiKey: 'key-of-the-test', ...parts };
}
