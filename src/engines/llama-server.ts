/**
 * llama.cpp's llama-server: the one file to edit when its flags change. Its output is read in `read-log.ts`, its ends
 * in `diagnose.ts`.
 */
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '#src/faults.ts';
import { isObject, numberOrNull } from '#src/json.ts';
import type { LaunchSettings, Model } from '#src/models/model.ts';
import { allowedPath } from './allowed-path.ts';
import { diagnose, engineName } from './diagnose.ts';
import type {
  Command,
  CrashReport,
  Ending,
  EngineAdapter,
  EngineFacts,
  InstalledEngine,
  LaunchPlan,
  StopStep,
} from './engine.ts';
import { type Environment, engineEnvironment } from './environment.ts';
import { extraArguments } from './extra-arguments.ts';
import type { EngineFeatures } from './features.ts';
import { architectureOf, precheck } from './model-file.ts';
import { readLog } from './read-log.ts';
import { SPEECH } from './speech.ts';

export type LlamaServerDeps = {
  /** Flow's own environment, of which only a few names are handed on. */
  readonly environment: Environment;
  /** Folders engines may read files from, besides the one of the model itself. */
  readonly allowedRoots: () => readonly string[];
  /** What a build can do; null when nobody asked it, then it is taken for a present-day one. */
  readonly featuresOf: (engine: InstalledEngine) => EngineFeatures | null;
};

/** Its name among the ways of drafting. */
const MTP = 'draft-mtp';

/** Whether this build has a flag. */
type Has = (flag: string) => boolean;

/** Long prefills on a CPU are silent for a long time; older builds would cut the connection after 600 s. */
const CONNECTION_TIMEOUT_S = 3600;

/** The first ends the child protocol: it closes its connections and exits with 0. Builds without it ignore the line. */
const STOPPING: readonly StopStep[] = [
  { afterMs: 0, say: 'cmd_router_to_child:exit' },
  { afterMs: 250, signal: 'SIGTERM' },
];

/** The adapter for llama-server. */
export function llamaServer(deps: LlamaServerDeps): EngineAdapter {
  return {
    kind: 'llama.cpp',
    stopping: STOPPING,
    measuresLoad: false,
    precheck,
    speech: () => ({ ...SPEECH['llama.cpp'], modelName: null }),
    command: (plan) => command(plan, deps),
    readLog,
    diagnose: diagnoseWithFile,
    isHealthy,
    inspect,
  };
}

/**
 * The context each conversation gets, in tokens; null when neither the settings nor the file say. llama-server caps
 * every
 * slot at the trained context (measured on b10434), so asking for more would only waste memory, unless RoPE scaling
 * extends it.
 */
export function contextPerConversation(model: Model, launch: LaunchSettings): number | null {
  const trained = model.trainedContextTokens;
  if (trained === null) return launch.ctx_size === 0 ? null : launch.ctx_size;
  if (launch.ctx_size === 0) return trained;
  const reachable = launch.rope_scale > 1 ? Math.floor(trained * launch.rope_scale) : trained;
  return Math.min(launch.ctx_size, reachable);
}

function command(plan: LaunchPlan, deps: LlamaServerDeps): Command {
  const { model, launch, engine } = plan;
  const features = deps.featuresOf(engine);
  const has: Has = (flag) => features === null || features.flags.has(flag);
  const roots = [...deps.allowedRoots(), ...foldersOf(model.path)];
  const argv = [
    engine.executable,
    ...serving(plan, has),
    ...context(model, launch),
    ...compute(model, launch, features?.hasAutoGpuLayers ?? true),
    ...loading(launch, has),
    ...prompting(launch, has, roots),
    ...projector(launch, roots),
    ...drafting(plan, features, has, roots),
    // Trace prints what each buffer takes, which the memory ledger learns from; it does not print prompts.
    ...((features?.hasTraceLevel ?? true) ? ['--verbosity', '4'] : []),
    ...extraArguments(launch.extra_args, roots),
  ];
  return { argv, env: environment(plan, deps.environment) };
}

/** The model's folder, and where its file really is: caches keep links in one folder and all files in another. */
export function foldersOf(path: string): string[] {
  try {
    return [dirname(path), dirname(realpathSync(path))];
  } catch {
    return [dirname(path)];
  }
}

