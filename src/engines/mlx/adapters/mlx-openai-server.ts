/** mlx-openai-server: text, pictures without batching, and embeddings. Tested with 1.8.1. */
import type { Command, EngineAdapter, EngineFacts, LaunchPlan } from '#src/engines/engine.ts';
import { extraArguments } from '#src/engines/extra-arguments.ts';
import { SPEECH } from '#src/engines/speech.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { ask, isHealthy } from './ask.ts';
import { diagnoseMlx } from './diagnose.ts';
import { mlxFlags } from './flags.ts';
import { parsersFor } from './parsers.ts';
import { precheckMlx } from './precheck.ts';
import { readMlxLog } from './read-log.ts';
import {
  cacheBytesMax,
  cacheEntriesMax,
  cannot,
  contextOf,
  draftOf,
  type MlxAdapterDeps,
  mlxEnvironment,
  OptionWriter,
  refuseMtp,
  rootsOf,
  templateOf,
  UVICORN_STOPPING,
} from './serve-plan.ts';

/** Long prefills are silent for a long time. */
const QUEUE_TIMEOUT_S = 3600;
/** It embeds this much of a text and passes over the rest; no option changes it (1.8.1). */
const EMBEDDED_TOKENS_MAX = 512;

/** The adapter for mlx-openai-server. */
export function mlxOpenaiServer(deps: MlxAdapterDeps): EngineAdapter {
  return {
    kind: 'mlx-openai-server',
    stopping: UVICORN_STOPPING,
    measuresLoad: true,
    precheck: precheckMlx,
    speech: ({ model }) => ({ ...SPEECH['mlx-openai-server'], modelName: model.path }),
    command: (plan) => command(plan, deps),
    readLog: readMlxLog,
    diagnose: diagnoseMlx,
    isHealthy,
    inspect,
  };
}

function command(plan: LaunchPlan, deps: MlxAdapterDeps): Command {
  const { model, launch, engine, port } = plan;
  const write = new OptionWriter(deps.optionsOf(engine));
  const argv = [
    ...[engine.executable, 'launch'],
    ...['--model-path', model.path],
    ...['--model-type', typeOf(plan)],
    // By default it is open to the network.
    ...['--host', '127.0.0.1'],
    ...['--port', String(port)],
    // It would write into the folder that Flow was started in.
    ...(write.has('--no-log-file') ? ['--no-log-file'] : []),
    ...write.maybe('--log-level', 'INFO'),
    ...write.maybe('--queue-timeout', QUEUE_TIMEOUT_S),
    ...(typeOf(plan) === 'embeddings' ? [] : generation(plan, deps, write)),
    ...(launch.mlx_trust_remote_code ? ['--trust-remote-code'] : []),
    ...extraArguments(launch.extra_args, rootsOf(plan, deps), mlxFlags('mlx-openai-server')),
  ];
  return { argv, env: mlxEnvironment(deps) };
}

function hasVision({ model }: LaunchPlan): boolean {
  return model.capabilities.vision;
}

/** As `lm` a model of embeddings loads too, and then has no embeddings. */
function typeOf({ model: { capabilities } }: LaunchPlan): 'multimodal' | 'embeddings' | 'lm' {
  return capabilities.vision ? 'multimodal' : capabilities.embedding ? 'embeddings' : 'lm';
}

function generation(plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  const { mlx_kv_bits: kvBits } = plan.launch;
  const template = templateOf(plan, deps);
  return [
    ...(hasVision(plan) ? pictures(write) : text(plan, deps, write)),
    ...(kvBits === 0 ? [] : write.needed('--kv-bits', kvBits, { setting: 'mlx_kv_bits', plan })),
    ...parsers(plan, deps, write),
    ...(template === null
      ? []
      : write.needed('--chat-template-file', template, { setting: 'chat_template_file', plan })),
  ];
}

/** With pictures its batching hangs for ever (mlx-vlm 0.4.4, the only version that it allows). */
function pictures(write: OptionWriter): string[] {
  return write.has('--disable-batching') ? ['--disable-batching'] : [];
}

function text(plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  const { launch } = plan;
  const bytes = cacheBytesMax(plan);
  return [
    ...write.maybe('--decode-concurrency', launch.n_parallel),
    ...write.maybe('--prompt-concurrency', launch.n_parallel),
    ...write.maybe('--prompt-cache-size', cacheEntriesMax(plan)),
    ...(bytes === null ? [] : write.maybe('--max-bytes', bytes)),
    ...draft(plan, deps, write),
  ];
}

function draft(plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  refuseMtp(plan);
  const folder = draftOf(plan, deps);
  if (folder === null) return [];
  const tokens = write.maybe('--num-draft-tokens', plan.launch.num_draft_tokens);
  return [...write.needed('--draft-model-path', folder, { setting: 'draft_model_path', plan }), ...tokens];
}

function parsers(plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  const choices = {
    reasoning: write.choices('--reasoning-parser'),
    toolCall: write.choices('--tool-call-parser'),
  };
  const { reasoning, toolCall } = parsersFor(deps.traitsOf(plan.model), choices, plan.launch);
  check(plan, 'mlx_reasoning_parser', reasoning, choices.reasoning);
  check(plan, 'mlx_tool_call_parser', toolCall, choices.toolCall);
  return [
    ...(reasoning === null ? [] : write.maybe('--reasoning-parser', reasoning)),
    ...(toolCall === null ? [] : write.maybe('--tool-call-parser', toolCall)),
    ...(toolCall === null || !write.has('--enable-auto-tool-choice') ? [] : ['--enable-auto-tool-choice']),
  ];
}

function check(plan: LaunchPlan, setting: string, name: string | null, known: readonly string[] | null): void {
  if (name === null || known === null || known.includes(name)) return;
  throw cannot(plan, `does not know the parser \`${name}\` of ${setting}; it knows ${known.join(', ')}`);
}

/** Null while it is not there yet. It listens once its model is loaded. */
async function inspect(baseUrl: string, plan: LaunchPlan, signal: AbortSignal): Promise<EngineFacts | null> {
  const { body } = await ask(`${baseUrl}/health`, signal);
  if (!isObject(body) || body.model_id !== plan.model.path) {
    throw new Fault('engine-refused', `It does not say that it serves ${plan.model.path}.`);
  }
  const status = typeof body.model_status === 'string' ? body.model_status : '';
  if (!status.startsWith('initialized')) return null;
  const contextTokens =
    typeOf(plan) === 'embeddings' ? Math.min(contextOf(plan), EMBEDDED_TOKENS_MAX) : contextOf(plan);
  const isSingle = hasVision(plan) || plan.launch.draft_model_path !== '';
  const slots = isSingle ? 1 : plan.launch.n_parallel;
  return { contextTokens, slots, hasVision: hasVision(plan) };
}
