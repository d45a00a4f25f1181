/** What the MLX servers have in common as engines: how they are looked at, and the options that all of them have. */
import type { EngineAdapter, LaunchPlan } from '#src/engines/engine.ts';
import { extraArguments } from '#src/engines/extra-arguments.ts';
import { SPEECH } from '#src/engines/speech.ts';
import type { MlxKind } from '../kinds.ts';
import { isHealthy } from './ask.ts';
import { diagnoseMlx } from './diagnose.ts';
import { mlxFlags } from './flags.ts';
import { precheckMlx } from './precheck.ts';
import { readMlxLog } from './read-log.ts';
import { draftOf, type MlxAdapterDeps, type OptionWriter, refuseMtp, rootsOf } from './serve-plan.ts';

/** An adapter of this kind; how it is started, asked and stopped is each server's own. */
export function mlxAdapter(kind: MlxKind, own: Pick<EngineAdapter, 'stopping' | 'command' | 'inspect'>): EngineAdapter {
  return {
    kind,
    measuresLoad: true,
    precheck: precheckMlx,
    speech: ({ model }) => ({ ...SPEECH[kind], modelName: model.path }),
    readLog: readMlxLog,
    diagnose: diagnoseMlx,
    isHealthy,
    ...own,
  };
}

/** Bits of a quantised cache; nothing where it stays as it is. Throws Fault('invalid-request') as `needed` does. */
export function cacheBits(plan: LaunchPlan, write: OptionWriter): string[] {
  const { mlx_kv_bits: bits } = plan.launch;
  return bits === 0 ? [] : write.needed('--kv-bits', bits, { setting: 'mlx_kv_bits', plan });
}

/** A draft model by the option of this name, and how many tokens it drafts. Throws Fault('invalid-request'). */
export function drafting(option: string, plan: LaunchPlan, deps: MlxAdapterDeps, write: OptionWriter): string[] {
  refuseMtp(plan);
  const folder = draftOf(plan, deps);
  if (folder === null) return [];
  const tokens = write.maybe('--num-draft-tokens', plan.launch.num_draft_tokens);
  return [...write.needed(option, folder, { setting: 'draft_model_path', plan }), ...tokens];
}

/** What ends every command: trust in a model's own code, and what the user adds. */
export function lastArguments(kind: MlxKind, plan: LaunchPlan, deps: MlxAdapterDeps): string[] {
  const { mlx_trust_remote_code: isTrusted, extra_args: extra } = plan.launch;
  return [...(isTrusted ? ['--trust-remote-code'] : []), ...extraArguments(extra, rootsOf(plan, deps), mlxFlags(kind))];
}