function environment(plan: LaunchPlan, own: Environment): Record<string, string> {
  return {
    ...engineEnvironment(own, plan.engine.libraryPath),
    LLAMA_API_KEY: plan.apiKey,
    // The tether: exact load progress on stdout, and an end when our end of its standard input closes.
    LLAMA_SERVER_ROUTER_PORT: '0',
    // On an abort ggml would have a debugger print a trace over the very lines that say why.
    GGML_NO_BACKTRACE: '1',
  };
}

function serving({ model, port }: LaunchPlan, has: Has): string[] {
  return [
    ...['--model', model.path],
    ...['--alias', aliasOf(model)],
    ...['--host', '127.0.0.1'],
    ...['--port', String(port)],
    '--metrics',
    ...(has('--slots') ? ['--slots'] : []),
    ...(has('--no-ui') ? ['--no-ui'] : has('--no-webui') ? ['--no-webui'] : []),
    ...['--timeout', String(CONNECTION_TIMEOUT_S)],
  ];
}

/** The flag takes a list divided by commas; an id may hold one. */
function aliasOf(model: Model): string {
  return model.id.replaceAll(',', '_');
}

/**
 * llama-server divides `--ctx-size` by the slots, so it is multiplied here. With an explicit `--parallel` the cache is
 * not
 * unified: each conversation owns its part and none can take another's. An explicit size is also what `--fit` never
 * shrinks.
 */
function context(model: Model, launch: LaunchSettings): string[] {
  const slots = ['--parallel', String(launch.n_parallel)];
  const each = contextPerConversation(model, launch);
  // Size 0 would be divided too; only a shared cache lets one conversation reach the trained context then.
  if (each === null) return ['--ctx-size', '0', ...slots, ...(launch.n_parallel > 1 ? ['--kv-unified'] : [])];
  return ['--ctx-size', String(each * launch.n_parallel), ...slots, ...extension(model, launch, each)];
}

function extension(model: Model, launch: LaunchSettings, each: number): string[] {
  const scaling = [
    ...(launch.rope_scaling === '' ? [] : ['--rope-scaling', launch.rope_scaling]),
    ...(launch.rope_scale === 0 ? [] : ['--rope-scale', String(launch.rope_scale)]),
  ];
  const trained = model.trainedContextTokens;
  const architecture = trained !== null && each > trained ? architectureOf(model.path) : null;
  if (architecture === null) return scaling;
  // Slots are capped at the context the file claims, RoPE scaling or not: the claim must grow with it, and YaRN told
  // the truth.
  const claim = ['--override-kv', `${architecture}.context_length=int:${each}`];
  return [...scaling, ...claim, '--yarn-orig-ctx', String(trained)];
}

function compute(model: Model, launch: LaunchSettings, hasAutoGpuLayers: boolean): string[] {
  const layers = launch.gpu_layers === -1 ? (hasAutoGpuLayers ? 'auto' : '999') : String(launch.gpu_layers);
  // An embedding is computed in one physical batch: with a smaller one, longer inputs would be refused.
  const physicalBatch = model.capabilities.embedding ? launch.batch_size : launch.ubatch_size;
  return [
    ...['--n-gpu-layers', layers],
    ...['--flash-attn', launch.flash_attn],
    ...['--cache-type-k', launch.cache_type_k],
    ...['--cache-type-v', launch.cache_type_v],
    ...['--batch-size', String(launch.batch_size)],
    ...['--ubatch-size', String(physicalBatch)],
    ...(launch.threads === -1 ? [] : ['--threads', String(launch.threads)]),
    ...(model.capabilities.embedding ? ['--embeddings'] : []),
  ];
}

function loading(launch: LaunchSettings, has: Has): string[] {
  if (has('--load-mode')) return ['--load-mode', loadMode(launch)];
  return [...(launch.mlock ? ['--mlock'] : []), ...(launch.mmap ? [] : ['--no-mmap'])];
}

/** `auto` maps the file unless a device cannot: what `mmap` means to a person. */
function loadMode({ mlock, mmap }: LaunchSettings): string {
  if (mlock) return mmap ? 'mmap+mlock' : 'mlock';
  return mmap ? 'auto' : 'none';
}

