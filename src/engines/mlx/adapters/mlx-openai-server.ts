/** mlx-openai-server: text, pictures without batching, and embeddings. Tested with 1.8.1. */
import type { Command, EngineAdapter, EngineFacts, LaunchPlan } from '#src/engines/engine.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { ask } from './ask.ts';
import { cacheBits, drafting, lastArguments, mlxAdapter } from './mlx-adapter.ts';
import { parsersFor } from './parsers.ts';
import {
  cacheBytesMax,
  cacheEntriesMax,
  cannot,
  contextOf,
  type MlxAdapterDeps,
  mlxEnvironment,
  OptionWriter,
  templateOf,
  UVICORN_STOPPING,
} from './serve-plan.ts';

/** Long prefills are silent for a long time. */
const QUEUE_TIMEOUT_S = 3600;
/** It embeds this much of a text and passes over the rest; no option changes it (1.8.1). */
const EMBEDDED_TOKENS_MAX = 512;

/** The adapter for mlx-openai-server. */
export function mlxOpenaiServer(deps: MlxAdapterDeps): EngineAdapter {
  return mlxAdapter('mlx-openai-server', {
    stopping: UVICORN_STOPPING,
    command: (plan) => command(plan, deps),
    inspect,
  });
}

function command(plan: LaunchPlan, deps: MlxAdapterDeps): Command {
  const { model, engine, port } = plan;
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
    ...lastArguments('mlx-openai-server', plan, deps),
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
  const template = templateOf(plan, deps);
  return [
    ...(hasVision(plan) ? pictures(write) : text(plan, deps, write)),
    ...cacheBits(plan, write),
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
    ...drafting('--draft-model-path', plan, deps, write),
  ];
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
