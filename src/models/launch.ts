/** How a model is started: the defaults, then what was chosen for the model, then what the caller wants this time. */
import type { TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import type { Settings } from '#src/settings/settings.ts';
import { LaunchOverrides, type LaunchSettings, type Model, type ModelFormat } from './model.ts';

/** What a load request asks for, and what had to be said about it. */
export type LoadRequest = { readonly overrides: LaunchOverrides; readonly notes: readonly string[] };

/** What the Python Flow called settings of MLX engines, by what they are here; null = there is none. */
const MLX_FIELDS: ReadonlyMap<string, keyof LaunchOverrides | null> = new Map<string, keyof LaunchOverrides | null>([
  ['mlx_context_length', 'ctx_size'],
  ['mlx_prompt_cache_size', 'mlx_prompt_cache_size'],
  ['mlx_enable_auto_tool_choice', null],
  ['mlx_reasoning_parser', 'mlx_reasoning_parser'],
  ['mlx_tool_call_parser', 'mlx_tool_call_parser'],
  ['mlx_chat_template_file', 'chat_template_file'],
  ['mlx_trust_remote_code', 'mlx_trust_remote_code'],
  ['mlx_model_type', null],
]);

/** The complete settings of one start. A context beyond the trained one is brought down to it: the engine would too. */
export function launchFor(model: Model, settings: Settings, overrides: LaunchOverrides): LaunchSettings {
  const launch: LaunchSettings = { ...defaultsOf(settings), ...model.config.launch, ...overrides };
  return { ...launch, ctx_size: contextWithin(model, launch) };
}

/**
 * Whether a model runs otherwise than it would be started now, so that only a restart brings what was changed.
 * `running` is null while it does not run. What somebody else started is never ours to start anew.
 */
export function isOutdated({ model, running, launch, isEngineReplaced }: RunningModel): boolean {
  if (model.endpoint !== null || running === null) return false;
  return isEngineReplaced || !Bun.deepEquals(running, launch);
}

/** How a model runs, and how it would. */
export type RunningModel = {
  readonly model: Model;
  readonly running: LaunchSettings | null;
  readonly launch: LaunchSettings;
  /** Another version of its engine would be taken now. */
  readonly isEngineReplaced: boolean;
};

/** The launch settings that the general settings stand for. */
export function defaultsOf(settings: Settings): LaunchSettings {
  return {
    ctx_size: settings.default_ctx_size,
    n_parallel: settings.default_n_parallel,
    flash_attn: settings.default_flash_attn,
    cache_type_k: settings.default_cache_type_k,
    cache_type_v: settings.default_cache_type_v,
    gpu_layers: settings.default_gpu_layers,
    threads: -1,
    batch_size: 2048,
    ubatch_size: 512,
    rope_scaling: '',
    rope_scale: 0,
    mlock: false,
    mmap: true,
    cache_ram_mib: settings.default_cache_ram_mib,
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
  };
}

function contextWithin(model: Model, launch: LaunchSettings): number {
  const trained = model.trainedContextTokens;
  if (trained === null || trained <= 0) return launch.ctx_size;
  const reachable = launch.rope_scale > 1 ? Math.floor(trained * launch.rope_scale) : trained;
  return launch.ctx_size === 0 ? trained : Math.min(launch.ctx_size, reachable);
}

/**
 * Reads the body of a load request: nothing, or some launch settings by their names on the wire. MLX fields of a model
 * that is none are accepted and left alone, with a note. Throws Fault('invalid-request') that names the first field
 * that is wrong.
 */
export function readLoadRequest(body: unknown, format: ModelFormat = 'gguf'): LoadRequest {
  if (body === undefined || body === null || body === '') return { overrides: {}, notes: [] };
  if (!isObject(body)) throw new Fault('invalid-request', 'A load request is a JSON object of launch settings.');
  const entries = Object.entries(body);
  const nameHere = (name: string): string | null => (format === 'mlx' ? (MLX_FIELDS.get(name) ?? null) : null);
  const ignored = entries.map(([name]) => name).filter((name) => MLX_FIELDS.has(name) && nameHere(name) === null);
  const foreign = entries.flatMap(([name, value]) => {
    const here = nameHere(name);
    return here === null ? [] : [[here, value] as const];
  });
  const own = entries.filter(([name]) => !MLX_FIELDS.has(name));
  return {
    overrides: readOverrides({ ...Object.fromEntries(foreign), ...Object.fromEntries(own) }),
    notes: ignored.length === 0 ? [] : [`Not for this engine, so left alone: ${ignored.join(', ')}.`],
  };
}

/** Checks launch settings from outside. Throws Fault('invalid-request') that names the first field that is wrong. */
export function readOverrides(value: unknown): LaunchOverrides {
  if (Value.Check(LaunchOverrides, value)) return value;
  const [wrong] = Value.Errors(LaunchOverrides, value);
  const field = wrong?.path.split('/')[1] ?? '';
  const known = field in LaunchOverrides.properties;
  throw new Fault(
    'invalid-request',
    known
      ? `${field} is not as it must be: ${wrong?.message.toLowerCase()}${choices(wrong?.schema)}.`
      : `There is no launch setting "${field.slice(0, 60)}".`,
    { details: { field } },
  );
}

/** The values that are possible, in brackets, where there are only some. */
export function choices(schema: TSchema | undefined): string {
  const options: readonly unknown[] = Array.isArray(schema?.anyOf) ? schema.anyOf : [];
  const values = options.map((option) => (isObject(option) ? option.const : undefined));
  return values.length > 0 && values.every((value) => typeof value === 'string') ? ` (${values.join(', ')})` : '';
}