function prompting(launch: LaunchSettings, has: Has, roots: readonly string[]): string[] {
  const template = launch.chat_template_file;
  return [
    '--jinja',
    ...['--reasoning-format', 'auto'],
    // Shifting drops the oldest part of a conversation in silence: an overflow must be an error that is seen.
    ...(has('--no-context-shift') ? ['--no-context-shift'] : []),
    ...(has('--cache-ram') ? ['--cache-ram', String(launch.cache_ram_mib)] : []),
    ...(template === '' ? [] : ['--chat-template-file', allowedPath(template, roots, 'chat_template_file')]),
  ];
}

function projector({ mmproj_path: path }: LaunchSettings, roots: readonly string[]): string[] {
  return path === '' ? [] : ['--mmproj', allowedPath(path, roots, 'mmproj_path')];
}

/** Without a type nothing is drafted, although a draft model is loaded (measured on b10434). */
function drafting(plan: LaunchPlan, features: EngineFeatures | null, has: Has, roots: readonly string[]): string[] {
  const { draft_model_path: draft, draft_mtp: isByMtp, num_draft_tokens: tokens } = plan.launch;
  if (isByMtp && features !== null && !features.draftTypes.has(MTP)) throw noMtp(plan);
  const path = draft === '' ? null : allowedPath(draft, roots, 'draft_model_path');
  if (path === null && !isByMtp) return [];
  if (path !== null && !has('--spec-draft-model')) return ['--model-draft', path, '--draft-max', String(tokens)];
  return [
    ...(path === null ? [] : ['--spec-draft-model', path]),
    ...['--spec-draft-n-max', String(tokens)],
    ...['--spec-type', isByMtp ? MTP : 'draft-simple'],
  ];
}

function noMtp(plan: LaunchPlan): Fault {
  return new Fault('invalid-request', `${engineName(plan)} cannot draft by a model's own layers (draft_mtp).`, {
    hint: 'Choose a newer engine, or set draft_mtp to false.',
  });
}

/**
 * About one in thirty tethered starts that fail leaves without its last lines (measured on b10434): then the file may
 * tell.
 */
function diagnoseWithFile(ending: Ending, plan: LaunchPlan): CrashReport {
  const report = diagnose(ending, plan);
  const finding = report.kind === 'unknown' && report.exitCode === 1 ? precheck(plan.model) : null;
  if (!finding) return report;
  return { ...report, kind: finding.kind, isSticky: true, message: finding.message, hint: finding.hint };
}

/** HTTP_PROXY is for the world outside: Bun's fetch would ask it for loopback too, and show it the engine's key. */
const DIRECT = { proxy: false } as const;

async function isHealthy(baseUrl: string, signal: AbortSignal): Promise<boolean> {
  try {
    const headers = { 'accept-encoding': 'identity' };
    const response = await fetch(`${baseUrl}/health`, { ...DIRECT, signal, headers });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function inspect(baseUrl: string, plan: LaunchPlan, signal: AbortSignal): Promise<EngineFacts> {
  const headers = { authorization: `Bearer ${plan.apiKey}`, 'accept-encoding': 'identity' };
  const [response] = await Promise.all([
    fetch(`${baseUrl}/props`, { ...DIRECT, signal, headers }),
    refuseStranger(baseUrl, signal),
  ]);
  const props: unknown = await response.json();
  const generation = isObject(props) ? props.default_generation_settings : null;
  const modalities = isObject(props) ? props.modalities : null;
  const contextTokens = isObject(generation) ? numberOrNull(generation.n_ctx) : null;
  const slots = isObject(props) ? numberOrNull(props.total_slots) : null;
  if (contextTokens === null || slots === null) {
    throw new Fault('engine-refused', `llama-server does not say its context and slots (status ${response.status}).`);
  }
  return { contextTokens, slots, hasVision: isObject(modalities) && modalities.vision === true };
}

/**
 * Ours refuses whoever does not show the key of this start, which nobody else knows. Somebody's own llama-server on our
 * port, which may serve the same file under the same name, takes any key or refuses ours.
 */
async function refuseStranger(baseUrl: string, signal: AbortSignal): Promise<void> {
  const headers = { 'accept-encoding': 'identity' };
  const response = await fetch(`${baseUrl}/metrics`, { ...DIRECT, signal, headers });
  await response.arrayBuffer();
  if (response.status === 401 || response.status === 403) return;
  throw new Fault('engine-refused', `It takes requests without the key of this start (status ${response.status}).`);
}
