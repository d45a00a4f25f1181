/** mlx_vlm.server: pictures and text. Tested with 0.7.10. */
import type { Command, EngineAdapter, EngineFacts, LaunchPlan } from '#src/engines/engine.ts';
import { Fault } from '#src/faults.ts';
import { isObject } from '#src/json.ts';
import { ask } from './ask.ts';
import { cacheBits, lastArguments, mlxAdapter } from './mlx-adapter.ts';
import {
  cannot,
  contextOf,
  draftOf,
  type MlxAdapterDeps,
  mlxEnvironment,
  OptionWriter,
  UVICORN_STOPPING,
} from './serve-plan.ts';

/** The adapter for mlx_vlm.server. */
export function mlxVlm(deps: MlxAdapterDeps): EngineAdapter {
  return mlxAdapter('mlx-vlm', {
    stopping: UVICORN_STOPPING,
    command: (plan) => command(plan, deps),
    inspect,
  });
}

function command(plan: LaunchPlan, deps: MlxAdapterDeps): Command {
  const { model, launch, engine, port } = plan;
  const write = new OptionWriter(deps.optionsOf(engine));
  if (launch.chat_template_file !== '') {
    throw cannot(plan, 'takes no chat template but that in the folder of the model, and chat_template_file is set');
  }
  const thinks = deps.traitsOf(model).thinks && write.has('--enable-thinking');
  const argv = [
    engine.executable,
    ...['--model', model.path],
    // By default it is open to the network.
    ...['--host', '127.0.0.1'],
    ...['--port', String(port)],
    ...write.maybe('--log-level', 'INFO'),
    // It would write a line every ten tokens.
    ...write.maybe('--log-progress-interval', 0),
    ...write.maybe('--max-num-seqs', launch.n_parallel),
    // Models that think do so unless a request says otherwise, as they do everywhere else.
    ...(thinks ? ['--enable-thinking'] : []),
    ...cacheBits(plan, write),
    ...draft(plan, deps, write),
    ...lastArguments('mlx-vlm', plan, deps),
  ];
  // By environment, so that it shows in no list of processes.
  return { argv, env: { ...mlxEnvironment(deps), MLX_VLM_SERVER_API_KEY: plan.apiKey } };
}

/** How many tokens are drafted is the draft model's own affair here: its blocks have a size. */
function draft(plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  const isByMtp = plan.launch.draft_mtp;
  const folder = draftOf(plan, deps) ?? (isByMtp ? plan.model.path : null);
  if (folder === null) return [];
  const setting = isByMtp ? 'draft_mtp' : 'draft_model_path';
  const model = write.needed('--draft-model', folder, { setting, plan });
  return isByMtp ? [...model, ...write.needed('--draft-kind', 'mtp', { setting, plan })] : model;
}

/** Null while no model is loaded: without one it calls itself healthy too. */
async function inspect(baseUrl: string, plan: LaunchPlan, signal: AbortSignal): Promise<EngineFacts | null> {
  const { body } = await ask(`${baseUrl}/health`, signal, { apiKey: plan.apiKey });
  if (!isObject(body) || !('loaded_model' in body)) {
    throw new Fault('engine-refused', 'It does not say which model it serves.');
  }
  if (body.loaded_model === null) return null;
  if (body.loaded_model !== plan.model.path) {
    throw new Fault('engine-refused', `It does not say that it serves ${plan.model.path}.`);
  }
  const { launch, model } = plan;
  return { contextTokens: contextOf(plan), slots: launch.n_parallel, hasVision: model.capabilities.vision };
}
